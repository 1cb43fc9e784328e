package store

import (
	"context"
	"database/sql"
	"errors"
)

// A tx is one write transaction on a connection of its own, with its statements
// prepared once.
type tx struct {
	ctx   context.Context // without cancellation: a statement is not torn, the transaction is rolled back
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// transaction runs fn between BEGIN IMMEDIATE and COMMIT. If fn or the commit
// fails, or ctx ends before the commit, nothing happened.
func (s *Store) transaction(ctx context.Context, fn func(*tx) error) (err error) {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return failure("write", ctx.Err())
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return failure("write", err)
	}
	defer func() {
		if e := conn.Close(); err == nil {
			err = failure("write", e)
		}
	}()
	if _, err := conn.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
		return failure("write", err)
	}
	t := &tx{ctx: context.WithoutCancel(ctx), conn: conn, stmts: make(map[string]*sql.Stmt)}
	if err = s.current(); err == nil {
		err = fn(t)
	}
	err = t.finish(ctx, err)
	return failure("write", err)
}

// finish commits, or rolls back if err is set or ctx has ended.
func (t *tx) finish(ctx context.Context, err error) error {
	for _, st := range t.stmts {
		err = errors.Join(err, st.Close())
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		_, err = t.conn.ExecContext(t.ctx, `COMMIT`)
	}
	if err != nil {
		// After a failed COMMIT the transaction may be gone already; the first
		// error is the one that matters.
		_, _ = t.conn.ExecContext(t.ctx, `ROLLBACK`)
	}
	return err
}

func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if st := t.stmts[query]; st != nil {
		return st, nil
	}
	st, err := t.conn.PrepareContext(t.ctx, query)
	if err != nil {
		return nil, err
	}
	t.stmts[query] = st
	return st, nil
}

func (t *tx) exec(query string, args ...any) error {
	st, err := t.stmt(query)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(t.ctx, args...)
	return err
}

// affected is exec, and tells how many rows it changed.
func (t *tx) affected(query string, args ...any) (int64, error) {
	st, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// A row is the result of queryRow: a *sql.Row, or the error of its preparation.
type row struct {
	*sql.Row
	err error
}

func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	return r.Row.Scan(dest...)
}

func (t *tx) queryRow(query string, args ...any) row {
	st, err := t.stmt(query)
	if err != nil {
		return row{err: err}
	}
	return row{Row: st.QueryRowContext(t.ctx, args...)}
}

// script runs several statements.
func (t *tx) script(sql string) error {
	if sql == "" {
		return nil
	}
	_, err := t.conn.ExecContext(t.ctx, sql)
	return err
}
