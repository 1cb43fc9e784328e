package store

import (
	"bytes"
	"context"
	"errors"

	"github.com/locketpod/locket"
)

// checkVectors tells what is wrong with uses and vectors, one line each.
func (v *View) checkVectors(ctx context.Context) ([]string, error) {
	var found []string
	say := func(q string, line string) error {
		var n int
		err := v.s.db.QueryRowContext(ctx, q).Scan(&n)
		if n > 0 {
			found = append(found, line)
		}
		return err
	}
	err := errors.Join(
		say(`SELECT count(*) FROM recalls rc WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.n = rc.item)`, "uses are counted of an item that there is not"),
		say(`SELECT count(*) FROM vectors x WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.n = x.item AND i.deleted = 0)`, "there is a vector without its item"),
	)
	if err != nil {
		return nil, err
	}
	more, err := v.checkCodes(ctx)
	return append(found, more...), err
}

// checkCodes compares the pages of signs with the vectors.
func (v *View) checkCodes(ctx context.Context) (found []string, err error) {
	rows, err := v.s.db.QueryContext(ctx, `SELECT n, items, bits FROM codes ORDER BY n`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	signed := make(map[int64]*codePage)
	for rows.Next() {
		p, err := scanCode(rows)
		if locket.CodeOf(err) == locket.CodeTampered {
			return append(found, "a page of the index of vectors is damaged"), nil
		} else if err != nil {
			return nil, err
		}
		for i := range p.len() {
			signed[p.item(i)] = p
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	vectors, err := v.s.db.QueryContext(ctx, `SELECT item, model, code, vector FROM vectors`)
	if err != nil {
		return nil, err
	}
	defer vectors.Close()
	wrong := 0
	for vectors.Next() {
		var item, model, code int64
		var vector []byte
		if err := vectors.Scan(&item, &model, &code, &vector); err != nil {
			return nil, err
		}
		p := signed[item]
		delete(signed, item)
		if p == nil || p.n != code || code>>modelShift != model || len(vector) <= 4 || !bytes.Equal(signs(vector), p.signs(p.find(item))) {
			wrong++
		}
	}
	if wrong+len(signed) > 0 {
		found = append(found, "the index of vectors does not have the vectors that there are")
	}
	return found, vectors.Err()
}
