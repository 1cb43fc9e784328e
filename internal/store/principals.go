package store

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
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

// managed finds a principal that the writer may manage. Others are not found. Only
// the owner manages the owner.
func (w *Writer) managed(id locket.PrincipalID) (principalRow, error) {
	if err := w.v.may(locket.MayManage); err != nil {
		return principalRow{}, err
	}
	all, err := w.v.allPrincipals(w.ctx, w.conn)
	if err != nil {
		return principalRow{}, err
	}
	i := slices.IndexFunc(all, func(p principalRow) bool { return p.principal.ID == id })
	if i < 0 || !w.v.manages(all, all[i].n) {
		return principalRow{}, notFound("principal")
	}
	if all[i].n == ownerNumber && !w.v.Owner() {
		return principalRow{}, locket.Errorf(locket.CodeDenied, "only the owner may do this")
	}
	return all[i], nil
}

// mayLetIn refuses a key or a grant for a principal that may do what the writer may
// not: for all but the writer itself and those it has made, unless it is the owner.
func (w *Writer) mayLetIn(r principalRow) error {
	if err := w.mayHandOut(); err != nil {
		return err
	}
	if w.v.Owner() || r.n == w.v.who.n {
		return nil
	}
	all, err := w.v.allPrincipals(w.ctx, w.conn)
	if err != nil {
		return err
	}
	if !w.v.made(all, r.n) {
		return locket.Errorf(locket.CodeDenied, "only the owner, and whoever made %s, may let it in", clip(r.principal.Name, 60))
	}
	return nil
}

// mayHandOut refuses to give permissions from a session that has a policy of its own:
// they would outlast it, and reach further.
func (w *Writer) mayHandOut() error {
	if !w.v.narrowed {
		return nil
	}
	return locket.Errorf(locket.CodeDenied, "a session with a policy of its own can't hand out permissions")
}

// AddPrincipal makes a principal that may do what p.Policy permits, nothing if it has
// none. ID, State, Maker and the times of p are ignored. Nobody gives more than they hold.
func (w *Writer) AddPrincipal(p locket.Principal) (locket.Principal, error) {
	if err := w.v.may(locket.MayManage); err != nil {
		return p, err
	}
	switch p.Kind {
	case locket.KindDevice, locket.KindAgent, locket.KindPlugin, locket.KindPeer:
	default:
		return p, locket.Errorf(locket.CodeInvalid, "kind %q: a principal is a device, an agent, a plugin or a peer", clip(string(p.Kind), 20))
	}
	if err := w.mayHandOut(); err != nil {
		return p, err
	}
	if p.Policy == nil {
		p.Policy = &locket.Policy{Rules: []locket.Rule{}}
	}
	key, err := publicKey(p.PublicKey)
	if err != nil {
		return p, err
	}
	if err := errors.Join(w.checkName(p.Name, ""), w.checkPolicy(*p.Policy)); err != nil {
		return p, err
	}
	text, err := json.Marshal(p.Policy)
	if err != nil {
		return p, err
	}
	p.ID, p.State, p.Maker, p.Created = locket.NewPrincipalID(), locket.StateActive, locket.PrincipalID(uuidText(w.v.who.id)), w.now()
	p.PublicKey = hex.EncodeToString(key)
	id, _ := uuidBytes(string(p.ID))
	err = w.exec(`INSERT INTO principals(id, kind, name, maker, key, policy, created) VALUES(?, ?, ?, ?, ?, ?, ?)`,
		id, string(p.Kind), p.Name, w.v.who.n, key, string(text), int64(w.hlc))
	if err != nil {
		return p, err
	}
	return p, w.notePrincipal(p)
}

// A PrincipalChange says what to change; nil leaves a part as it is.
type PrincipalChange struct {
	Name   *string
	State  *locket.PrincipalState
	Policy *locket.Policy
}

// ChangePrincipal changes a principal. Who is revoked stays so, and all its grants end.
// The owner can be renamed, and nothing else.
func (w *Writer) ChangePrincipal(id locket.PrincipalID, c PrincipalChange) (locket.Principal, error) {
	r, err := w.managed(id)
	if err != nil {
		return r.principal, err
	}
	p := r.principal
	if r.n == ownerNumber && (c.State != nil || c.Policy != nil) {
		return p, locket.Errorf(locket.CodeConflict, "the owner has no policy and can't be paused or revoked")
	}
	if p.State == locket.StateRevoked {
		return p, locket.Errorf(locket.CodeConflict, "%s was revoked, for good; add another principal instead", p.Name)
	}
	if c.Name != nil {
		if err := w.checkName(*c.Name, p.ID); err != nil {
			return p, err
		}
		p.Name = *c.Name
	}
	if c.State != nil {
		p.State = *c.State
		if err := w.setState(r.n, p.State); err != nil {
			return p, err
		}
	}
	if c.Policy != nil {
		if err := w.checkPolicy(*c.Policy); err != nil {
			return p, err
		}
		p.Policy = c.Policy
		text, err := json.Marshal(p.Policy)
		if err != nil {
			return p, err
		}
		if err := w.exec(`UPDATE principals SET policy = ?, spent = '[]' WHERE n = ?`, string(text), r.n); err != nil {
			return p, err
		}
	}
	if err := w.exec(`UPDATE principals SET name = ? WHERE n = ?`, p.Name, r.n); err != nil {
		return p, err
	}
	return p, w.notePrincipal(p)
}

