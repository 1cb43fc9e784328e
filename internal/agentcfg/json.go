package agentcfg

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// A JSON is a JSON text whose root is an object. Not safe for concurrent use.
type JSON struct {
	text     []byte
	comments bool
	root     *node
	edits    []Edit
}

// ParseJSON reads a JSON text; an empty one is an object without members. Comments and
// commas after a last element are let through if the program that reads it does.
func ParseJSON(text []byte, comments bool) (*JSON, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrMalformed, maxText)
	}
	d := &JSON{text: bytes.Clone(text), comments: comments}
	if len(bytes.TrimSpace(text)) == 0 {
		d.text = []byte("{}\n")
	}
	return d, d.parse()
}

func (d *JSON) parse() (err error) {
	if d.root, err = parseJSON(d.text, d.comments); err != nil {
		return err
	}
	if d.text[d.root.start] != '{' {
		return fmt.Errorf("%w: it is not an object", ErrMalformed)
	}
	return nil
}

// Text is the text with all changes, Edits what changed, in order.
func (d *JSON) Text() []byte  { return d.text }
func (d *JSON) Edits() []Edit { return d.edits }

func (d *JSON) splice(start, end int, insert string) error {
	text, e := splice(d.text, start, end, insert)
	d.text, d.edits = text, append(d.edits, e)
	return d.parse()
}

func (d *JSON) is(n *node, bracket byte) bool { return d.text[n.start] == bracket }

// find follows path as far as it goes: trail is the nodes on the way, from the root.
func (d *JSON) find(path []string) (trail []*node, err error) {
	n := d.root
	trail = []*node{n}
	for i, name := range path {
		if !d.is(n, '{') {
			return nil, fmt.Errorf("%w: %s is not an object", ErrForm, strings.Join(path[:i], "."))
		}
		var next *node
		for _, m := range n.members {
			if m.name != name {
				continue
			}
			if next != nil {
				return nil, fmt.Errorf("%w: %s is there twice", ErrMalformed, strings.Join(path[:i+1], "."))
			}
			next = m.value
		}
		if next == nil {
			return trail, nil
		}
		n = next
		trail = append(trail, n)
	}
	return trail, nil
}

// Get returns the value at a path as JSON without comments; ok is false if there is none.
func (d *JSON) Get(path ...string) (value []byte, ok bool, err error) {
	trail, err := d.find(path)
	if err != nil || len(trail) <= len(path) {
		return nil, false, err
	}
	return standard(nil, d.text, trail[len(path)]), true, nil
}

// Elements returns the elements of the array at a path, none if it is absent.
func (d *JSON) Elements(path ...string) ([]json.RawMessage, error) {
	trail, err := d.find(path)
	if err != nil || len(trail) <= len(path) {
		return nil, err
	}
	n := trail[len(path)]
	if !d.is(n, '[') {
		return nil, fmt.Errorf("%w: %s is not a list", ErrForm, strings.Join(path, "."))
	}
	var out []json.RawMessage
	for _, e := range n.elements {
		out = append(out, standard(nil, d.text, e))
	}
	return out, nil
}

// Set makes value what is at a path, and makes the objects on the way. Nothing changes
// if it is there already.
func (d *JSON) Set(value any, path ...string) error {
	trail, err := d.find(path)
	if err != nil {
		return err
	}
	if len(trail) > len(path) {
		n := trail[len(path)]
		same, err := equal(standard(nil, d.text, n), value)
		if err != nil || same {
			return err
		}
		text, err := d.written(value, d.indentAt(n.start))
		if err != nil {
			return err
		}
		return d.splice(n.start, n.end, text)
	}
	for i := len(path) - 1; i >= len(trail); i-- {
		value = map[string]any{path[i]: value}
	}
	parent, name := trail[len(trail)-1], path[len(trail)-1]
	if !d.is(parent, '{') {
		return fmt.Errorf("%w: %s is not an object", ErrForm, strings.Join(path[:len(trail)-1], "."))
	}
	starts, last := spots(parent)
	return d.add(parent, starts, last, value, func(text string) string {
		quoted, _ := json.Marshal(name) // a string
		colon := ": "
		if d.unit() == "" && !bytes.Contains(d.text, []byte("\": ")) && len(d.root.members) > 0 {
			colon = ":"
		}
		return string(quoted) + colon + text
	})
}

// Append adds an element to the array at a path, and makes it if it is absent.
func (d *JSON) Append(value any, path ...string) error {
	trail, err := d.find(path)
	if err != nil {
		return err
	}
	if len(trail) <= len(path) {
		return d.Set([]any{value}, path...)
	}
	n := trail[len(path)]
	if !d.is(n, '[') {
		return fmt.Errorf("%w: %s is not a list", ErrForm, strings.Join(path, "."))
	}
	starts, last := spots(n)
	return d.add(n, starts, last, value, func(text string) string { return text })
}

// Remove takes out what is at a path, and the objects that it leaves empty.
func (d *JSON) Remove(path ...string) error {
	trail, err := d.find(path)
	if err != nil || len(trail) <= len(path) {
		return err
	}
	at := len(path)
	for at > 1 && len(trail[at-1].members) == 1 {
		at--
	}
	parent := trail[at-1]
	for i, m := range parent.members {
		if m.value == trail[at] {
			return d.cut(parent, i)
		}
	}
	return nil
}

// RemoveElements takes out the elements of the array at a path that match, and the
// array if it is empty then.
func (d *JSON) RemoveElements(match func(json.RawMessage) bool, path ...string) error {
	list, err := d.Elements(path...)
	if err != nil {
		return err
	}
	for i := len(list) - 1; i >= 0; i-- {
		if !match(list[i]) {
			continue
		}
		trail, err := d.find(path)
		if err != nil {
			return err
		}
		if n := trail[len(path)]; len(n.elements) == 1 {
			return d.Remove(path...)
		} else if err := d.cut(n, i); err != nil {
			return err
		}
	}
	return nil
}

// equal tells whether JSON text is the JSON of value.
func equal(text []byte, value any) (bool, error) {
	other, err := json.Marshal(value)
	if err != nil {
		return false, err
	}
	var a, b any
	if err := json.Unmarshal(text, &a); err != nil {
		return false, err
	}
	if err := json.Unmarshal(other, &b); err != nil {
		return false, err
	}
	return reflect.DeepEqual(a, b), nil
}
