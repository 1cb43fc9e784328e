package importer

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-vcard"
)

// A cardReader turns cards into records.
//
// A person is known by address: the first address of a card is its key, the same
// that mail and calendars use, so the card adds to the person that mail has made,
// and the other way round. Two people who share an address (a couple, an office)
// are not to become one: an address that stands in the file under several names
// identifies nobody, and a card without one of its own is known by its UID, else by
// its content. Across files the first to use an address owns it; a later card
// under another name adds to that person, with its name as alternateName.
type cardReader struct {
	owner  map[string]string // address → name on the first card that has it
	shared map[string]bool   // addresses that stand under several names
}

// note remembers whose the addresses of a card are.
func (r *cardReader) note(card vcard.Card) {
	name := strings.ToLower(cardName(card))
	for _, addr := range cardEmails(card) {
		if other, ok := r.owner[addr]; ok && other != name {
			r.shared[addr] = true
		} else {
			r.owner[addr] = name
		}
	}
}

func (r *cardReader) record(c component) (rec Record) {
	switch {
	case c.raw == nil:
		rec.Err = fmt.Errorf("the card is %d bytes long; the limit is %d", c.end-c.at, maxComponent)
		return rec
	case c.name != "VCARD":
		rec.Err = errors.New("text that is not part of a card")
		return rec
	}
	card, lost, err := parseCard(c.raw)
	if err != nil {
		rec.Err = err
		return rec
	}
	var notes []string
	if lost > 0 {
		notes = append(notes, fmt.Sprintf("%d lines could not be read", lost))
	}
	if !c.closed {
		notes = append(notes, "the card has no end")
	}
	d := r.person(card)
	rec.Items = []Draft{d}
	if photo, ok, err := cardPhoto(card); err != nil {
		notes = append(notes, "the photo could not be read")
	} else if ok {
		rec.Items = append(rec.Items, photo)
		rec.Links = []Link{{From: d.Key, Name: "image", To: photo.Key}}
	}
	rec.Note = strings.Join(notes, "; ")
	return rec
}

func (r *cardReader) person(card vcard.Card) Draft {
	d := Draft{Type: "Person", Props: cardProps(card)}
	uid := cleanText(cardText(card, vcard.FieldUID))
	for _, addr := range cardEmails(card) {
		if r.shared[addr] {
			continue
		}
		if key := "person:email:" + addr; d.Key == "" {
			d.Key, d.Merge = key, true
		} else {
			d.Aliases = append(d.Aliases, key)
		}
	}
	switch {
	case d.Key == "" && uid != "":
		d.Key, d.Replaces = "person:uid:"+uid, differs(d.Props, cardProperties)
	case d.Key == "":
		d.Key = "person:card:" + cardSum(card)
	case uid != "":
		d.Aliases = append(d.Aliases, "person:uid:"+uid)
	}
	return d
}

// cardProperties are the properties that a card can set.
var cardProperties = []string{
	"name", "givenName", "familyName", "alternateName", "email", "telephone", "address",
	"worksFor", "jobTitle", "birthDate", "description", "sameAs", "url", "keywords", "identifier",
}

func cardProps(card vcard.Card) map[string]any {
	props := map[string]any{}
	name := cardName(card)
	put(props, "name", name)
	if n := card.Preferred(vcard.FieldName); n != nil {
		parts := splitEscaped(n.Value, ';')
		put(props, "familyName", parts[0])
		if len(parts) > 1 {
			put(props, "givenName", parts[1])
		}
	}
	// The name stands here too: where the card adds to a person that mail has
	// named otherwise, that is where it is found.
	putAll(props, "alternateName", append([]string{name}, cardList(card, vcard.FieldNickname)...))
	putAll(props, "email", cardEmails(card))
	var phones []string
	for _, p := range cardTexts(card, vcard.FieldTelephone) {
		phones = append(phones, strings.TrimPrefix(p, "tel:"))
	}
	putAll(props, "telephone", phones)
	var addresses []string
	for _, f := range card[vcard.FieldAddress] {
		addresses = append(addresses, joinParts(f.Value))
	}
	putAll(props, "address", addresses)
	if f := card.Preferred(vcard.FieldOrganization); f != nil {
		put(props, "worksFor", joinParts(f.Value))
	}
	put(props, "jobTitle", cardText(card, vcard.FieldTitle))
	put(props, "birthDate", birthDate(cardText(card, vcard.FieldBirthday)))
	put(props, "description", strings.Join(cardTexts(card, vcard.FieldNote), "\n\n"))
	putAll(props, "keywords", cardList(card, vcard.FieldCategories))
	put(props, "identifier", cardText(card, vcard.FieldUID))
	urls := cardTexts(card, vcard.FieldURL)
	put(props, "url", first(urls))
	if len(urls) > 0 {
		urls = urls[1:]
	}
	for _, field := range []string{"IMPP", "SOCIALPROFILE", "X-SOCIALPROFILE"} {
		urls = append(urls, cardTexts(card, field)...)
	}
	putAll(props, "sameAs", urls)
	return props
}

// cardName is the formatted name, else the parts of the name in the order of the
// West, else the organisation.
func cardName(card vcard.Card) string {
	if fn := oneLine(cardText(card, vcard.FieldFormattedName)); fn != "" {
		return fn
	}
	if n := card.Preferred(vcard.FieldName); n != nil {
		p := append(splitEscaped(n.Value, ';'), make([]string, 5)...)
		if name := oneLine(strings.Join([]string{p[3], p[1], p[2], p[0], p[4]}, " ")); name != "" {
			return name
		}
	}
	return oneLine(strings.ReplaceAll(cardText(card, vcard.FieldOrganization), ";", " "))
}