func (w *Writer) setState(n int64, s locket.PrincipalState) error {
	switch s {
	case locket.StateActive, locket.StatePaused:
	case locket.StateRevoked:
		if err := w.endGrants(n); err != nil {
			return err
		}
	default:
		return locket.Errorf(locket.CodeInvalid, "state %q: a principal is active, paused or revoked", clip(string(s), 20))
	}
	return w.exec(`UPDATE principals SET state = ? WHERE n = ?`, string(s), n)
}

// notePrincipal records a principal as it is now.
func (w *Writer) notePrincipal(p locket.Principal) error {
	props, err := principalProps(p)
	if err != nil {
		return err
	}
	return w.manage(locket.ActionPrincipal, props)
}

// principalProps is a principal as the journal has it.
func principalProps(p locket.Principal) (map[string]any, error) {
	props := map[string]any{
		"id": string(p.ID), "kind": string(p.Kind), "name": p.Name, "state": string(p.State),
		"maker": string(p.Maker), "publicKey": p.PublicKey, "policy": "",
	}
	if p.Policy != nil {
		text, err := json.Marshal(p.Policy)
		if err != nil {
			return nil, err
		}
		props["policy"] = string(text)
	}
	return props, nil
}

// checkName refuses names that cannot be shown, and one that another principal has.
func (w *Writer) checkName(name string, of locket.PrincipalID) error {
	if strings.TrimSpace(name) == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return locket.Errorf(locket.CodeInvalid, "a principal needs a name of 1 to %d bytes, on one line", maxName)
	}
	all, err := w.v.allPrincipals(w.ctx, w.conn)
	if err != nil {
		return err
	}
	if of == "" && len(all) >= maxPrincipals {
		return locket.Errorf(locket.CodeTooLarge, "a pod has at most %d principals", maxPrincipals)
	}
	for _, p := range all {
		if p.principal.Name == name && p.principal.ID != of && p.principal.State != locket.StateRevoked && w.v.manages(all, p.n) {
			return locket.Errorf(locket.CodeExists, "there is a principal called %q already; choose another name", clip(name, 60))
		}
	}
	return nil
}

// checkPolicy refuses a policy that names what is not there, and one that permits more
// than the writer may do.
func (w *Writer) checkPolicy(p locket.Policy) error {
	if err := policy.Check(p, w.shown); err != nil {
		return err
	}
	if w.v.access.Whole() {
		return nil
	}
	if err := w.mayHandOut(); err != nil {
		return err
	}
	held, err := w.v.Self(w.ctx)
	if err != nil {
		return err
	}
	return policy.Within(p, *held.Policy, w.types)
}

// publicKey reads an Ed25519 public key in hexadecimal; "" is none.
func publicKey(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, locket.Errorf(locket.CodeInvalid, "a public key is %d hexadecimal digits of an Ed25519 key", 2*ed25519.PublicKeySize)
	}
	return key, nil
}

// spend counts a request against the limits of the principal's policy.
func (v *View) spend(ctx context.Context, p locket.Permission) error {
	limits := v.access.Limits()
	if len(limits) == 0 {
		return nil
	}
	return v.s.transaction(ctx, func(t *tx) error {
		var text string
		if err := t.queryRow(`SELECT spent FROM principals WHERE n = ?`, v.who.n).Scan(&text); err != nil {
			return err
		}
		var spent []int64
		if err := json.Unmarshal([]byte(text), &spent); err != nil {
			return err
		}
		next, wait := policy.Spend(limits, spent, p, v.s.now())
		if wait > 0 {
			return locket.Errorf(locket.CodeTooMany, "the policy's limit of requests is used up; try again in %s", wait.Round(1e9))
		}
		stored, err := json.Marshal(next)
		if err != nil {
			return err
		}
		return t.exec(`UPDATE principals SET spent = ? WHERE n = ?`, string(stored), v.who.n)
	})
}
