package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
)

// rechecked returns those of ns for which where is true and that match an expression in
// what the principal may both see and search of them. The pod's index, which knows more of
// them, has only proposed them.
func (m *memories) rechecked(ctx context.Context, e Expr, where filter, ns []int64) (found []int64, err error) {
	conn, err := m.v.s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, apartIndex); err != nil {
		return nil, err
	}
	a := &apart{finding: &finding{v: m.v}, conn: conn}
	for batch := range slices.Chunk(ns, maxCandidates) {
		more, err := a.matching(ctx, e, where, batch)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// matching is rechecked for as many as are indexed at once.
func (a *apart) matching(ctx context.Context, e Expr, where filter, ns []int64) (found []int64, err error) {
	list, err := json.Marshal(ns)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.forget(context.WithoutCancel(ctx))) }()
	_, err = a.index(ctx, `SELECT `+itemColumns+`, NULL FROM json_each(?) list CROSS JOIN items i ON i.n = list.value WHERE i.deleted = 0 AND `+where.sql,
		append([]any{string(list)}, where.args...)...)
	if err != nil {
		return nil, err
	}
	return numbers(ctx, a.conn, `SELECT rowid FROM apart WHERE apart MATCH ? ORDER BY rowid DESC`, e.fts)
}
