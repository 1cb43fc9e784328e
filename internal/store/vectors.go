package store

import (
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"

	"github.com/locketpod/locket"
)

const (
	maxModels    = 8
	maxModelName = 200
	pageItems    = 256 // vectors in a row of codes
	modelShift   = 40  // a row of codes is model << 40 | page
)

// A model made vectors. Its number is its place in pod.models, from 1. One without a name
// is a free place.
type model struct {
	Name string `json:"name"`
	Dims int    `json:"dims"`
}

func readModels(row scanner) ([]model, error) {
	var stored []byte
	if err := row.Scan(&stored); err != nil {
		return nil, err
	}
	var list []model
	return list, json.Unmarshal(stored, &list)
}

// modelNumber finds a model by its name, 0 if there is none.
func modelNumber(list []model, name string) int64 {
	return int64(slices.IndexFunc(list, func(m model) bool { return m.Name == name })) + 1
}

// SetVector keeps the vector that a model made of an item's text, in place of any that the
// item has. Vectors are derived from what the item says, so this is no change of it and no
// entry of the journal; it takes the permission to update the item, or to have created
// it in this transaction. A vector is dropped when the item's text changes.
func (w *Writer) SetVector(id locket.ItemID, name string, vector []float32) error {
	if name == "" || len(name) > maxModelName {
		return locket.Errorf(locket.CodeInvalid, "the name of a model is 1 to %d bytes long", maxModelName)
	}
	x, err := unit(vector)
	if err != nil {
		return err
	}
	r, err := w.row(id)
	if err != nil {
		return err
	}
	if r.born != w.change {
		if err := w.mayTouch(locket.MayUpdate, r); err != nil {
			return err
		}
	}
	if r.deleted > 0 {
		return locket.Errorf(locket.CodeConflict, "the item is deleted; restore it first")
	}
	number, err := w.model(name, len(x))
	if err != nil {
		return err
	}
	if err := w.dropVector(r.n); err != nil {
		return err
	}
	stored := quantise(x)
	code, err := w.addCode(number, r.n, signs(stored))
	if err != nil {
		return err
	}
	return w.exec(`INSERT INTO vectors(item, model, code, vector) VALUES(?, ?, ?, ?)`, r.n, number, code, stored)
}

// model returns the number of a model, which gets one if it has none yet.
func (t *tx) model(name string, dims int) (int64, error) {
	list, err := readModels(t.queryRow(`SELECT models FROM pod WHERE n = 1`))
	if err != nil {
		return 0, err
	}
	if n := modelNumber(list, name); n > 0 {
		if list[n-1].Dims != dims {
			return 0, locket.Errorf(locket.CodeInvalid, "vectors of model %s have %d dimensions, not %d", clip(name, 60), list[n-1].Dims, dims)
		}
		return n, nil
	}
	place := len(list)
	for i := range list {
		last, err := t.lastCode(int64(i) + 1)
		if err != nil {
			return 0, err
		}
		if last == nil { // nothing is left of what it made
			place = i
			break
		}
	}
	switch {
	case place == maxModels:
		return 0, locket.Errorf(locket.CodeTooLarge, "a pod has vectors of at most %d models; make those of the earlier ones again with the one in use", maxModels)
	case place == len(list):
		list = append(list, model{})
	}
	list[place] = model{Name: name, Dims: dims}
	stored, err := json.Marshal(list)
	if err != nil {
		return 0, err
	}
	return int64(place) + 1, t.exec(`UPDATE pod SET models = ? WHERE n = 1`, string(stored))
}

// A codePage is a row of codes.
type codePage struct {
	n     int64
	items []byte
	bits  []byte
}

func (p *codePage) len() int { return len(p.items) / 8 }

// size is how many bytes the signs of one vector have.
func (p *codePage) size() int { return len(p.bits) / max(1, p.len()) }

func (p *codePage) item(i int) int64 { return int64(binary.BigEndian.Uint64(p.items[8*i:])) }

func (p *codePage) signs(i int) []byte { return p.bits[i*p.size() : (i+1)*p.size()] }

func (p *codePage) find(item int64) int {
	for i := range p.len() {
		if p.item(i) == item {
			return i
		}
	}
	return -1
}

// whole refuses a page that is not as pages are.
func (p *codePage) whole() error {
	if n := p.len(); n == 0 || n > pageItems || len(p.items)%8 != 0 || len(p.bits)%n != 0 {
		return locket.Errorf(locket.CodeTampered, "the index of vectors is damaged; run 'locket doctor' and restore from a backup")
	}
	return nil
}

func scanCode(row scanner) (*codePage, error) {
	p := new(codePage)
	err := row.Scan(&p.n, &p.items, &p.bits)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return p, p.whole()
}

// lastCode is the last page of a model, nil if it has none.
func (t *tx) lastCode(model int64) (*codePage, error) {
	return scanCode(t.queryRow(`SELECT n, items, bits FROM codes WHERE n >= ? AND n < ? ORDER BY n DESC LIMIT 1`, model<<modelShift, (model+1)<<modelShift))
}

func (t *tx) storeCode(p *codePage) error {
	if p.len() == 0 {
		return t.exec(`DELETE FROM codes WHERE n = ?`, p.n)
	}
	return t.exec(`INSERT INTO codes(n, items, bits) VALUES(?, ?, ?) ON CONFLICT(n) DO UPDATE SET items = excluded.items, bits = excluded.bits`, p.n, p.items, p.bits)
}

// addCode puts the signs of an item's vector behind all others of the model, and returns
// the row that has them.
func (t *tx) addCode(model, item int64, signs []byte) (int64, error) {
	p, err := t.lastCode(model)
	if err != nil {
		return 0, err
	}
	switch {
	case p == nil:
		p = &codePage{n: model << modelShift}
	case p.len() == pageItems:
		p = &codePage{n: p.n + 1}
	}
	p.items = binary.BigEndian.AppendUint64(p.items, uint64(item))
	p.bits = append(p.bits, signs...)
	return p.n, t.storeCode(p)
}

// dropVector removes the vector of an item, if it has one.
func (t *tx) dropVector(item int64) error {
	var model, code int64
	err := t.queryRow(`SELECT model, code FROM vectors WHERE item = ?`, item).Scan(&model, &code)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	if err := t.dropCode(model, code, item); err != nil {
		return err
	}
	return t.exec(`DELETE FROM vectors WHERE item = ?`, item)
}

// dropCode takes an item out of its page. The model's last vector moves into its place, so
// that no other page has room.
func (t *tx) dropCode(model, code, item int64) error {
	last, err := t.lastCode(model)
	if err != nil {
		return err
	}
	p := last
	if last == nil || last.n != code {
		if p, err = scanCode(t.queryRow(`SELECT n, items, bits FROM codes WHERE n = ?`, code)); err != nil {
			return err
		}
	}
	if p == nil || last == nil || p.find(item) < 0 {
		return locket.Errorf(locket.CodeTampered, "the index of vectors is damaged; run 'locket doctor' and restore from a backup")
	}
	i, end := p.find(item), last.len()-1
	moved := last.item(end)
	size := last.size()
	copy(p.items[8*i:8*i+8], last.items[8*end:])
	copy(p.signs(i), last.signs(end))
	last.items, last.bits = last.items[:8*end], last.bits[:size*end]
	if p != last {
		if err := t.storeCode(p); err != nil {
			return err
		}
		if err := t.exec(`UPDATE vectors SET code = ? WHERE item = ?`, p.n, moved); err != nil {
			return err
		}
	}
	return t.storeCode(last)
}
