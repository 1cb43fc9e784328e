package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// A podReplay replays what the journal says of types, principals, grants and slots, and
// compares it with what there is.
type podReplay struct {
	q          *snapshot
	types      []locket.Type
	principals map[string]madePrincipal // by id
	slots      map[string]SlotName      // by id; Principal is not used, Who is
	keys       *journal.Keys            // the pod's own
	rotations  int                      // entries that changed them
	recipients []string                 // of backups
	grants     map[string]*grantCheck   // those that there are, by id in hexadecimal
	waiting    map[string]*waitingCheck // what waits for the owner, by id
}

type madePrincipal struct {
	n       int64 // latest entry about it
	created locket.HLC
	props   map[string]any
}

// A grantCheck is a grant that there is.
type grantCheck struct {
	created int64
	props   map[string]any // as its leaf has to have them
	made    bool           // by an entry, and not ended since
}

// A waitingCheck is a request that waits.
type waitingCheck struct {
	who, op, hash string
	asked         int64
	made          bool // by an entry, and not decided since
}

func (p *podReplay) begin(ctx context.Context, q *snapshot) error {
	*p = podReplay{q: q, principals: make(map[string]madePrincipal), slots: make(map[string]SlotName), grants: make(map[string]*grantCheck)}
	if err := p.readWaiting(ctx); err != nil {
		return err
	}
	rows, err := q.conn.QueryContext(ctx, `SELECT id, principal, audience, policy, created, expires FROM grants`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id []byte
		var who, expires int64
		var audience string
		var policy sql.NullString
		g := new(grantCheck)
		if err := rows.Scan(&id, &who, &audience, &policy, &g.created, &expires); err != nil {
			return unreadable()
		}
		g.props = map[string]any{"id": hex.EncodeToString(id), "principal": "", "audience": audience, "expires": expires}
		if a := q.authors[who]; a != nil {
			g.props["principal"] = string(a.row.principal.ID)
		}
		if policy.Valid {
			g.props["policy"] = policy.String
		}
		p.grants[hex.EncodeToString(id)] = g
	}
	return rows.Err()
}

func (p *podReplay) readWaiting(ctx context.Context) error {
	p.waiting = make(map[string]*waitingCheck)
	rows, err := p.q.conn.QueryContext(ctx, `SELECT id, principal, op, input, does, coalesce(policy, ''), source, asked, salt FROM pending`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, salt []byte
		var who int64
		var input, does, policy, source string
		w := new(waitingCheck)
		if err := rows.Scan(&id, &who, &w.op, &input, &does, &policy, &source, &w.asked, &salt); err != nil {
			return unreadable()
		}
		if a := p.q.authors[who]; a != nil {
			w.who = string(a.row.principal.ID)
		}
		w.hash = waitingHash(salt, w.op, input, does, policy, source)
		p.waiting[uuidText(id)] = w
	}
	return rows.Err()
}

// replay does what a leaf about no item says. Its content is the one that was signed.
func (p *podReplay) replay(r *record, l *journal.Leaf) error {
	text := func(name string) string {
		s, _ := l.Props[name].(string)
		return s
	}
	switch locket.Action(l.Action) {
	case locket.ActionSchema:
		var t locket.Type
		if err := json.Unmarshal([]byte(text("definition")), &t); err != nil {
			return faultAt(r.N, "a type that it declares can't be read")
		}
		p.types = addType(p.types, t)
	case locket.ActionPrincipal:
		made, known := p.principals[text("id")]
		if !known {
			made.created = r.Entry.HLC
		}
		made.n, made.props = r.N, l.Props
		p.principals[text("id")] = made
	case locket.ActionGrant:
		if g := p.grants[text("id")]; g != nil {
			g.made = sameProps(g.props, l.Props) && g.created == micros(r.Entry.HLC.Time())
		}
	case locket.ActionGrantEnd:
		if g := p.grants[text("id")]; g != nil {
			g.made = false
		}
	case locket.ActionAsk:
		if w := p.waiting[text("id")]; w != nil {
			w.made = w.who == locket.FormatUUID(r.Entry.Author) && w.op == text("op") && w.hash == text("hash") && w.asked == micros(r.Entry.HLC.Time())
		}
	case locket.ActionApprove, locket.ActionReject:
		if w := p.waiting[text("id")]; w != nil {
			w.made = false
		}
	case locket.ActionKey:
		s := SlotName{Name: text("name"), About: text("about"), Created: r.Entry.HLC.Time(), Who: locket.PrincipalID(text("principal"))}
		if named, ok := p.slots[text("slot")]; ok {
			s.Created = named.Created
		}
		p.slots[text("slot")] = s
	case locket.ActionBackup:
		p.recipients = slices.DeleteFunc(p.recipients, func(r string) bool { return r == text("recipient") })
		if added, _ := l.Props["added"].(bool); added {
			p.recipients = append(p.recipients, text("recipient"))
		}
	case locket.ActionRotate:
		p.rotations++
		if text("key") != hex.EncodeToString(p.keys.At(r.N+1)) || p.keys.At(r.N).Equal(p.keys.At(r.N+1)) {
			return faultAt(r.N, "the key that it gave the pod is not the one that followed")
		}
	case locket.ActionKeyEnd:
		delete(p.slots, text("slot"))
	}
	return nil
}

