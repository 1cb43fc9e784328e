package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/locketpod/locket"
)

// replace makes a record's first item the new state of item id, if it is one. A
// state that was imported before is none, so that an old export does not undo a
// newer one.
func (b *batchWriter) replace(p *pending, id locket.ItemID) (note string, err error) {
	d := &p.rec.Items[0]
	state, err := stateKey(d)
	if err != nil {
		return "", err
	}
	if _, seen, err := b.find(state); seen || err != nil {
		return "", err
	}
	there, err := b.w.Get(id)
	if err != nil || there.Deleted {
		return "", err
	}
	if !d.Replaces(there.Props) {
		return "", b.setAliases(id, []string{state})
	}
	props, err := b.props(p, 0)
	if err != nil {
		return "", err
	}
	if _, err := b.w.Update(id, 0, props); err != nil {
		return "", err
	}
	return "updated", b.setAliases(id, append(slices.Clip(d.Aliases), state))
}

// stateKey is the key of one state of an item that may be replaced.
func stateKey(d *Draft) (string, error) {
	state := maps.Clone(d.Props)
	maps.DeleteFunc(state, func(_ string, v any) bool { return v == nil })
	for name, content := range d.Blobs {
		state[name] = sha256.Sum256(content)
	}
	props, err := json.Marshal(state) // with sorted keys
	if err != nil {
		return "", locket.Errorf(locket.CodeInvalid, "its properties cannot be compared").Because(err)
	}
	sum := sha256.Sum256(append([]byte(d.Key+"\x00"), props...))
	return "state:" + hex.EncodeToString(sum[:]), nil
}

// merge adds what item i of a record knows to item id, which has its key.
func (b *batchWriter) merge(p *pending, i int, id locket.ItemID) (note string, err error) {
	there, err := b.w.Get(id)
	if err != nil || there.Deleted {
		return "", err
	}
	d := &p.rec.Items[i]
	set := make(map[string]any)
	for name, v := range d.Props {
		switch old := there.Props[name].(type) {
		case nil:
			set[name] = v
		case []any:
			set[name] = union(old, v)
		}
	}
	if d.Content != nil && there.Props["blob"] == nil {
		info, err := b.put(p, i, d.Content)
		if err != nil {
			return "", err
		}
		set["blob"], set["contentSize"], set["sha256"] = info.ID, info.Size, info.SHA256
	}
	if i == 0 && p.rec.Raw != nil && there.Props["rawBlob"] == nil {
		info, err := b.put(p, rawIndex, p.rec.Raw)
		if err != nil {
			return "", err
		}
		set["rawBlob"] = info.ID
	}
	now, err := b.w.Update(id, 0, set)
	if err != nil {
		return "", err
	}
	if now.Version > there.Version {
		note = "merged into what was there"
	}
	return note, b.setAliases(id, d.Aliases)
}

// union returns the values of old and those of more that it lacks.
func union(old []any, more any) []any {
	out := slices.Clone(old)
	add := func(v any) {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	switch l := more.(type) {
	case []any:
		for _, v := range l {
			add(v)
		}
	case []string:
		for _, v := range l {
			add(v)
		}
	default:
		add(more)
	}
	return out
}
