package sqlcipher

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"modernc.org/sqlite"
)

// A connector opens the connections of one pool, each with a handle of its own.
type connector struct {
	path string // absolute
	keys *keyring
	vfs  string
	opts Options

	maxLength int // most bytes of one value; 0: SQLite's own limit
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	s := &session{keyring: c.keys}
	handle := handles.put(s)
	defer handles.take(handle)
	inner, err := sqlite.NewConnector(c.dsn(handle))
	if err != nil {
		return nil, fmt.Errorf("sqlcipher: %w", err)
	}
	dc, err := inner.Connect(ctx)
	if err != nil {
		return nil, s.fail.explain(err)
	}
	sc, ok := dc.(sqliteConn)
	if !ok {
		return nil, errors.Join(errDriver, dc.Close())
	}
	return &conn{sc, s, &s.fail}, nil
}

func (c *connector) Driver() driver.Driver { return &sqlite.Driver{} }

// defaults are set on every connection, but for those in Options.Pragmas. Each
// costs every opening a statement, so what guardConnection can set, or what SQLite
// has by itself (synchronous=FULL), is not among them.
var defaults = []string{
	"secure_delete(ON)", "busy_timeout(10000)", "cache_size(-4096)",
}

func (c *connector) dsn(handle int64) string {
	q := url.Values{"vfs": {c.vfs}, "mode": {"rw"}, handleParam: {fmt.Sprint(handle)}}
	if c.opts.ReadOnly {
		q.Set("mode", "ro")
	}
	if c.maxLength > 0 {
		q.Set(lengthParam, fmt.Sprint(c.maxLength))
	}
	for _, d := range defaults {
		if !slices.ContainsFunc(c.opts.Pragmas, func(p string) bool { return pragmaName(p) == pragmaName(d) }) {
			q.Add("_pragma", d)
		}
	}
	for _, p := range c.opts.Pragmas {
		q.Add("_pragma", p)
	}
	return fileURI(c.path, q)
}

// fileURI is the absolute path as SQLite takes it with parameters.
func fileURI(path string, q url.Values) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/x is /C:/x in a URI
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// pragmaName returns the name of "name(value)" or "name=value".
func pragmaName(p string) string {
	name, _, _ := strings.Cut(strings.ReplaceAll(p, "=", "("), "(")
	return strings.ToLower(strings.TrimSpace(name))
}

// errDriver means that a new version of the driver has lost a method.
var errDriver = errors.New("sqlcipher: the SQLite driver lacks a method")

// sqliteConn is what a driver connection offers to database/sql. The rest of
// it (backup to any file, serialization in the clear) is not passed on.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// conn, stmt, rows and tx put the reason in front of the driver's errors.
type conn struct {
	sqliteConn
	session *session
	fail    *failure
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, c.fail.explain(err)
	}
	ss, ok := s.(sqliteStmt)
	if !ok {
		return nil, errors.Join(errDriver, s.Close())
	}
	return &stmt{ss, c.fail}, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	r, err := c.sqliteConn.ExecContext(ctx, query, args)
	return r, c.fail.explain(err)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	r, err := c.sqliteConn.QueryContext(ctx, query, args)
	return wrapRows(r, err, c.fail)
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	t, err := c.sqliteConn.BeginTx(ctx, opts)
	if err != nil {
		return nil, c.fail.explain(err)
	}
	return &tx{t, c.fail}, nil
}

func (c *conn) Ping(ctx context.Context) error { return c.fail.explain(c.sqliteConn.Ping(ctx)) }

func (c *conn) Close() error { return c.fail.explain(c.sqliteConn.Close()) }

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type stmt struct {
	sqliteStmt
	fail *failure
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	r, err := s.sqliteStmt.ExecContext(ctx, args)
	return r, s.fail.explain(err)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	r, err := s.sqliteStmt.QueryContext(ctx, args)
	return wrapRows(r, err, s.fail)
}

// sqliteRows is what the driver's rows offer beside the rows themselves.
type sqliteRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

type rows struct {
	sqliteRows
	fail *failure
}

func wrapRows(r driver.Rows, err error, fail *failure) (driver.Rows, error) {
	if err != nil {
		return nil, fail.explain(err)
	}
	sr, ok := r.(sqliteRows)
	if !ok {
		return nil, errors.Join(errDriver, r.Close())
	}
	return &rows{sr, fail}, nil
}

func (r *rows) Next(dest []driver.Value) error {
	return r.fail.explain(r.sqliteRows.Next(dest))
}

func (r *rows) Close() error { return r.fail.explain(r.sqliteRows.Close()) }

type tx struct {
	driver.Tx
	fail *failure
}

func (t *tx) Commit() error { return t.fail.explain(t.Tx.Commit()) }

func (t *tx) Rollback() error { return t.fail.explain(t.Tx.Rollback()) }
