package importer

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// A batchWriter writes records within one transaction.
type batchWriter struct {
	w        *store.Writer
	importID string
	ids      map[string]locket.ItemID // keys found or made in this transaction

	imported, duplicate, rejected int64
	linked, dropped               int64
	loose                         []Link // links that lack an end

	round    int        // see replay
	more     bool       // there is another round
	finished []*pending // what is behind them when the transaction is
}

func (b *batchWriter) write(batch []*pending) error {
	for _, p := range batch {
		if p.done {
			continue
		}
		e, err := b.line(p)
		if err != nil {
			return err
		}
		if e == nil {
			continue
		}
		if err := b.account(*e); err != nil {
			return err
		}
	}
	if b.round > 0 {
		return nil
	}
	for _, p := range batch {
		if err := b.link(p.rec.Links); err != nil {
			return err
		}
	}
	return nil
}

// line writes one record and returns its ledger line; nil if there is none yet.
func (b *batchWriter) line(p *pending) (*locket.LedgerEntry, error) {
	if p.rec.replay != nil {
		return b.replay(p)
	}
	e, err := b.record(p)
	b.finished = append(b.finished, p)
	return &e, err
}

func (b *batchWriter) account(e locket.LedgerEntry) error {
	switch e.Outcome {
	case locket.Imported:
		b.imported++
	case locket.Duplicate:
		b.duplicate++
	case locket.Rejected:
		b.rejected++
	}
	return b.w.Record(b.importID, e)
}

// record writes one record and returns its ledger line.
func (b *batchWriter) record(p *pending) (locket.LedgerEntry, error) {
	e := locket.LedgerEntry{File: p.file.Path, Record: p.rec.Where, Format: p.format, Reason: p.rec.Note}
	var err error
	switch {
	case p.rec.Err != nil:
		e.Outcome, e.Reason = locket.Rejected, reasonOf(p.rec.Err)
		e.Item, err = b.keepRaw(p)
		return e, err
	case len(p.rec.Items) == 0:
		return e, locket.Errorf(locket.CodeInvalid, "nothing was found in it")
	}
	d := &p.rec.Items[0]
	id, there, err := b.find(d.Key)
	if err != nil {
		return e, err
	}
	e.Item, e.Outcome = id, locket.Imported
	var note string
	switch {
	case !there:
		e.Item, err = b.create(p, 0)
	case d.Replaces != nil:
		note, err = b.replace(p, id)
	case d.Merge:
		note, err = b.merge(p, 0, id)
	}
	if err != nil {
		return e, err
	}
	if there && note == "" {
		e.Outcome = locket.Duplicate
		return e, b.setAliases(id, d.Aliases)
	}
	e.Reason = joinNotes(e.Reason, note)
	return e, b.company(p)
}

// company writes the items that accompany the first of a record.
func (b *batchWriter) company(p *pending) error {
	for i := 1; i < len(p.rec.Items); i++ {
		d := &p.rec.Items[i]
		id, there, err := b.find(d.Key)
		switch {
		case err != nil:
		case !there:
			_, err = b.create(p, i)
		case d.Merge:
			_, err = b.merge(p, i, id)
		default:
			err = b.setAliases(id, d.Aliases)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *batchWriter) find(key string) (locket.ItemID, bool, error) {
	if id, ok := b.ids[key]; ok {
		return id, true, nil
	}
	id, ok, err := b.w.Find(key)
	if ok && err == nil {
		b.ids[key] = id
	}
	return id, ok, err
}

// create makes item i of a record.
func (b *batchWriter) create(p *pending, i int) (locket.ItemID, error) {
	d := &p.rec.Items[i]
	props, err := b.props(p, i)
	if err != nil {
		return "", err
	}
	it, err := b.w.Create(store.Draft{Type: d.Type, Props: props, Keys: []string{d.Key}})
	if err != nil {
		return "", err
	}
	b.ids[d.Key] = it.ID
	aliases := d.Aliases
	if d.Replaces != nil {
		state, err := stateKey(d)
		if err != nil {
			return "", err
		}
		aliases = append(slices.Clip(aliases), state)
	}
	return it.ID, b.setAliases(it.ID, aliases)
}

// setAliases gives an item its aliases, except those that another item has: the
// first to have one keeps it.
func (b *batchWriter) setAliases(id locket.ItemID, aliases []string) error {
	for _, a := range aliases {
		_, taken, err := b.find(a)
		if err == nil && !taken {
			err = b.w.SetKey(a, id)
			b.ids[a] = id
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// props returns the properties of item i with its content and, on the first, its
// raw record stored as blobs.
func (b *batchWriter) props(p *pending, i int) (map[string]any, error) {
	d := &p.rec.Items[i]
	props := maps.Clone(d.Props)
	if props == nil {
		props = make(map[string]any)
	}
	if d.Content != nil {
		info, err := b.put(p, i, d.Content)
		if err != nil {
			return nil, err
		}
		if sum, ok := d.Props["sha256"]; ok && sum != info.SHA256 {
			return nil, &unreadable{errors.New("it changed while it was read")}
		}
		props["blob"], props["contentSize"], props["sha256"] = info.ID, info.Size, info.SHA256
	}
	for name, content := range d.Blobs {
		info, err := b.w.PutBlob(bytes.NewReader(content))
		if err != nil {
			return nil, err
		}
		props[name] = info.ID
	}
	if i == 0 && p.rec.Raw != nil {
		info, err := b.put(p, rawIndex, p.rec.Raw)
		if err != nil {
			return nil, err
		}
		props["rawBlob"] = info.ID
	}
	return props, nil
}

// link adds the edges whose ends are there. An edge with a deleted end is not
// wanted any more.
func (b *batchWriter) link(links []Link) error {
	for _, l := range links {
		from, ok1, err1 := b.find(l.From)
		to, ok2, err2 := b.find(l.To)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if !ok1 || !ok2 {
			b.loose = append(b.loose, l)
			continue
		}
		if from == to {
			continue
		}
		err := b.w.Link(locket.Edge{Source: from, Name: l.Name, Target: to})
		switch {
		case err == nil:
			b.linked++
		case locket.CodeOf(err) != locket.CodeNotFound:
			return err
		}
	}
	return nil
}
