package bench

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"time"

	"github.com/locketpod/locket"
	_ "modernc.org/sqlite"
)

// The plaintext side is what a careful program without encryption, journal and
// policy would do: one table, the two orders that lists come in, a search index
// that is kept in the same transaction, durable commits. It runs in a process of its
// own, because our allocator and kind of file locks are settings of all of SQLite and
// would slow it down.
const plainSchema = `
CREATE TABLE items(
  n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, type TEXT NOT NULL, props TEXT NOT NULL,
  created INTEGER NOT NULL, updated INTEGER NOT NULL, time INTEGER NOT NULL) STRICT;
CREATE INDEX items_updated ON items(type, updated);
CREATE INDEX items_time ON items(type, time);
CREATE VIRTUAL TABLE search USING fts5(title, body, content = '', tokenize = 'porter unicode61 remove_diacritics 2');
INSERT INTO search(search, rank) VALUES('rank', 'bm25(8.0, 1.0)');`

// A plain is the plaintext side. db is kept open for what is not measured with
// opening and closing.
type plain struct {
	ctx  context.Context
	path string
	db   *sql.DB
}

func newPlain(ctx context.Context, dir string) (*plain, error) {
	p := &plain{ctx: ctx, path: filepath.Join(dir, "plain.db")}
	if err := p.open(); err != nil {
		return nil, err
	}
	_, err := p.db.Exec(plainSchema)
	return p, err
}

func (p *plain) end() error { return p.db.Close() }

func (p *plain) open() (err error) {
	p.db, err = sql.Open("sqlite", "file:"+p.path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"+
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)&_pragma=cache_size(-16384)&_pragma=wal_autocheckpoint(4000)")
	return err
}

// work does one piece of work, prepared before the clock starts.
func (p *plain) work(what string, i int) (cost, error) {
	switch what {
	case "shut":
		return cost{}, p.db.Close()
	case "reopen":
		return cost{}, p.open()
	case "bulk":
		list := notes(i, batchSize)
		return measured(func() error { return p.insert(list) })
	case "open-insert":
		list := notes(i, 1)
		return p.opened(func() error { return p.insert(list) })
	case "open-get":
		id := noteAt(i).id
		return p.opened(func() error { return p.get(id) })
	case "search":
		q := searchFor(i)
		return measured(func() error { return p.search(q) })
	case "open-search":
		q := searchFor(i)
		return p.opened(func() error { return p.search(q) })
	}
	return cost{}, errors.New("unknown")
}

// opened opens the database, works and closes it.
func (p *plain) opened(fn func() error) (cost, error) {
	return measured(func() error {
		if err := p.open(); err != nil {
			return err
		}
		return errors.Join(fn(), p.db.Close())
	})
}

// insert adds items and their words in one transaction.
func (p *plain) insert(list []note) error {
	tx, err := p.db.BeginTx(p.ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	row, err := tx.Prepare(`INSERT INTO items(id, type, props, created, updated, time) VALUES(?, 'Note', ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	words, err := tx.Prepare(`INSERT INTO search(rowid, title, body) VALUES(?, ?, ?)`)
	if err != nil {
		return err
	}
	now := time.Now().UnixMicro()
	for _, n := range list {
		id, _ := locket.ParseUUID(string(n.id)) // ours
		props, err := json.Marshal(map[string]any{"name": n.name, "text": n.text, "dateModified": n.modified.UnixMicro()})
		if err != nil {
			return err
		}
		r, err := row.Exec(id[:], string(props), now, now, n.modified.UnixMicro())
		if err != nil {
			return err
		}
		rowid, err := r.LastInsertId()
		if err != nil {
			return err
		}
		if _, err := words.Exec(rowid, n.name, n.text); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (p *plain) get(id locket.ItemID) error {
	u, _ := locket.ParseUUID(string(id)) // ours
	_, err := scanPlain(p.db.QueryRowContext(p.ctx, `SELECT id, type, props, created, updated FROM items WHERE id = ?`, u[:]))
	return err
}

func (p *plain) search(words string) error {
	rows, err := p.db.QueryContext(p.ctx, `SELECT i.id, i.type, i.props, i.created, i.updated
		FROM (SELECT rowid, rank FROM search WHERE search MATCH ? ORDER BY rank LIMIT ?) s
		JOIN items i ON i.n = s.rowid ORDER BY s.rank, i.n`, words, pageSize+1) // one more tells whether there is a next page
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if _, err := scanPlain(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func scanPlain(row interface{ Scan(...any) error }) (it locket.Item, err error) {
	var id, props []byte
	var created, updated int64
	if err := row.Scan(&id, &it.Type, &props, &created, &updated); err != nil {
		return it, err
	}
	it.ID = locket.ItemID(locket.FormatUUID([16]byte(id)))
	it.Created, it.Updated = time.UnixMicro(created), time.UnixMicro(updated)
	return it, json.Unmarshal(props, &it.Props)
}
