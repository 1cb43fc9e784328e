package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/locketpod/locket"
)

// Bounds on memories: those that remembering one has, and one on a file of them, which is
// held in memory. What is longer is cut, but for the text.
const (
	maxMemories   = 32 << 20
	maxMemoryName = 512
	maxMemoryTags = 50
	maxMemoryTag  = 128
	maxMemoryText = 1024 // sender, thread, source
	maxNamespace  = 8    // steps
	maxStep       = 50
)

// A memory is one as another program knows it. Empty texts and nil times and numbers are
// not known.
type memory struct {
	key        string // of the draft
	identifier string // what the program calls it
	name, text string
	kind, tier string
	namespace  []string // below that of what is imported from the program
	tags       []string
	sender     string
	thread     string
	source     string

	created, expires       any // time.Time
	importance, confidence any // float64 of 0 to 1

	relations []string // of links whose edges cannot have their names
}

// draft makes an item of a memory from a program. Properties that it lacks are nil, so
// that a newer state removes what the older one had.
func (m memory) draft(program string) Draft {
	var tags, relations []any
	for _, t := range m.tags {
		if t = clipText(plainText(t), maxMemoryTag); t != "" && len(tags) < maxMemoryTags {
			tags = append(tags, t)
		}
	}
	for _, r := range m.relations {
		if r = plainText(r); !slices.Contains(relations, any(r)) {
			relations = append(relations, r)
		}
	}
	text := strings.ReplaceAll(strings.ToValidUTF8(m.text, "\uFFFD"), "\x00", "")
	var sum any
	if strings.TrimSpace(text) != "" {
		sum = locket.TextHash(text)
	}
	short := func(s string, n int) any { return nonEmpty(clipText(plainText(s), n)) }
	return Draft{
		Key: m.key, Type: "Memory",
		Props: map[string]any{
			"name": short(m.name, maxMemoryName), "text": nonEmpty(text), "sha256": sum,
			"kind": nonEmpty(m.kind), "tier": nonEmpty(m.tier), "namespace": importedNamespace(program, m.namespace),
			"keywords": nonEmptyList(distinct(tags)), "relations": nonEmptyList(relations),
			"sender": short(m.sender, maxMemoryText), "thread": short(m.thread, maxMemoryText),
			"source": short(m.source, maxMemoryText), "identifier": short(m.identifier, maxMemoryText),
			"dateCreated": m.created, "expires": m.expires, "importance": m.importance, "confidence": m.confidence,
		},
		Replaces: func(map[string]any) bool { return true }, // by any state that was not imported before
	}
}

// importedNamespace is where the memories of a program go, in the form that namespaces
// have.
func importedNamespace(program string, steps []string) string {
	out := []string{"shared", "imported", program}
	for _, s := range steps {
		for step := range strings.SplitSeq(s, "/") {
			step = clipText(plainText(step), maxStep)
			if step != "" && step != "." && step != ".." && len(out) < maxNamespace {
				out = append(out, step)
			}
		}
	}
	return strings.Join(out, "/")
}

// plainText evens out white space and drops control characters.
func plainText(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}

// clipText cuts a valid text to at most n bytes of whole runes.
func clipText(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return strings.TrimSpace(s)
}

var uuidForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// memoryKey is the identity of a record of a program: its id if it is one in all the
// world, else its id in this file.
func memoryKey(f *File, program, id string) string {
	if uuidForm.MatchString(id) {
		return "memory:" + program + ":" + strings.ToLower(id)
	}
	return "memory:" + program + ":" + f.Tree.hash(f.Path, id)
}

// textKey is the identity of a record that has none but its text.
func textKey(program, text string) string { return "memory:" + program + ":" + locket.TextHash(text) }

// memoryKinds says what kinds of other programs are here.
var memoryKinds = map[string]string{
	"fact": "fact", "claim": "fact", "concept": "fact", "relation": "fact", "persona": "fact", "reference": "fact",
	"preference": "preference", "preferences": "preference", "event": "event", "meeting": "event",
	"decision": "decision", "architectural-decision": "decision", "procedure": "procedure", "step": "procedure", "instruction": "procedure",
	"reflection": "reflection", "observation": "observation", "goal": "goal", "goals": "goal", "plan": "goal",
	"summary": "summary", "conversation": "summary", "note": "note", "entity": "entity",
}

func kindOr(kind, otherwise string) string {
	if k := memoryKinds[strings.ToLower(strings.TrimSpace(kind))]; k != "" {
		return k
	}
	return otherwise
}

// memoryTime reads a time as text or as seconds or milliseconds since 1970; without a zone
// UTC is meant. nil: it is none.
func memoryTime(v any) any {
	switch v := v.(type) {
	case string:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04:05-0700", "2006-01-02"} {
			if t, err := time.Parse(layout, strings.TrimSpace(v)); err == nil && t.Year() > 0 {
				return t.UTC()
			}
		}
	case float64:
		if v >= 1e11 {
			v /= 1000
		}
		if v > 0 && v < 1e11 {
			return time.UnixMicro(int64(math.Round(v * 1e6))).UTC()
		}
	}
	return nil
}

// share is x of a scale as a number of 0 to 1; nil if it is none.
func share(x *float64, scale float64) any {
	if x == nil || *x < 0 || *x > scale {
		return nil
	}
	return *x / scale
}

// A looseList is a list of texts, or one text with commas.
type looseList []string

// UnmarshalJSON implements [json.Unmarshaler].
func (l *looseList) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*l = strings.Split(text, ",")
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// looksLike reports whether the beginning of a file is JSON with all of the keys.
func looksLike(name string, head []byte, keys ...string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".json", ".jsonl", ".ndjson", "":
	default:
		return false
	}
	head = bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
	if len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return false
	}
	return !slices.ContainsFunc(keys, func(k string) bool { return !bytes.Contains(head, []byte(`"`+k+`"`)) })
}

// readMemories reads a file that is one JSON value. split takes it apart, and one makes
// something of each part; a part that it does not understand is rejected.
func readMemories(f *File, emit func(Record) error, split func([]byte) ([]json.RawMessage, error), one func(json.RawMessage) (Record, error)) error {
	if f.Size > maxMemories {
		return readFile(f, "too large to be read for memories, kept as a file", emit)
	}
	b, err := f.readAll(maxMemories)
	if err != nil {
		return err
	}
	parts, err := split(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	if err != nil {
		return emit(Record{Err: errors.New("it is not the JSON that its beginning promises"), Raw: f.Open, Done: f.Size})
	}
	for i, raw := range parts {
		rec, err := one(raw)
		if err != nil {
			rec = Record{Err: err}
		}
		rec.Where, rec.Raw = fmt.Sprintf("record %d", i+1), opener(raw)
		rec.Done = f.Size / int64(len(parts)) * int64(i+1)
		if err := emit(rec); err != nil {
			return err
		}
	}
	return nil
}

var errNoMemory = errors.New("it has no text, or not the form of a memory")
