package store

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// A Visitor says how somebody came in. Exactly one of Owner, Slot, Grant and Principal
// is set.
type Visitor struct {
	Owner     bool               // by what only the owner has: a password
	Slot      string             // id of the header's slot whose API key was used
	Grant     []byte             // id of the grant that was presented, 16 bytes
	Principal locket.PrincipalID // who it is, known otherwise: for tests and tools that hold the pod's key

	Signer crypto.Signer // the visitor's own Ed25519 key, if they have it at hand; nil: the pod signs for them
	Source locket.Source // what the visitor says that their changes come of
}

// ownerNumber is the owner's place in principals.
const ownerNumber = 1

// A principal is a row of principals.
type principal struct {
	n      int64
	id     []byte
	kind   locket.PrincipalKind
	name   string
	state  locket.PrincipalState
	maker  int64
	key    []byte
	policy sql.NullString
}

const principalColumns = `p.n, p.id, p.kind, p.name, p.state, p.maker, p.key, p.policy`

func (p *principal) dest() []any {
	return []any{&p.n, &p.id, &p.kind, &p.name, &p.state, &p.maker, &p.key, &p.policy}
}

// An admission is what Admit reads at once.
type admission struct {
	who        principal
	generation int64
	types      []byte
	grant      grantRow // zero if the visitor has none
}

// Admit returns the view of whoever the visitor is, as far as their policy goes at
// this moment. A paused principal is CodeDenied, an ended grant CodeExpired, a
// visitor whom nothing is known of CodeUnauthenticated.
func (s *Store) Admit(ctx context.Context, by Visitor) (*View, error) {
	a, err := s.admission(ctx, by)
	if err != nil {
		return nil, err
	}
	v := &View{s: s, who: a.who, signer: by.Signer, source: by.Source, generation: a.generation, recorded: recorded(a.who.kind)}
	if by.Grant != nil {
		v.source.Session, v.grant = hex.EncodeToString(by.Grant), by.Grant
		v.narrowed, v.bounds = a.grant.policy.Valid, a.grant.policy.String
	}
	if err := checkSigner(a.who, by.Signer); err != nil {
		return nil, err
	}
	v.access, err = s.access(ctx, a, v)
	if err != nil {
		return nil, v.turnAway(ctx, err)
	}
	return v, nil
}

// recorded tells whose reads are entries of the journal: those of programs and of
// other people.
func recorded(k locket.PrincipalKind) bool {
	return k == locket.KindAgent || k == locket.KindPlugin || k == locket.KindPeer
}

func (s *Store) admission(ctx context.Context, by Visitor) (*admission, error) {
	a := new(admission)
	dest := append([]any{&a.generation, &a.types}, a.who.dest()...)
	var row *sql.Row
	switch {
	case by.Grant != nil:
		row = s.db.QueryRowContext(ctx, `SELECT pod.generation, pod.types, `+principalColumns+`, g.policy, g.expires
			FROM grants g JOIN principals p ON p.n = g.principal JOIN pod ON pod.n = 1 WHERE g.id = ?`, by.Grant)
		dest = append(dest, &a.grant.policy, &a.grant.expires)
	case by.Slot != "":
		row = s.db.QueryRowContext(ctx, `SELECT pod.generation, pod.types, `+principalColumns+`
			FROM pod JOIN principals p ON p.n = pod.slots ->> ('$."' || ? || '".principal') WHERE pod.n = 1`, by.Slot)
	case by.Owner:
		row = s.db.QueryRowContext(ctx, `SELECT pod.generation, pod.types, `+principalColumns+`
			FROM principals p JOIN pod ON pod.n = 1 WHERE p.n = ?`, ownerNumber)
	default:
		id, _ := uuidBytes(string(by.Principal))
		row = s.db.QueryRowContext(ctx, `SELECT pod.generation, pod.types, `+principalColumns+`
			FROM principals p JOIN pod ON pod.n = 1 WHERE p.id = ?`, id)
	}
	err := row.Scan(dest...)
	switch {
	case errors.Is(err, sql.ErrNoRows) && by.Grant != nil:
		return nil, grantEnded()
	case errors.Is(err, sql.ErrNoRows):
		return nil, locket.Errorf(locket.CodeUnauthenticated, "this key lets nobody in; use one that 'locket key list' shows")
	case err != nil:
		return nil, failure("admit", err)
	case by.Grant != nil && !s.now().Before(fromMicros(a.grant.expires)):
		return nil, grantEnded()
	}
	return a, nil
}

