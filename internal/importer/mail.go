package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"strings"
)

// Bounds on one message. What is beyond them stays in the raw form only.
const (
	maxMessage    = 64 << 20 // bytes of a message that is parsed at all
	maxMailText   = 1 << 20  // bytes of its text
	maxMailFiles  = 1000     // attachments
	maxMailPeople = 500      // addresses
	maxMailRefs   = 500      // ids in References
	maxThreadIDs  = 100_000  // replies whose thread is remembered while a mail box is read
)

var errEmptyMessage = errors.New("the message is empty")

// A mailReader turns messages into records. One reader serves one file.
type mailReader struct {
	folder string
	// roots maps the id of a reply that names only its parent to the root of its
	// thread, so that its own replies are filed under the same root. Single files
	// have no such memory: there a reply without References opens a thread with
	// its parent.
	roots map[string]string
}

func newMailReader(folder string) *mailReader {
	return &mailReader{folder: folder, roots: map[string]string{}}
}

// record makes a record of one message. raw is kept; text is the same message as it
// is parsed, freed of what its container added.
//
// The key is a hash and not the Message-ID, for different messages do carry the
// same one. Line ends after the last line belong to the container and do not count.
func (r *mailReader) record(raw, text []byte) Record {
	rec := Record{Raw: opener(raw)}
	if len(bytes.TrimSpace(text)) == 0 {
		rec.Err = errEmptyMessage
		return rec
	}
	m := parseMail(text)
	if len(m.header) == 0 && strings.TrimSpace(m.text) == "" && len(m.files) == 0 {
		rec.Err = errors.New("neither headers nor text could be read")
		return rec
	}
	key := "mail:sha256:" + hexSHA256(bytes.TrimRight(raw, "\r\n"))
	b := mailRecord{key: key, seen: map[string]bool{}, mail: &m}
	b.message(r.folder)
	for _, f := range m.files {
		b.file(f)
	}
	b.thread(r)
	rec.Items, rec.Links = b.items, b.links
	rec.Note = m.note()
	return rec
}

// A mailRecord gathers the items and links of one message.
type mailRecord struct {
	mail  *parsedMail
	key   string
	id    string // Message-ID, "" if it has none
	items []Draft
	links []Link
	seen  map[string]bool // keys already in items
}

func (b *mailRecord) message(folder string) {
	m := b.mail
	b.id = first(m.ids("Message-Id"))
	d := Draft{Key: b.key, Type: "Message", Props: map[string]any{}}
	if b.id != "" {
		d.Aliases = []string{"mid:" + b.id}
	}
	put(d.Props, "name", m.value("Subject"))
	put(d.Props, "text", m.text)
	put(d.Props, "folder", folder)
	put(d.Props, "identifier", b.id)
	put(d.Props, "inReplyTo", first(m.ids("In-Reply-To")))
	putAll(d.Props, "references", m.ids("References"))
	putAll(d.Props, "keywords", append(splitList(m.value("X-Gmail-Labels")), splitList(m.value("Keywords"))...))
	m.dates(d.Props)
	b.items = append(b.items, d)
	b.people(d.Props)
	// Last: reading the fields above may find further defects.
	d.Props["defects"] = int64(len(m.defects))
}

// people sets the address properties of the message and adds a person for each.
func (b *mailRecord) people(props map[string]any) {
	from := b.mail.addresses("From")
	if len(from) == 0 {
		from = b.mail.addresses("Sender")
	}
	if len(from) > 0 {
		props["sender"] = addressText(from[0])
		b.persons(from[:1], "sender")
	}
	if reply := b.mail.addresses("Reply-To"); len(reply) > 0 {
		props["replyTo"] = addressText(reply[0])
	}
	for _, field := range []struct{ header, property, edge string }{
		{"To", "toRecipient", "toRecipient"},
		{"Cc", "ccRecipient", "ccRecipient"},
		{"Bcc", "bccRecipient", "bccRecipient"},
	} {
		list := b.mail.addresses(field.header)
		var texts []string
		for _, a := range list {
			texts = append(texts, addressText(a))
		}
		putAll(props, field.property, texts)
		b.persons(list, field.edge)
	}
}

