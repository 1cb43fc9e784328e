package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/locketpod/locket"
)

// maxGrants bounds the grants of a pod that have not run out.
const maxGrants = 1000

// A Grant says what a sealed grant permits, and until when. See package keyring for
// the sealing.
type Grant struct {
	ID        string             `json:"id"` // hexadecimal
	Principal locket.PrincipalID `json:"principal"`
	Audience  string             `json:"audience"`         // what it is for: "web", "plugin:…", "job:…"
	Policy    *locket.Policy     `json:"policy,omitempty"` // narrows the principal's own
	Created   time.Time          `json:"created"`
	Expires   time.Time          `json:"expires"`
	Current   bool               `json:"current"` // the one that was used to ask
}

// grantRow is what Admit reads of a grant.
type grantRow struct {
	policy  sql.NullString
	expires int64
}

// AddGrant writes down a grant for the writer itself, or for a principal that it
// manages. Grants that have run out are forgotten meanwhile.
func (w *Writer) AddGrant(id []byte, g Grant) (Grant, error) {
	n := w.v.who.n
	if g.Principal == "" {
		g.Principal = locket.PrincipalID(uuidText(w.v.who.id))
	}
	if string(g.Principal) != uuidText(w.v.who.id) {
		r, err := w.managed(g.Principal)
		if err != nil {
			return g, err
		}
		if err := w.mayLetIn(r); err != nil {
			return g, err
		}
		if err := (&principal{state: r.principal.State, name: r.principal.Name}).mayAct(); err != nil {
			return g, err
		}
		n = r.n
	}
	if err := w.mayHandOut(); err != nil {
		return g, err
	}
	if !g.Expires.After(w.now()) {
		return g, locket.Errorf(locket.CodeInvalid, "a grant must expire in the future")
	}
	var text any // NULL: no narrower than the principal
	if g.Policy != nil {
		if err := w.checkPolicy(*g.Policy); err != nil {
			return g, err
		}
		b, err := json.Marshal(g.Policy)
		if err != nil {
			return g, err
		}
		text = string(b)
	}
	if err := w.roomForGrant(); err != nil {
		return g, err
	}
	g.ID, g.Created = hex.EncodeToString(id), w.now()
	err := w.exec(`INSERT INTO grants(id, principal, audience, policy, created, expires) VALUES(?, ?, ?, ?, ?, ?)`,
		id, n, g.Audience, text, micros(g.Created), micros(g.Expires))
	if err != nil {
		return g, err
	}
	props := map[string]any{"id": g.ID, "principal": string(g.Principal), "audience": g.Audience, "expires": micros(g.Expires)}
	if text != nil {
		props["policy"] = text
	}
	return g, w.manage(locket.ActionGrant, props)
}

func (w *Writer) roomForGrant() error {
	if err := w.exec(`DELETE FROM grants WHERE expires <= ?`, micros(w.now())); err != nil {
		return err
	}
	var n int
	if err := w.queryRow(`SELECT count(*) FROM grants`).Scan(&n); err != nil {
		return err
	}
	if n >= maxGrants {
		return locket.Errorf(locket.CodeTooLarge, "the pod has %d sessions and grants; end some first", n)
	}
	return nil
}

// EndGrant withdraws a grant: its next use is refused. Everybody may end their own.
func (w *Writer) EndGrant(id string) error {
	b, err := hex.DecodeString(id)
	if err != nil {
		return notFound("grant")
	}
	var n int64
	if err := w.queryRow(`SELECT principal FROM grants WHERE id = ?`, b).Scan(&n); err != nil {
		return noGrant(err)
	}
	if n != w.v.who.n {
		all, err := w.v.allPrincipals(w.ctx, w.conn)
		if err != nil {
			return err
		}
		if !w.v.access.May(locket.MayManage) || !w.v.manages(all, n) {
			return notFound("grant")
		}
		if n == ownerNumber {
			return locket.Errorf(locket.CodeDenied, "only the owner may end the owner's sessions")
		}
	}
	if err := w.exec(`DELETE FROM grants WHERE id = ?`, b); err != nil {
		return err
	}
	return w.manage(locket.ActionGrantEnd, map[string]any{"id": id})
}

func noGrant(err error) error {
	if locket.CodeOf(failure("", err)) == locket.CodeNotFound {
		return notFound("grant")
	}
	return err
}

// endGrants withdraws all grants of a principal.
func (w *Writer) endGrants(n int64) error {
	rows, err := w.conn.QueryContext(w.ctx, `SELECT id FROM grants WHERE principal = ?`, n)
	if err != nil {
		return err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, hex.EncodeToString(id))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, id := range ids {
		if err := w.manage(locket.ActionGrantEnd, map[string]any{"id": id}); err != nil {
			return err
		}
	}
	return w.exec(`DELETE FROM grants WHERE principal = ?`, n)
}

// Grants lists the grants that have not run out: one's own, and those of the
// principals that one manages. The latest come first.
func (v *View) Grants(ctx context.Context) ([]Grant, error) {
	all, err := v.allPrincipals(ctx, v.s.db)
	if err != nil {
		return nil, err
	}
	rows, err := v.s.db.QueryContext(ctx, `SELECT g.id, g.principal, p.id, g.audience, g.policy, g.created, g.expires
		FROM grants g JOIN principals p ON p.n = g.principal WHERE g.expires > ? ORDER BY g.created DESC, g.id`, micros(v.s.now()))
	if err != nil {
		return nil, failure("list grants", err)
	}
	defer rows.Close()
	var list []Grant
	for rows.Next() {
		var g Grant
		var id, who []byte
		var n, created, expires int64
		var text sql.NullString
		if err := rows.Scan(&id, &n, &who, &g.Audience, &text, &created, &expires); err != nil {
			return nil, failure("list grants", err)
		}
		if n != v.who.n && (!v.access.May(locket.MayManage) || !v.manages(all, n)) {
			continue
		}
		g.ID, g.Principal, g.Current = hex.EncodeToString(id), locket.PrincipalID(uuidText(who)), string(id) == string(v.grant)
		g.Created, g.Expires = fromMicros(created), fromMicros(expires)
		if text.Valid {
			if g.Policy, err = storedPolicy(text.String); err != nil {
				return nil, err
			}
		}
		list = append(list, g)
	}
	if err := rows.Err(); err != nil {
		return nil, failure("list grants", err)
	}
	return list, v.saw(ctx, locket.ActionRead)
}

// EndOwnGrant withdraws the grant that the writer came with.
func (w *Writer) EndOwnGrant() error {
	if w.v.grant == nil {
		return locket.Errorf(locket.CodeConflict, "this is no session but a key; 'locket key revoke' ends one")
	}
	return w.EndGrant(hex.EncodeToString(w.v.grant))
}
