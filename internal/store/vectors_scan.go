package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
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
	ordered, err := m.bySigns(ctx, number, signs(stored))
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
	enough := max(200, 8*limit)
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
	rows, err := m.v.s.db.QueryContext(ctx, `SELECT x.item, x.vector FROM json_each(?) list CROSS JOIN items i ON i.n = list.value CROSS JOIN vectors x ON x.item = i.n
		WHERE i.deleted = 0 AND x.model = ? AND `+where.sql+` LIMIT ?`, slices.Concat([]any{string(list), model}, where.args, []any{most})...)
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
func (m *memories) bySigns(ctx context.Context, model int64, x []byte) ([][]int64, error) {
	rows, err := m.v.s.db.QueryContext(ctx, `SELECT n, items, bits FROM codes WHERE n >= ? AND n < ? ORDER BY n`, model<<modelShift, (model+1)<<modelShift)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ordered := make([][]int64, 8*len(x)+1)
	for rows.Next() {
		var p codePage
		var items, bits sql.RawBytes // they are megabytes in all
		if err := rows.Scan(&p.n, &items, &bits); err != nil {
			return nil, err
		}
		if p.items, p.bits = items, bits; p.whole() != nil {
			return nil, p.whole()
		}
		if p.size() != len(x) {
			continue
		}
		for i := range p.len() {
			if n := p.item(i); m.in.has(n) {
				d := hamming(p.signs(i), x)
				ordered[d] = append(ordered[d], n)
			}
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
	found, err := m.load(ctx, ns, len(ns))
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
	items, err := m.unembedded(ctx, modelNumber(models, name), limit)
	return items, failure("read vectors", err)
}

func (m *memories) unembedded(ctx context.Context, model int64, limit int) ([]locket.Item, error) {
	embedded, err := m.embedded(ctx, model)
	if err != nil {
		return nil, err
	}
	var items []locket.Item
	for _, t := range slices.Concat(m.right, m.apart) {
		ns, err := numbers(ctx, m.v.s.db, `SELECT n FROM items WHERE deleted = 0 AND type = ?`, t)
		if err != nil {
			return nil, err
		}
		ns = slices.DeleteFunc(ns, func(n int64) bool { return embedded.has(n) || !m.in.has(n) })
		slices.Sort(ns) // the index's order is of values that may be hidden
		for batch := range slices.Chunk(ns, maxFound) {
			if len(items) == limit {
				break
			}
			found, err := m.load(ctx, batch, len(batch))
			if err != nil {
				return nil, err
			}
			for _, x := range found {
				if len(items) < limit && hasText(m.v.full[t], x.Item) {
					items = append(items, x.Item)
				}
			}
		}
	}
	return items, nil
}

// embedded reads which items have a vector of a model.
func (m *memories) embedded(ctx context.Context, model int64) (*set, error) {
	rows, err := m.v.s.db.QueryContext(ctx, `SELECT items FROM codes WHERE n >= ? AND n < ? ORDER BY n`, model<<modelShift, (model+1)<<modelShift)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	s := new(set)
	for rows.Next() {
		var p codePage
		if err := rows.Scan(&p.items); err != nil {
			return nil, err
		}
		for i := range p.len() {
			s.add(p.item(i))
		}
	}
	return s, rows.Err()
}

// hasText reports whether an item has a title or a body.
func hasText(t *locket.Type, it locket.Item) bool {
	return slices.ContainsFunc(t.Properties, func(p locket.Property) bool {
		_, ok := it.Props[p.Name]
		return ok && (p.Role == locket.RoleTitle || p.Role == locket.RoleBody)
	})
}
