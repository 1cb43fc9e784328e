package store

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"

	"github.com/locketpod/locket"
)

// Nearest returns the items whose vectors of a model lie nearest to one, with how
// near, the nearest first. Of the vectors whose signs differ least, of items that the
// filter leaves and the principal sees, the best are taken: nothing depends on what is hidden.
// Items of which the principal does not see all text are not among them, since their
// vectors tell of it.
func (v *View) Nearest(ctx context.Context, f MemoryFilter, name string, vector []float32, limit int) ([]Found, error) {
	limit, err := limitOf(limit, 10, maxFound)
	if err != nil {
		return nil, err
	}
	m, err := v.memories(ctx, f)
	if err != nil {
		return nil, err
	}
	x, err := unit(vector)
	if err != nil {
		return nil, err
	}
	models, err := readModels(v.s.db.QueryRowContext(ctx, `SELECT models FROM pod WHERE n = 1`))
	if err != nil {
		return nil, failure("read vectors", err)
	}
	number := modelNumber(models, name)
	if m.apart = nil; number == 0 || models[number-1].Dims != len(x) || len(m.right) == 0 {
		return nil, nil
	}
	stored := quantise(x)
	ordered, err := v.bySigns(ctx, number, signs(stored))
	if err != nil {
		return nil, failure("read vectors", err)
	}
	best, err := m.nearest(ctx, number, ordered, stored, limit)
	if err != nil {
		return nil, failure("read vectors", err)
	}
	return m.loadNear(ctx, best)
}

// A near is an item with a vector.
type near struct {
	n          int64
	similarity float64
}

// nearest returns the best of those that pass, of as many as it takes in the order of
// numbers to have enough to choose from.
func (m *memories) nearest(ctx context.Context, model int64, ordered [][]int64, x []byte, limit int) ([]near, error) {
	enough := max(400, 20*limit)
	size := enough
	var all []near
	var batch []int64
	for i, ns := range ordered {
		slices.Sort(ns)
		if batch = append(batch, ns...); len(batch) < size && i < len(ordered)-1 {
			continue
		}
		more, err := m.vectors(ctx, model, batch, x, enough-len(all))
		if err != nil {
			return nil, err
		}
		if all = append(all, more...); len(all) == enough {
			break
		}
		batch, size = batch[:0], min(2*size, 8192)
	}
	slices.SortFunc(all, func(a, b near) int {
		return cmp.Or(cmp.Compare(b.similarity, a.similarity), cmp.Compare(b.n, a.n))
	})
	return all[:min(len(all), limit)], nil
}

// vectors compares the vectors of the first of ns that pass.
func (m *memories) vectors(ctx context.Context, model int64, ns []int64, x []byte, most int) ([]near, error) {
	list, err := json.Marshal(ns)
	if err != nil {
		return nil, err
	}
	where := m.where(m.right)
	rows, err := m.v.s.db.QueryContext(ctx, `SELECT rc.item, rc.vector FROM json_each(?) list CROSS JOIN items i ON i.n = list.value CROSS JOIN recalls rc ON rc.item = i.n
		WHERE i.deleted = 0 AND rc.model = ? AND `+where.sql+` LIMIT ?`, slices.Concat([]any{string(list), model}, where.args, []any{most})...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []near
	var vector []byte
	for rows.Next() {
		var one near
		if err := rows.Scan(&one.n, &vector); err != nil {
			return nil, err
		}
		one.similarity = similarity(vector, x)
		all = append(all, one)
	}
	return all, rows.Err()
}

// bySigns reads the items that have a vector of a model, by how many signs differ from x.
func (v *View) bySigns(ctx context.Context, model int64, x []byte) ([][]int64, error) {
	rows, err := v.s.db.QueryContext(ctx, `SELECT n, items, bits FROM codes WHERE n >= ? AND n < ? ORDER BY n`, model<<modelShift, (model+1)<<modelShift)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ordered := make([][]int64, 8*len(x)+1)
	for rows.Next() {
		p, err := scanCode(rows)
		if err != nil {
			return nil, err
		}
		if p.size() != len(x) {
			continue
		}
		for i := range p.len() {
			d := hamming(p.signs(i), x)
			ordered[d] = append(ordered[d], p.item(i))
		}
	}
	return ordered, rows.Err()
}

func (m *memories) loadNear(ctx context.Context, best []near) ([]Found, error) {
	ns := make([]int64, len(best))
	similarity := make(map[int64]float64, len(best))
	for i, x := range best {
		ns[i], similarity[x.n] = x.n, x.similarity
	}
	found, err := m.load(ctx, ns)
	for i := range found {
		found[i].Similarity = similarity[found[i].n]
	}
	return found, failure("read vectors", err)
}

// Unembedded returns items without a vector of a model that have a text, as far as the
// principal sees them.
func (v *View) Unembedded(ctx context.Context, f MemoryFilter, name string, limit int) ([]locket.Item, error) {
	limit, err := limitOf(limit, 100, maxFound)
	if err != nil {
		return nil, err
	}
	m, err := v.memories(ctx, f)
	if err != nil {
		return nil, err
	}
	models, err := readModels(v.s.db.QueryRowContext(ctx, `SELECT models FROM pod WHERE n = 1`))
	if err != nil {
		return nil, failure("read vectors", err)
	}
	number := modelNumber(models, name)
	var items []locket.Item
	for _, t := range slices.Concat(m.right, m.apart) {
		more, err := m.unembedded(ctx, t, number, limit-len(items))
		if err != nil {
			return nil, failure("read vectors", err)
		}
		items = append(items, more...)
	}
	return items, nil
}

func (m *memories) unembedded(ctx context.Context, typ string, model int64, limit int) ([]locket.Item, error) {
	without := filter{"NOT EXISTS (SELECT 1 FROM recalls rc WHERE rc.item = i.n AND rc.model > 0 AND rc.model = ?)", []any{model}}
	query, args := m.each(typ, `SELECT `+itemColumns, allOf(without, m.where([]string{typ})), math.MaxInt)
	rows, err := m.v.s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var items []locket.Item
	for len(items) < limit && rows.Next() {
		r, err := scanItem(rows)
		if err != nil {
			return nil, err
		}
		if x, err := m.v.searchable(r); err != nil {
			return nil, err
		} else if x.title == "" && x.body == "" {
			continue
		}
		it, err := m.v.item(ctx, r, m.v.full)
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	return items, rows.Err()
}
