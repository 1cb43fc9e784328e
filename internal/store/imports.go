package store

import (
	"context"

	"github.com/locketpod/locket"
)

// StartImport opens the ledger of an import run, or goes on with the one of this id.
func (w *Writer) StartImport(id, source string) error {
	if err := w.v.may(locket.ActionCreate); err != nil {
		return err
	}
	if err := checkKey(id); err != nil {
		return err
	}
	return w.exec(`INSERT INTO imports(id, source, started) VALUES(?, ?, ?) ON CONFLICT(id) DO NOTHING`, id, source, micros(w.now()))
}

// Record adds one line to the ledger of a run and counts it.
func (w *Writer) Record(importID string, e locket.LedgerEntry) error {
	if err := w.v.may(locket.ActionCreate); err != nil {
		return err
	}
	var count string
	switch e.Outcome {
	case locket.Imported:
		count = `UPDATE imports SET imported = imported + 1 WHERE id = ? RETURNING n`
	case locket.Duplicate:
		count = `UPDATE imports SET duplicate = duplicate + 1 WHERE id = ? RETURNING n`
	case locket.Rejected:
		count = `UPDATE imports SET rejected = rejected + 1 WHERE id = ? RETURNING n`
	default:
		return locket.Errorf(locket.CodeInvalid, "%q is not an outcome", e.Outcome)
	}
	var n int64
	if err := w.queryRow(count, importID).Scan(&n); err != nil {
		return err
	}
	var item []byte // NULL: the record became no item
	if e.Item != "" {
		var err error
		if item, err = itemID(e.Item); err != nil {
			return err
		}
	}
	return w.exec(`INSERT INTO ledger(import, file, record, format, outcome, item, reason) VALUES(?, ?, ?, ?, ?, ?, ?)`,
		n, e.File, e.Record, e.Format, string(e.Outcome), item, e.Reason)
}

// FinishImport marks a run as finished.
func (w *Writer) FinishImport(importID string) error {
	if err := w.v.may(locket.ActionCreate); err != nil {
		return err
	}
	n, err := w.affected(`UPDATE imports SET finished = ? WHERE id = ?`, micros(w.now()), importID)
	if err == nil && n == 0 {
		return notFound("import")
	}
	return err
}

// Imports lists import runs, newest first.
func (v *View) Imports(ctx context.Context, limit int, cursor string) (locket.Page[locket.Import], error) {
	var page locket.Page[locket.Import]
	if err := v.may(locket.ActionRead); err != nil {
		return page, err
	}
	limit, err := limitOf(limit, 50, 1000)
	if err != nil {
		return page, err
	}
	at := rowCursor{N: 1 << 62}
	if err := decodeCursor(cursor, &at); err != nil {
		return page, err
	}
	rows, err := v.s.db.QueryContext(ctx, `SELECT n, id, source, started, finished, imported, duplicate, rejected
		FROM imports WHERE n < ? ORDER BY n DESC LIMIT ?`, at.N, limit+1)
	if err != nil {
		return page, failure("list imports", err)
	}
	defer rows.Close()
	for rows.Next() {
		var m locket.Import
		var n, started, finished int64
		if err := rows.Scan(&n, &m.ID, &m.Source, &started, &finished, &m.Imported, &m.Duplicate, &m.Rejected); err != nil {
			return page, failure("list imports", err)
		}
		if len(page.Items) == limit {
			page.Next = encodeCursor(at)
			break
		}
		m.Started = fromMicros(started)
		if finished > 0 {
			m.Finished = fromMicros(finished)
		}
		m.Read = m.Imported + m.Duplicate + m.Rejected
		page.Items = append(page.Items, m)
		at.N = n
	}
	return page, failure("list imports", rows.Err())
}

type rowCursor struct{ N int64 }

// Ledger lists the records of one import run in the order they were read.
func (v *View) Ledger(ctx context.Context, importID string, limit int, cursor string) (locket.Page[locket.LedgerEntry], error) {
	var page locket.Page[locket.LedgerEntry]
	if err := v.may(locket.ActionRead); err != nil {
		return page, err
	}
	limit, err := limitOf(limit, 500, 5000)
	if err != nil {
		return page, err
	}
	var at rowCursor
	if err := decodeCursor(cursor, &at); err != nil {
		return page, err
	}
	var n int64
	if err := v.s.db.QueryRowContext(ctx, `SELECT n FROM imports WHERE id = ?`, importID).Scan(&n); err != nil {
		if locket.CodeOf(failure("", err)) == locket.CodeNotFound {
			return page, notFound("import")
		}
		return page, failure("read ledger", err)
	}
	rows, err := v.s.db.QueryContext(ctx, `SELECT n, file, record, format, outcome, item, reason
		FROM ledger WHERE import = ? AND n > ? ORDER BY n LIMIT ?`, n, at.N, limit+1)
	if err != nil {
		return page, failure("read ledger", err)
	}
	defer rows.Close()
	for rows.Next() {
		var e locket.LedgerEntry
		var item []byte
		var row int64
		if err := rows.Scan(&row, &e.File, &e.Record, &e.Format, &e.Outcome, &item, &e.Reason); err != nil {
			return page, failure("read ledger", err)
		}
		if len(page.Items) == limit {
			page.Next = encodeCursor(at)
			break
		}
		e.Item = locket.ItemID(uuidText(item))
		page.Items = append(page.Items, e)
		at.N = row
	}
	return page, failure("read ledger", rows.Err())
}
