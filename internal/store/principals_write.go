package store

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

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
		if err := w.exec(`DELETE FROM pending WHERE principal = ?`, n); err != nil {
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
