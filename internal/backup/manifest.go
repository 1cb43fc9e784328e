package backup

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// A Manifest is what a snapshot's signed manifest says.
type Manifest struct {
	Pod        locket.PodID
	ID         string
	Epoch      int64
	Generation int64
	Taken      time.Time // UTC, whole seconds
	Header     Hash      // of the pod's header
	Checkpoint string    // of the journal
	Previous   Link      // the snapshot before this one
	Recipients []string  // sorted
	Database   string
	Pages      uint32
	Blobs      int
	BlobBytes  int64
	Gone       int // blobs erased while the snapshot was taken

	segments []segment // of the database, in order; all but the last have segmentPages pages
	blobs    []Hash    // objects that list the blobs
}

// A segment is a run of pages of the database.
type segment struct {
	extents, digests Hash
	pages            uint32
}

const (
	formatVersion = 1
	maxEpoch      = 1e9
	noLink        = "none"
)

// Size returns the bytes of the database and the blobs.
func (m *Manifest) Size() int64 { return int64(m.Pages)*pageSize + m.BlobBytes }

func (l Link) text() string {
	if l.ID == "" {
		return noLink
	}
	return l.ID + " " + l.Manifest.String()
}

func (m *Manifest) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s%s", manifestKind, m.Pod)
	line("format %d", formatVersion)
	line("snapshot %s", m.ID)
	line("epoch %d", m.Epoch)
	line("generation %d", m.Generation)
	line("taken %s", m.Taken.UTC().Format(time.RFC3339))
	line("header %s", m.Header)
	line("checkpoint %s", base64.StdEncoding.EncodeToString([]byte(m.Checkpoint)))
	line("previous %s", m.Previous.text())
	for _, r := range m.Recipients {
		line("recipient %s", r)
	}
	line("database %s %d %d", m.Database, pageSize, m.Pages)
	for _, s := range m.segments {
		line("segment %s %s %d", s.extents, s.digests, s.pages)
	}
	line("blobs %d %d %d", m.Blobs, m.BlobBytes, m.Gone)
	for _, h := range m.blobs {
		line("list %s", h)
	}
	return b.String()
}

// openManifest reads what was written for snapshot id to the recipients named by set.
func openManifest(signed []byte, id, set string, keys []ed25519.PublicKey) (*Manifest, error) {
	first, _, _ := strings.Cut(string(signed[:min(len(signed), 128)]), "\n")
	pod, ok := strings.CutPrefix(first, manifestKind)
	if _, isID := locket.ParseUUID(pod); !ok || !isID {
		return nil, Finding{manifestName(id, set), "is no manifest"}
	}
	text, err := openNote(signed, locket.PodID(pod), keys)
	if err != nil {
		return nil, at(manifestName(id, set), err)
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, at(manifestName(id, set), err)
	}
	if m.ID != id || setOf(m.Recipients) != set {
		return nil, Finding{manifestName(id, set), "is the manifest of snapshot " + m.ID}
	}
	return m, nil
}

func parseManifest(text string) (*Manifest, error) {
	m := new(Manifest)
	lines := lineReader{rest: text}
	m.Pod = locket.PodID(strings.TrimPrefix(lines.next(""), manifestKind))
	if v := lines.next("format "); v != strconv.Itoa(formatVersion) {
		return nil, locket.Errorf(locket.CodeNewer, "the backup has format %.20q, this Locket reads %d; use a newer one", v, formatVersion)
	}
	m.ID = lines.next("snapshot ")
	m.Epoch = number(lines.next("epoch "), maxEpoch)
	m.Generation = number(lines.next("generation "), 1<<62)
	m.Taken, _ = time.Parse(time.RFC3339, lines.next("taken "))
	m.Header, _ = parseHash(lines.next("header "))
	checkpoint, _ := base64.StdEncoding.DecodeString(lines.next("checkpoint "))
	m.Checkpoint = string(checkpoint)
	m.Previous, _ = parseLink(lines.next("previous "))
	for lines.has("recipient ") && len(m.Recipients) < maxRecipients {
		m.Recipients = append(m.Recipients, lines.next("recipient "))
	}
	m.parseDatabase(&lines)
	m.parseBlobs(&lines)
	// What was not understood above does not come out again the same.
	if _, ok := timeOf(m.ID); !ok || !databaseForm.MatchString(m.Database) || !slices.IsSorted(m.Recipients) || m.text() != text {
		return nil, errMalformed
	}
	if !m.complete() {
		return nil, errMalformed
	}
	return m, nil
}

func (m *Manifest) parseDatabase(lines *lineReader) {
	fields := strings.Fields(lines.next("database "))
	if len(fields) == 3 {
		m.Database, m.Pages = fields[0], uint32(number(fields[2], 1<<32-1))
	}
	for lines.has("segment ") {
		fields := strings.Fields(lines.next("segment "))
		if len(fields) != 3 {
			return
		}
		extents, _ := parseHash(fields[0])
		digests, _ := parseHash(fields[1])
		m.segments = append(m.segments, segment{extents, digests, uint32(number(fields[2], segmentPages))})
	}
}

func (m *Manifest) parseBlobs(lines *lineReader) {
	fields := strings.Fields(lines.next("blobs "))
	if len(fields) == 3 {
		m.Blobs = int(number(fields[0], maxBlobs))
		m.BlobBytes = number(fields[1], 1<<62)
		m.Gone = int(number(fields[2], maxBlobs))
	}
	for lines.has("list ") {
		h, _ := parseHash(lines.next("list "))
		m.blobs = append(m.blobs, h)
	}
}

// complete tells whether the segments cover the database.
func (m *Manifest) complete() bool {
	if len(m.Recipients) == 0 || m.Pages == 0 {
		return false
	}
	left := m.Pages
	for _, s := range m.segments {
		if s.pages != min(left, segmentPages) || s.pages == 0 {
			return false
		}
		left -= s.pages
	}
	return left == 0
}

// parseLink reads what Link.text writes.
func parseLink(s string) (Link, bool) {
	if s == noLink {
		return Link{}, true
	}
	id, hash, _ := strings.Cut(s, " ")
	_, ok := timeOf(id)
	h, ok2 := parseHash(hash)
	return Link{id, h}, ok && ok2
}

// A lineReader takes lines off a text.
type lineReader struct{ rest string }

func (r *lineReader) has(prefix string) bool { return strings.HasPrefix(r.rest, prefix) }

// next takes a line and returns what follows prefix in it, nothing if it has another one.
func (r *lineReader) next(prefix string) string {
	line, rest, _ := strings.Cut(r.rest, "\n")
	r.rest = rest
	value, ok := strings.CutPrefix(line, prefix)
	if !ok {
		return ""
	}
	return value
}

// number reads a decimal number from 0 to most; anything else is -1, or 2³²−1 as uint32.
func number(s string, most int64) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > most {
		return -1
	}
	return n
}
