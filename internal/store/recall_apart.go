package store

import (
	"context"
	"errors"
	"slices"
)

// apartBatch is how many candidates are indexed apart at once.
const apartBatch = 500

// matchApart returns up to most numbers, the greatest first, of items that match an
// expression in what the principal may both see and search of them, among those for which
// where is true. The pod's index, which knows more of them, only proposes.
func (m *memories) matchApart(ctx context.Context, e Expr, where filter, most int) (found []int64, err error) {
	conn, err := m.v.s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, apartIndex); err != nil {
		return nil, err
	}
	a := &apart{finding: &finding{v: m.v}, conn: conn}
	defer func() { err = errors.Join(err, a.forget(context.WithoutCancel(ctx))) }()
	for last := int64(1 << 62); len(found) < most; {
		proposed, err := a.index(ctx, `SELECT `+itemColumns+`, NULL FROM search s CROSS JOIN items i ON i.n = s.rowid
			WHERE search MATCH ? AND s.rowid < ? AND i.deleted = 0 AND `+where.sql+` ORDER BY s.rowid DESC LIMIT ?`,
			slices.Concat([]any{e.fts, last}, where.args, []any{apartBatch})...)
		if err != nil {
			return nil, err
		}
		matching, err := numbers(ctx, conn, `SELECT rowid FROM apart WHERE apart MATCH ? ORDER BY rowid DESC`, e.fts)
		if err != nil {
			return nil, err
		}
		found = append(found, matching...)
		if len(proposed) < apartBatch {
			break
		}
		last = proposed[len(proposed)-1]
		if err := a.forget(ctx); err != nil {
			return nil, err
		}
	}
	return found[:min(len(found), most)], nil
}