func grantEnded() error {
	return locket.Errorf(locket.CodeExpired, "this session was ended or has run out; log in again")
}

// checkSigner refuses a key that is not the principal's.
func checkSigner(p principal, key crypto.Signer) error {
	if key == nil {
		return nil
	}
	if pub, ok := key.Public().(ed25519.PublicKey); !ok || len(p.key) == 0 || !pub.Equal(ed25519.PublicKey(p.key)) {
		return locket.Errorf(locket.CodeDenied, "the signing key is not the one that this principal is registered with")
	}
	return nil
}

// access works out what the principal may do now: what its policy, its grant's and
// those of its makers all permit. The owner may do everything. It fills in the types
// that v shows.
func (s *Store) access(ctx context.Context, a *admission, v *View) (*policy.Access, error) {
	if a.who.kind == locket.KindOwner && !a.grant.policy.Valid {
		return policy.Everything(), a.who.mayAct()
	}
	full, err := catalogWith(a.types)
	if err != nil {
		return nil, failure("read types", err)
	}
	access, err := s.chain(ctx, a.who, full)
	if err != nil {
		return nil, err
	}
	if a.grant.policy.Valid {
		g, err := compile(a.grant.policy.String, full, s.now())
		if err != nil {
			return nil, err
		}
		access = access.Meet(g)
	}
	v.full, v.types = full, shown(full, access)
	return access, nil
}

// maxMakers bounds how far down from the owner a principal can be.
const maxMakers = 8

// chain is what p and all its makers may do.
func (s *Store) chain(ctx context.Context, p principal, full catalog) (*policy.Access, error) {
	access := policy.Everything()
	for range maxMakers {
		if err := p.mayAct(); err != nil {
			return nil, err
		}
		if p.n == ownerNumber {
			return access, nil
		}
		own, err := compile(p.policy.String, full, s.now())
		if err != nil {
			return nil, err
		}
		access = access.Meet(own)
		if p.maker == ownerNumber {
			return access, nil
		}
		maker := p.maker
		p = principal{}
		if err := s.db.QueryRowContext(ctx, `SELECT `+principalColumns+` FROM principals p WHERE p.n = ?`, maker).Scan(p.dest()...); err != nil {
			return nil, failure("admit", err)
		}
	}
	return nil, errors.New("principals made by each other")
}

func (p *principal) mayAct() error {
	switch p.state {
	case locket.StateActive:
		return nil
	case locket.StatePaused:
		return locket.Errorf(locket.CodeDenied, "%s is paused by the owner; 'locket principal resume' lets it go on", clip(p.name, 60))
	}
	return locket.Errorf(locket.CodeUnauthenticated, "this key lets nobody in; use one that 'locket key list' shows")
}

func compile(text string, full catalog, now time.Time) (*policy.Access, error) {
	p, err := storedPolicy(text)
	if err != nil {
		return nil, err
	}
	return policy.Compile(*p, full, now), nil
}

// storedPolicy reads a policy that was checked when it was written down.
func storedPolicy(text string) (*locket.Policy, error) {
	p := new(locket.Policy)
	if err := json.Unmarshal([]byte(text), p); err != nil {
		return nil, failure("read policy", err)
	}
	return p, nil
}

// shown is the part of the types that access lets be seen or set, at once or once the
// owner has approved it.
func shown(full catalog, access *policy.Access) catalog {
	c := make(catalog)
	access = access.Approved()
	for name, t := range full {
		var some bool
		cut := *t
		cut.Properties = nil
		may := make([]policy.Properties, 0, 3)
		for _, p := range []locket.Permission{locket.MayRead, locket.MayCreate, locket.MayUpdate} {
			some = some || len(access.Clauses(p, name)) > 0
			may = append(may, access.PropertiesOf(p, name))
		}
		for _, p := range t.Properties {
			if may[0].Has(p.Name) || may[1].Has(p.Name) || may[2].Has(p.Name) {
				cut.Properties = append(cut.Properties, p)
			}
		}
		if _, ok := cut.Property(cut.TimeProperty); !ok {
			cut.TimeProperty = ""
		}
		if some {
			c[name] = &cut
		}
	}
	return c
}