func (b *mailRecord) persons(list []mail.Address, edge string) {
	for _, a := range list {
		d, ok := personOf(a)
		if !ok {
			continue
		}
		b.add(d)
		b.links = append(b.links, Link{From: b.key, Name: edge, To: d.Key})
	}
}

// add adds a draft unless the record has one with its key already.
func (b *mailRecord) add(d Draft) {
	if !b.seen[d.Key] {
		b.seen[d.Key] = true
		b.items = append(b.items, d)
	}
}

func (b *mailRecord) file(f mailFile) {
	sum := hexSHA256(f.content)
	d := Draft{
		Key:  fileKey(sum, f.name),
		Type: "File",
		Props: map[string]any{
			"name": f.name, "blobName": f.name,
			"contentSize": int64(len(f.content)), "sha256": sum,
		},
		Content: opener(f.content),
	}
	put(d.Props, "encodingFormat", f.mediaType)
	b.add(d)
	b.links = append(b.links, Link{From: b.key, Name: "attachment", To: d.Key})
}

// thread files a reply under the conversation that its first ancestor began. A
// message that answers nothing belongs to none until an answer comes, which links
// both.
func (b *mailRecord) thread(r *mailReader) {
	m := b.mail
	refs, parent := m.ids("References"), first(m.ids("In-Reply-To"))
	if parent == "" && len(refs) > 0 {
		parent = refs[len(refs)-1]
	}
	if parent == "" || parent == b.id {
		return
	}
	root := first(refs)
	if root == "" || root == b.id {
		root = parent
	}
	if known, ok := r.roots[root]; ok {
		root = known
	}
	if b.id != "" && len(refs) < 2 && len(r.roots) < maxThreadIDs {
		r.roots[b.id] = root
	}
	key := "thread:" + root
	d := Draft{Key: key, Type: "Conversation", Props: map[string]any{}, Merge: true}
	put(d.Props, "name", baseSubject(m.value("Subject")))
	b.add(d)
	b.links = append(b.links,
		Link{From: b.key, Name: "inReplyTo", To: "mid:" + parent},
		Link{From: b.key, Name: "isPartOf", To: key},
		Link{From: "mid:" + root, Name: "isPartOf", To: key})
}

// personOf drafts the person behind an address. Everyone who writes an address,
// in mail, cards and calendars alike, drafts the same key, so they become one
// item. ok is false if there is no address.
func personOf(a mail.Address) (d Draft, ok bool) {
	addr := strings.ToLower(a.Address)
	if addr == "" {
		return Draft{}, false
	}
	d = Draft{Key: "person:email:" + addr, Type: "Person", Props: map[string]any{"email": []any{addr}}, Merge: true}
	if !strings.EqualFold(a.Name, addr) {
		put(d.Props, "name", a.Name)
	}
	return d, true
}

// put sets a text property unless the value is empty.
func put(props map[string]any, name, value string) {
	if value = cleanText(value); value != "" {
		props[name] = value
	}
}

// putAll sets a text property of many values, leaving out empty and repeated ones,
// unless none remains.
func putAll(props map[string]any, name string, values []string) {
	var list []any
	seen := map[string]bool{}
	for _, v := range values {
		if v = cleanText(v); v != "" && !seen[v] {
			seen[v] = true
			list = append(list, v)
		}
	}
	if list != nil {
		props[name] = list
	}
}

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func opener(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// note says what was odd about the message, "" if nothing was.
func (m *parsedMail) note() string {
	const shown = 3
	if len(m.defects) == 0 {
		return ""
	}
	list := m.defects
	more := ""
	if len(list) > shown {
		more = fmt.Sprintf("; and %d more", len(list)-shown)
		list = list[:shown]
	}
	return cleanText(strings.Join(list, "; ")) + more
}
