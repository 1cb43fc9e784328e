package store

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// A snapshot is one state of the database, read in one transaction.
type snapshot struct {
	s       *Store
	conn    *sql.Conn
	types   catalog
	authors map[int64]*author // by principals.n
}

// An author is a principal as the journal knows them.
type author struct {
	row  principalRow
	id   [16]byte
	seq  int64
	head []byte
	key  ed25519.PublicKey // nil: the pod signs
}

// snapshot runs fn over the state of now, however long that takes. What is written
// meanwhile grows the write-ahead log. A *journal.Fault that fn returns is passed on.
func (s *Store) snapshot(ctx context.Context, fn func(*snapshot) error) (err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return failure("read journal", err)
	}
	defer func() {
		if e := conn.Close(); err == nil {
			err = failure("read journal", e)
		}
	}()
	if _, err := conn.ExecContext(ctx, `BEGIN`); err != nil {
		return failure("read journal", err)
	}
	defer func() {
		_, e := conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`)
		if e != nil { // nobody else must get the connection with its transaction
			e = errors.Join(e, conn.Raw(func(any) error { return driver.ErrBadConn }))
		}
		if err == nil {
			err = failure("read journal", e)
		}
	}()
	q := &snapshot{s: s, conn: conn, authors: make(map[int64]*author)}
	if q.types, err = loadCatalog(ctx, conn); err != nil {
		return failure("read types", err)
	}
	if err = q.readAuthors(ctx); err == nil {
		err = fn(q)
	}
	if _, ok := errors.AsType[*journal.Fault](err); ok {
		return err
	}
	return failure("read journal", err)
}

func (q *snapshot) readAuthors(ctx context.Context) error {
	rows, err := q.conn.QueryContext(ctx, `SELECT p.seq, p.head, `+principalRowColumns+` ORDER BY p.n`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		a := new(author)
		if a.row, err = scanPrincipalRow(rows, &a.seq, &a.head); err != nil {
			return unreadable()
		}
		a.id, _ = locket.ParseUUID(string(a.row.principal.ID))
		if key, err := publicKey(a.row.principal.PublicKey); err == nil { // else nothing that it signed fits
			a.key = key
		}
		q.authors[a.row.n] = a
	}
	return rows.Err()
}

// numbers returns those of the principals, in order.
func (q *snapshot) numbers() []int64 { return slices.Sorted(maps.Keys(q.authors)) }

// keyOf returns the key of a principal who signs.
func (q *snapshot) keyOf(id locket.PrincipalID) (ed25519.PublicKey, bool) {
	for _, a := range q.authors {
		if a.row.principal.ID == id {
			return a.key, a.key != nil
		}
	}
	return nil, false
}

// A record is an entry with its leaves as they are stored.
type record struct {
	journal.Record
	author *author
	rows   []leafRow
}

// A leafRow is a row of leaves.
type leafRow struct {
	n, change, item int64
	action          locket.Action
	salt, hash      []byte
	data            string
}

// records calls fn with every entry in order. Their leaves have no content yet. fn
// must not keep the record. Rows that can't be entries are a *journal.Fault.
func (q *snapshot) records(ctx context.Context, fn func(*record) error) error {
	changes, err := q.conn.QueryContext(ctx, `SELECT c.n, c.kind, c.author, c.bypod, c.seq, c.prev, c.hlc, coalesce(c.import, ''),
		coalesce(c.session, ''), coalesce(c.origin, ''), c.leaf, c.leaves, c.root, c.sig, c.tree FROM changes c ORDER BY c.n`)
	if err != nil {
		return err
	}
	defer changes.Close()
	leaves, err := q.leaves(ctx)
	if err != nil {
		return err
	}
	defer leaves.close()
	pod, err := q.s.podBytes()
	if err != nil {
		return err
	}
	r := record{Record: journal.Record{Completed: make([]journal.Hash, 0, 64)}} // never nil, which would spare the check
	last, next := int64(0), int64(1)                                            // the latest entry, and leaves.n that is to come
	for changes.Next() {
		first, err := q.scanEntry(changes, &r)
		if err != nil {
			return err
		}
		if last++; r.N != last {
			return &journal.Fault{N: last, What: fmt.Sprintf("entry %d is missing", last)}
		}
		r.Entry.Pod = pod
		r.Leaves, r.rows = r.Leaves[:0], r.rows[:0]
		for leaves.key == r.N {
			if leaves.row.n != next || first+int64(len(r.rows)) != next {
				return faultAt(r.N, "its actions are not in their place")
			}
			if r.rows = append(r.rows, leaves.row); len(leaves.row.hash) != len(journal.Hash{}) {
				return faultAt(r.N, "an action of it has no hash")
			}
			r.Leaves = append(r.Leaves, journal.StoredLeaf{Hash: journal.Hash(leaves.row.hash)})
			next++
			if err := leaves.advance(); err != nil {
				return err
			}
		}
		if err := fn(&r); err != nil {
			return err
		}
	}
	if err := changes.Err(); err != nil {
		return err
	}
	if leaves.key != atEnd {
		return &journal.Fault{N: r.N, What: fmt.Sprintf("there are actions that are of none of the %d entries", r.N)}
	}
	return nil
}

// scanEntry reads a row of changes into r, and says which row of leaves is its first.
func (q *snapshot) scanEntry(rows *sql.Rows, r *record) (first int64, err error) {
	e := &r.Entry
	*e = journal.Entry{Version: journal.Version}
	var who int64
	var tree []byte
	err = rows.Scan(&r.N, &e.Kind, &who, &e.ByPod, &e.Seq, &e.Prev, &e.HLC, &e.Source.Import, &e.Source.Session, &e.Source.Item,
		&first, &e.Leaves, &e.Root, &r.Signature, &tree)
	if err != nil {
		return 0, unreadable()
	}
	if r.author = q.authors[who]; r.author == nil {
		return 0, faultAt(r.N, "its author is no principal of the pod")
	}
	e.Author = r.author.id
	r.Completed = append(r.Completed[:0], make([]journal.Hash, (len(tree)+31)/32)...)
	for i := range r.Completed {
		copy(r.Completed[i][:], tree[i*32:])
	}
	return first, nil
}

func (q *snapshot) leaves(ctx context.Context) (*cursor[leafRow], error) {
	rows, err := q.conn.QueryContext(ctx, `SELECT n, change, item, action, salt, hash, coalesce(data, '') FROM leaves ORDER BY n`)
	return newCursor(rows, err, scanLeaf)
}

// scanLeaf reads a row of leaves, and returns its change.
func scanLeaf(rows *sql.Rows, l *leafRow) (change int64, err error) {
	*l = leafRow{}
	err = rows.Scan(&l.n, &l.change, &l.item, &l.action, &l.salt, &l.hash, &l.data)
	return l.change, err
}

func faultAt(n int64, format string, args ...any) *journal.Fault {
	return &journal.Fault{N: n, What: fmt.Sprintf("entry %d: "+format, append([]any{n}, args...)...)}
}

// atEnd is the key of a cursor behind its last row.
const atEnd = 1<<63 - 1

// A cursor walks through rows that are ordered by a key.
type cursor[T any] struct {
	rows *sql.Rows
	scan func(*sql.Rows, *T) (key int64, err error)
	row  T     // where it is
	key  int64 // of row; atEnd if there is none
}

// newCursor stands on the first row. The caller closes it.
func newCursor[T any](rows *sql.Rows, err error, scan func(*sql.Rows, *T) (int64, error)) (*cursor[T], error) {
	if err != nil {
		return nil, err
	}
	c := &cursor[T]{rows: rows, scan: scan}
	if err := c.advance(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *cursor[T]) advance() (err error) {
	if !c.rows.Next() {
		c.key = atEnd
		return c.rows.Err()
	}
	if c.key, err = c.scan(c.rows, &c.row); err != nil {
		return unreadable()
	}
	return nil
}

// unreadable is a row with values of other kinds than Locket writes.
func unreadable() error { return podFault("a row of the database is not one that Locket wrote") }

func (c *cursor[T]) close() { _ = c.rows.Close() } // only read