// end compares what was replayed with what there is.
func (p *podReplay) end(ctx context.Context) error {
	var types, slots []byte
	if err := p.q.conn.QueryRowContext(ctx, `SELECT types, slots FROM pod WHERE n = 1`).Scan(&types, &slots); err != nil {
		return err
	}
	if err := p.compareTypes(types); err != nil {
		return err
	}
	if err := p.comparePrincipals(); err != nil {
		return err
	}
	if err := p.compareSlots(slots); err != nil {
		return err
	}
	backup, err := readBackup(p.q.conn.QueryRowContext(ctx, `SELECT backup FROM pod WHERE n = 1`))
	if err != nil || !slices.Equal(backup.Recipients, p.recipients) {
		return podFault("backups are for others than the journal says")
	}
	if n := p.keys.Earlier(); n != p.rotations {
		return podFault("the pod has had %d keys before this one, and %d entries that changed it", n, p.rotations)
	}
	for id, g := range p.grants {
		if !g.made {
			return podFault("no entry made grant %s, of %s, as it is, or one ended it", id, plain(g.props["principal"].(string)))
		}
	}
	for id, w := range p.waiting {
		if !w.made {
			return podFault("no entry asked for approval %s as it waits, or one decided it", plain(id))
		}
	}
	return nil
}

func (p *podReplay) compareTypes(stored []byte) error {
	var types []locket.Type
	if err := json.Unmarshal(stored, &types); err != nil {
		return podFault("the types that were added can't be read")
	}
	for i, t := range types {
		if i >= len(p.types) || !reflect.DeepEqual(t, p.types[i]) {
			return podFault("type %s is not as the journal declares it", plain(t.Name))
		}
	}
	if len(p.types) > len(types) {
		return podFault("type %s, which the journal declares, is gone", plain(p.types[len(types)].Name))
	}
	return nil
}

func (p *podReplay) comparePrincipals() error {
	for _, n := range p.q.numbers() {
		a := p.q.authors[n]
		who := a.row.principal
		made, ok := p.principals[string(who.ID)]
		delete(p.principals, string(who.ID))
		if n == ownerNumber && !ok {
			if who.Kind != locket.KindOwner || who.State != locket.StateActive || who.Policy != nil || who.PublicKey != "" {
				return podFault("the owner is not as every owner is")
			}
			continue
		}
		if !ok {
			return podFault("no entry made principal %s", called(who.Name))
		}
		props, err := principalProps(who)
		if err != nil {
			return err
		}
		if !sameProps(props, made.props) || n != ownerNumber && !who.Created.Equal(made.created.Time()) {
			return podFault("principal %s is not as entry %d made it", called(who.Name), made.n)
		}
	}
	for _, made := range p.principals {
		name, _ := made.props["name"].(string)
		return faultAt(made.n, "the principal %s that it made is gone", called(name))
	}
	return nil
}

func (p *podReplay) compareSlots(stored []byte) error {
	var slots map[string]SlotName
	if err := json.Unmarshal(stored, &slots); err != nil {
		return podFault("the names of the keys can't be read")
	}
	for id, s := range slots {
		made, ok := p.slots[id]
		a := p.q.authors[s.Principal]
		if !ok || a == nil || made.Name != s.Name || made.About != s.About || made.Who != a.row.principal.ID || !made.Created.Equal(s.Created.Truncate(time.Millisecond)) {
			return podFault("no entry made the key %s as it is, or one ended it", called(s.Name))
		}
		delete(p.slots, id)
	}
	for _, made := range p.slots {
		return podFault("the key %s is gone, and no entry ended it", called(made.Name))
	}
	return nil
}
