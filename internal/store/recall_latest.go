package store

import (
	"context"
	"slices"
)

// Latest returns the items that a filter leaves, whatever they say: the newest first, by
// the times that the principal sees.
func (v *View) Latest(ctx context.Context, f MemoryFilter, limit int) ([]Found, error) {
	limit, err := limitOf(limit, 50, maxFound)
	if err != nil {
		return nil, err
	}
	m, err := v.memories(ctx, f)
	if err != nil {
		return nil, err
	}
	var ns []int64
	for _, t := range slices.Concat(m.right, m.apart) {
		query, args := m.latest(t, limit)
		more, err := numbers(ctx, v.s.db, query, args...)
		if err != nil {
			return nil, failure("recall", err)
		}
		ns = append(ns, more...)
	}
	if ns, err = m.byTime(ctx, ns, limit); err != nil {
		return nil, failure("recall", err)
	}
	found, err := m.load(ctx, ns, limit)
	return found, failure("recall", err)
}

// latest is the statement for the newest items of a type.
func (m *memories) latest(typ string, limit int) (string, []any) {
	where, time := m.where([]string{typ}), m.v.timeColumn(typ)
	return `SELECT i.n FROM items i WHERE i.deleted = 0 AND ` + where.sql + ` ORDER BY ` + time.sql + ` DESC, i.n DESC LIMIT ?`, slices.Concat(where.args, time.args, []any{limit})
}
