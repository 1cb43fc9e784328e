package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"slices"

	"github.com/locketpod/locket"
)

const (
	maxPrincipals = 1000
	maxName       = 200 // bytes
)

// Self is who acts through the view, with its policy.
func (v *View) Self(ctx context.Context) (locket.Principal, error) {
	p, err := v.principalRow(ctx, v.s.db, v.who.n)
	if err != nil {
		return locket.Principal{}, err
	}
	return p.principal, nil
}

// Principals lists the owner and all who may act, in the order they were made. Those
// who manage with bounds see whom they made, and whom these made.
func (v *View) Principals(ctx context.Context) ([]locket.Principal, error) {
	if err := v.may(locket.MayManage); err != nil {
		return nil, err
	}
	rows, err := v.allPrincipals(ctx, v.s.db)
	if err != nil {
		return nil, err
	}
	var list []locket.Principal
	for _, p := range rows {
		if v.manages(rows, p.n) {
			list = append(list, p.principal)
		}
	}
	return list, v.saw(ctx, locket.ActionRead)
}

// A principalRow is a principal and where it stands.
type principalRow struct {
	n, maker  int64
	principal locket.Principal
}

const principalRowColumns = `p.n, p.id, p.kind, p.name, p.state, p.maker, m.id, p.key, p.policy, p.created, p.seen
	FROM principals p JOIN principals m ON m.n = p.maker`

// scanPrincipalRow reads extra columns, and then those of principalRowColumns.
func scanPrincipalRow(s scanner, extra ...any) (principalRow, error) {
	var r principalRow
	p := &r.principal
	var id, maker, key []byte
	var text sql.NullString
	var created, seen locket.HLC
	dest := append(extra, &r.n, &id, &p.Kind, &p.Name, &p.State, &r.maker, &maker, &key, &text, &created, &seen)
	if err := s.Scan(dest...); err != nil {
		return r, err
	}
	p.ID, p.PublicKey, p.Created = locket.PrincipalID(uuidText(id)), hex.EncodeToString(key), created.Time()
	if r.n != ownerNumber {
		p.Maker = locket.PrincipalID(uuidText(maker))
	}
	if seen > 0 {
		p.Seen = seen.Time()
	}
	if !text.Valid {
		return r, nil
	}
	var err error
	p.Policy, err = storedPolicy(text.String)
	return r, err
}

func (v *View) principalRow(ctx context.Context, q querier, n int64) (principalRow, error) {
	r, err := scanPrincipalRow(q.QueryRowContext(ctx, `SELECT `+principalRowColumns+` WHERE p.n = ?`, n))
	return r, failure("read principals", err)
}

func (v *View) allPrincipals(ctx context.Context, q querier) ([]principalRow, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+principalRowColumns+` ORDER BY p.n`)
	if err != nil {
		return nil, failure("read principals", err)
	}
	defer rows.Close()
	var list []principalRow
	for rows.Next() {
		r, err := scanPrincipalRow(rows)
		if err != nil {
			return nil, failure("read principals", err)
		}
		list = append(list, r)
	}
	return list, failure("read principals", rows.Err())
}

// manages reports whether principal n was made by the view's, through others too. Who
// may manage without bounds manages everybody.
func (v *View) manages(all []principalRow, n int64) bool {
	return v.seesJournal() || v.made(all, n)
}

// made reports whether principal n was made by the view's, through others too.
func (v *View) made(all []principalRow, n int64) bool {
	for range maxMakers {
		i := slices.IndexFunc(all, func(p principalRow) bool { return p.n == n })
		if i < 0 || n == ownerNumber {
			return false
		}
		if all[i].maker == v.who.n {
			return true
		}
		n = all[i].maker
	}
	return false
}
