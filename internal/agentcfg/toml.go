package agentcfg

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A TOML is a TOML text. Not safe for concurrent use.
type TOML struct {
	text   []byte
	tables []tomlTable
	edits  []Edit
}

// ParseTOML reads a TOML text.
func ParseTOML(text []byte) (*TOML, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrMalformed, maxText)
	}
	d := &TOML{text: bytes.Clone(text)}
	return d, d.parse()
}

func (d *TOML) parse() (err error) {
	d.tables, err = parseTOML(d.text)
	return err
}

// Text is the text with all changes, Edits what changed, in order.
func (d *TOML) Text() []byte  { return d.text }
func (d *TOML) Edits() []Edit { return d.edits }

func (d *TOML) splice(start, end int, insert string) error {
	text, e := splice(d.text, start, end, insert)
	d.text, d.edits = text, append(d.edits, e)
	return d.parse()
}

// A Pair is a key and its value: a string or a list of strings.
type Pair struct {
	Key   string
	Value any
}

// table finds a table by its path; nil if it is absent.
func (d *TOML) table(path []string) (*tomlTable, error) {
	for i := range d.tables {
		t := &d.tables[i]
		if slices.Equal(t.path, path) && i > 0 {
			if t.list {
				return nil, fmt.Errorf("%w: %s is a list of tables", ErrForm, strings.Join(path, "."))
			}
			return t, nil
		}
		for _, k := range t.keys { // dotted keys and inline tables
			full := slices.Concat(t.path, k.path)
			if len(full) <= len(path) && slices.Equal(full, path[:len(full)]) || len(full) > len(path) && slices.Equal(full[:len(path)], path) {
				return nil, fmt.Errorf("%w: %s stands in line %d, not under a header of its own", ErrForm, strings.Join(path, "."), 1+bytes.Count(d.text[:k.start], []byte("\n")))
			}
		}
	}
	return nil, nil
}

// Get returns the values of a table that are texts or lists; ok is false without it.
func (d *TOML) Get(path ...string) (values map[string]any, ok bool, err error) {
	t, err := d.table(path)
	if t == nil || err != nil {
		return nil, false, err
	}
	values = map[string]any{}
	for _, k := range t.keys {
		if len(k.path) == 1 {
			values[k.path[0]] = k.value
		}
	}
	return values, true, nil
}

// Set gives the table at a path these values, and takes out the keys in drop. Others
// stay. A table that is absent comes at the end.
func (d *TOML) Set(pairs []Pair, drop []string, path ...string) error {
	t, err := d.table(path)
	if err != nil {
		return err
	}
	if t == nil {
		return d.addTable(pairs, path)
	}
	for _, p := range pairs {
		if err := d.setKey(p, path); err != nil {
			return err
		}
	}
	for _, key := range drop {
		if err := d.dropKey(key, path); err != nil {
			return err
		}
	}
	return nil
}

func (d *TOML) addTable(pairs []Pair, path []string) error {
	nl := newline(d.text)
	var b strings.Builder
	if n := len(bytes.TrimRight(d.text, "\r\n")); n > 0 {
		if n == len(d.text) {
			b.WriteString(nl)
		}
		b.WriteString(nl)
	}
	var names []string
	for _, p := range path {
		if bareKey.FindString(p) != p {
			p = tomlText(p)
		}
		names = append(names, p)
	}
	b.WriteString("[" + strings.Join(names, ".") + "]" + nl)
	for _, p := range pairs {
		b.WriteString(p.Key + " = " + tomlText(p.Value) + nl)
	}
	return d.splice(len(d.text), len(d.text), b.String())
}

func (d *TOML) setKey(p Pair, path []string) error {
	t, err := d.table(path)
	if err != nil {
		return err
	}
	for _, k := range t.keys {
		if len(k.path) == 1 && k.path[0] == p.Key {
			if same(k.value, p.Value) {
				return nil
			}
			return d.splice(k.from, k.end, tomlText(p.Value))
		}
	}
	return d.splice(t.header, t.header, newline(d.text)+p.Key+" = "+tomlText(p.Value))
}

func (d *TOML) dropKey(key string, path []string) error {
	t, err := d.table(path)
	if err != nil {
		return err
	}
	for _, k := range t.keys {
		if len(k.path) == 1 && k.path[0] == key {
			return d.splice(k.start, d.nextLine(k.end), "")
		}
	}
	return nil
}

// Remove takes out the table at a path and those below it. Comments that stand before
// the next header stay.
func (d *TOML) Remove(path ...string) error {
	if t, err := d.table(path); err != nil {
		return err
	} else if t == nil && !slices.ContainsFunc(d.tables, func(t tomlTable) bool { return below(t.path, path) }) {
		return nil
	}
	for i := len(d.tables) - 1; i > 0; i-- {
		t := d.tables[i]
		if !below(t.path, path) {
			continue
		}
		end := d.nextLine(t.header)
		if n := len(t.keys); n > 0 {
			end = d.nextLine(t.keys[n-1].end)
		}
		start := t.start
		rest := bytes.TrimLeft(d.text[end:], "\r\n")
		if before := bytes.TrimRight(d.text[:start], "\r\n"); len(rest) == 0 {
			start, end = d.nextLine(len(before)), len(d.text) // with the empty line before it
			if len(before) == 0 {
				start = 0
			}
		} else {
			end = len(d.text) - len(rest)
		}
		if err := d.splice(start, end, ""); err != nil {
			return err
		}
	}
	return nil
}

func below(path, top []string) bool {
	return len(path) >= len(top) && slices.Equal(path[:len(top)], top)
}

// nextLine is where the line after a place begins.
func (d *TOML) nextLine(at int) int {
	if i := bytes.IndexByte(d.text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(d.text)
}

func same(value, wanted any) bool {
	if list, ok := wanted.([]string); ok {
		var all []any
		for _, s := range list {
			all = append(all, s)
		}
		wanted = all
	}
	return reflect.DeepEqual(value, wanted)
}

// tomlText writes a text or a list of texts. The escapes of JSON are those of TOML but
// for DEL, which JSON may leave as it is.
func tomlText(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if list, ok := v.([]string); ok {
		var parts []string
		for _, s := range list {
			parts = append(parts, tomlText(s))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	_ = e.Encode(v) // a string
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007f`)
}
