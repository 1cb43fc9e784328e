package store

import (
	"context"

	"github.com/locketpod/locket"
)

// StartImport opens the ledger of an import run, or goes on with the one of this id.
func (w *Writer) StartImport(id, source string) error {
	if err := w.v.may(locket.MayImport); err != nil {
		return err
	}
	if err := checkKey(id); err != nil {
		return err
	}
	return w.exec(`INSERT INTO imports(id, source, author, started) VALUES(?, ?, ?, ?) ON CONFLICT(id) DO NOTHING`,
		id, source, w.v.who.n, micros(w.now()))
}

// Record adds one line to the ledger of a run and counts it.
func (w *Writer) Record(importID string, e locket.LedgerEntry) error {
	if err := w.v.may(locket.MayImport); err != nil {
		return err
	}
	var count string
	switch e.Outcome {
	case locket.Imported:
		count = `UPDATE imports SET imported = imported + 1 WHERE id = ? RETURNING imported + duplicate + rejected`
	case locket.Duplicate:
		count = `UPDATE imports SET duplicate = duplicate + 1 WHERE id = ? RETURNING imported + duplicate + rejected`
	case locket.Rejected:
		count = `UPDATE imports SET rejected = rejected + 1 WHERE id = ? RETURNING imported + duplicate + rejected`
	default:
		return locket.Errorf(locket.CodeInvalid, "%q is not an outcome", e.Outcome)
	}
	var line int64
	if err := w.queryRow(count, importID).Scan(&line); err != nil {
		return err
	}
	var item []byte // NULL: the record became no item
	if e.Item != "" {
		var err error
		if item, err = itemID(e.Item); err != nil {
			return err
		}
	}
	return w.exec(`INSERT INTO ledger(import, n, file, record, format, outcome, item, reason) VALUES(?, ?, ?, ?, ?, ?, ?, ?)`,
		importID, line, e.File, e.Record, e.Format, string(e.Outcome), item, e.Reason)
}

// FinishImport marks a run as finished.
func (w *Writer) FinishImport(importID string) error {
	if err := w.v.may(locket.MayImport); err != nil {
		return err
	}
	n, err := w.affected(`UPDATE imports SET finished = ? WHERE id = ?`, micros(w.now()), importID)
	if err == nil && n == 0 {
		return notFound("import")
	}
	return err
}

// Imports lists import runs, newest first: all of them to who may read everything, to
// others their own.
func (v *View) Imports(ctx context.Context, limit int, cursor string) (locket.Page[locket.Import], error) {
	var page locket.Page[locket.Import]
	if err := v.may(locket.MayRead); err != nil {
		return page, err
	}
	limit, err := limitOf(limit, 50, 1000)
	if err != nil {
		return page, err
	}
	at := importCursor{ID: "~"} // after every id
	if err := v.decodeCursor(cursor, &at); err != nil {
		return page, err
	}
	rows, err := v.s.db.QueryContext(ctx, `SELECT id, source, started, finished, imported, duplicate, rejected
		FROM imports WHERE id < ? AND ? IN (0, author) ORDER BY id DESC LIMIT ?`, at.ID, v.onlyBy(), limit+1)
	if err != nil {
		return page, failure("list imports", err)
	}
	defer rows.Close()
	for rows.Next() {
		var m locket.Import
		var started, finished int64
		if err := rows.Scan(&m.ID, &m.Source, &started, &finished, &m.Imported, &m.Duplicate, &m.Rejected); err != nil {
			return page, failure("list imports", err)
		}
		if len(page.Items) == limit {
			page.Next = v.encodeCursor(at)
			break
		}
		m.Started = fromMicros(started)
		if finished > 0 {
			m.Finished = fromMicros(finished)
		}
		m.Read = m.Imported + m.Duplicate + m.Rejected
		page.Items = append(page.Items, m)
		at.ID = m.ID
	}
	if err := rows.Err(); err != nil {
		return page, failure("list imports", err)
	}
	return page, v.saw(ctx, locket.ActionRead)
}

// onlyBy is the principal whose imports the view is limited to, 0 for all. In a session
// with a policy of its own nobody's are: it may see less than the principal has imported.
func (v *View) onlyBy() int64 {
	switch {
	case v.unbounded(locket.MayRead):
		return 0
	case v.narrowed:
		return -1
	}
	return v.who.n
}

type importCursor struct{ ID string }

type lineCursor struct{ N int64 }

// Ledger lists the records of one import run in the order they were read.
func (v *View) Ledger(ctx context.Context, importID string, limit int, cursor string) (locket.Page[locket.LedgerEntry], error) {
	var page locket.Page[locket.LedgerEntry]
	if err := v.may(locket.MayRead); err != nil {
		return page, err
	}
	limit, err := limitOf(limit, 500, 5000)
	if err != nil {
		return page, err
	}
	var at lineCursor
	if err := v.decodeCursor(cursor, &at); err != nil {
		return page, err
	}
	var n int
	if err := v.s.db.QueryRowContext(ctx, `SELECT count(*) FROM imports WHERE id = ? AND ? IN (0, author)`, importID, v.onlyBy()).Scan(&n); err != nil {
		return page, failure("read ledger", err)
	}
	if n == 0 {
		return page, notFound("import")
	}
	rows, err := v.s.db.QueryContext(ctx, `SELECT n, file, record, format, outcome, item, reason
		FROM ledger WHERE import = ? AND n > ? ORDER BY n LIMIT ?`, importID, at.N, limit+1)
	if err != nil {
		return page, failure("read ledger", err)
	}
	defer rows.Close()
	for rows.Next() {
		var e locket.LedgerEntry
		var item []byte
		var line int64
		if err := rows.Scan(&line, &e.File, &e.Record, &e.Format, &e.Outcome, &item, &e.Reason); err != nil {
			return page, failure("read ledger", err)
		}
		if len(page.Items) == limit {
			page.Next = v.encodeCursor(at)
			break
		}
		e.Item = locket.ItemID(uuidText(item))
		page.Items = append(page.Items, e)
		at.N = line
	}
	if err := rows.Err(); err != nil {
		return page, failure("read ledger", err)
	}
	return page, v.saw(ctx, locket.ActionRead)
}