// cardEmails returns the addresses in lower case, the preferred one first.
func cardEmails(card vcard.Card) []string {
	var out []string
	add := func(f *vcard.Field) {
		addr := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(unescape(f.Value)), "mailto:"))
		if a, err := mail.ParseAddress(addr); err == nil {
			addr = a.Address
		}
		if strings.Contains(addr, "@") && !slices.Contains(out, addr) {
			out = append(out, cleanText(addr))
		}
	}
	if f := card.Preferred(vcard.FieldEmail); f != nil {
		add(f)
	}
	for _, f := range card[vcard.FieldEmail] {
		add(f)
	}
	return out
}

func cardText(card vcard.Card, field string) string {
	return unescape(card.PreferredValue(field))
}

func cardTexts(card vcard.Card, field string) []string {
	var out []string
	for _, f := range card[field] {
		out = append(out, unescape(f.Value))
	}
	return out
}

// cardList returns the values of a field that holds several, with commas between.
func cardList(card vcard.Card, field string) []string {
	var out []string
	for _, f := range card[field] {
		out = append(out, splitEscaped(f.Value, ',')...)
	}
	return out
}

// joinParts makes one line of a value in parts, such as an address.
func joinParts(value string) string {
	var parts []string
	for _, p := range splitEscaped(value, ';') {
		if p = oneLine(p); p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ", ")
}

// birthDate puts the hyphens into a basic date of ISO 8601 and leaves all else, such
// as "--0203", a birthday without a year, as it is.
func birthDate(s string) string {
	for _, layout := range []string{"20060102", "2006-01-02T15:04:05Z", "20060102T150405Z"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.DateOnly)
		}
	}
	return s
}

// cardPhoto drafts the first photo that stands in the card itself. Links to photos
// elsewhere are not followed.
func cardPhoto(card vcard.Card) (Draft, bool, error) {
	for _, f := range card[vcard.FieldPhoto] {
		kind, data := strings.ToLower(f.Params.Get(vcard.ParamType)), f.Value
		enc := f.Params.Get("ENCODING")
		if head, body, ok := strings.Cut(unescape(data), ","); ok && strings.HasPrefix(head, "data:") && strings.HasSuffix(head, ";base64") {
			kind, data = strings.TrimSuffix(strings.TrimPrefix(head, "data:"), ";base64"), body
		} else if !strings.EqualFold(enc, "b") && !strings.EqualFold(enc, "base64") {
			continue
		}
		content, err := decodeBase64(data)
		if err != nil || len(content) == 0 {
			return Draft{}, false, errors.Join(errors.New("no photo"), err)
		}
		return photoDraft(kind, content), true, nil
	}
	return Draft{}, false, nil
}

func photoDraft(kind string, content []byte) Draft {
	mediaType := "image/jpeg"
	switch {
	case bytes.HasPrefix(content, []byte("\x89PNG")):
		mediaType = "image/png"
	case bytes.HasPrefix(content, []byte("GIF8")):
		mediaType = "image/gif"
	case strings.HasPrefix(kind, "image/"):
		mediaType = kind
	}
	name, sum := "photo"+extensionOf(mediaType), hexSHA256(content)
	return Draft{
		Key:  fileKey(sum, name),
		Type: "File",
		Props: map[string]any{
			"name": name, "blobName": name, "encodingFormat": mediaType,
			"contentSize": int64(len(content)), "sha256": sum,
		},
		Content: opener(content),
	}
}

// decodeBase64 takes base64 with or without padding and with white space in it.
func decodeBase64(s string) ([]byte, error) {
	s = strings.TrimRight(strings.Join(strings.Fields(s), ""), "=")
	return base64.RawStdEncoding.DecodeString(s)
}

// cardSum hashes what a card says, whatever the order of its lines.
func cardSum(card vcard.Card) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(card)) {
		if name == vcard.FieldRevision || name == vcard.FieldProductID || name == vcard.FieldVersion {
			continue
		}
		for _, f := range card[name] {
			lines = append(lines, name+":"+f.Value)
		}
	}
	slices.Sort(lines)
	return "sha256:" + hexSHA256([]byte(strings.Join(lines, "\n")))
}

// differs returns a function for [Draft.Replaces]: the draft is a newer state of the
// item if any of the owned properties differs. Sources say when they were written,
// but not reliably; the last import wins, and the history keeps what it replaced.
// Owned properties that the draft lacks are set to nil, to be removed.
func differs(props map[string]any, owned []string) func(map[string]any) bool {
	return func(there map[string]any) bool {
		changed := false
		for _, name := range owned {
			was, had := there[name]
			is, has := props[name]
			switch {
			case had && (!has || is == nil):
				props[name], changed = nil, true
			case has && is != nil && !sameValue(was, is):
				changed = true
			}
		}
		return changed
	}
}

func sameValue(a, b any) bool {
	if ta, ok := a.(time.Time); ok {
		tb, ok := b.(time.Time)
		return ok && ta.Equal(tb.Truncate(time.Microsecond))
	}
	return reflect.DeepEqual(a, b)
}
