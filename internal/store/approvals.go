package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// Bounds on what waits.
const (
	maxWaiting    = 100  // of one principal
	maxAllWaiting = 1000 // of a pod
	maxInput      = 256 << 10
	waitingDays   = 30 // then it is dropped
)

// An Approval is a request of somebody that waits for the owner.
type Approval struct {
	ID        string             `json:"id"`
	Principal locket.PrincipalID `json:"principal"`
	Name      string             `json:"name"` // of the principal
	Op        string             `json:"op"`
	Does      []Effect           `json:"does"`
	Asked     time.Time          `json:"asked"`
	Expires   time.Time          `json:"expires"`
	Source    locket.Source      `json:"source,omitzero"`
	Input     map[string]any     `json:"input,omitempty"` // what was asked for; not in lists
}

// A waiting is a row of pending.
type waiting struct {
	Approval
	n, principal int64
	bounds       sql.NullString
	input        string
}

const waitingColumns = `w.n, w.id, w.principal, p.id, p.name, w.op, w.does, w.policy, w.asked, w.source
	FROM pending w JOIN principals p ON p.n = w.principal`

// scanWaiting reads extra columns, and then those of waitingColumns.
func scanWaiting(s scanner, extra ...any) (w waiting, err error) {
	var id, who, does, source []byte
	var asked int64
	dest := append(extra, &w.n, &id, &w.principal, &who, &w.Name, &w.Op, &does, &w.bounds, &asked, &source)
	if err := s.Scan(dest...); err != nil {
		return w, err
	}
	w.ID, w.Principal = uuidText(id), locket.PrincipalID(uuidText(who))
	w.Asked, w.Expires = fromMicros(asked), fromMicros(asked).AddDate(0, 0, waitingDays)
	if err := json.Unmarshal(does, &w.Does); err != nil {
		return w, err
	}
	return w, json.Unmarshal(source, &w.Source)
}

// oldest is when what waits now was asked at the earliest.
func (s *Store) oldest() int64 { return micros(s.now().AddDate(0, 0, -waitingDays)) }

// Approvals lists what waits, the oldest first: all that the view's principal may
// approve, and its own. In a session with a policy of its own, it sees those of the session.
func (v *View) Approvals(ctx context.Context) ([]Approval, error) {
	all, err := v.allPrincipals(ctx, v.s.db)
	if err != nil {
		return nil, err
	}
	rows, err := v.s.db.QueryContext(ctx, `SELECT `+waitingColumns+` WHERE w.asked > ? ORDER BY w.n`, v.s.oldest())
	if err != nil {
		return nil, failure("list approvals", err)
	}
	defer rows.Close()
	list := []Approval{}
	for rows.Next() {
		w, err := scanWaiting(rows)
		if err != nil {
			return nil, failure("list approvals", err)
		}
		if v.seesWaiting(all, &w) {
			list = append(list, w.Approval)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, failure("list approvals", err)
	}
	return list, v.saw(ctx, locket.ActionRead)
}

func (v *View) seesWaiting(all []principalRow, w *waiting) bool {
	if v.decides(all, w) {
		return true
	}
	return w.principal == v.who.n && (!v.narrowed || w.Source.Session == v.source.Session)
}

// decides reports whether the view's principal manages whoever asked for w.
func (v *View) decides(all []principalRow, w *waiting) bool {
	return v.access.May(locket.MayManage) && v.manages(all, w.principal)
}

// Approval returns one of those that Approvals lists, with what was asked for.
func (v *View) Approval(ctx context.Context, id string) (Approval, error) {
	w, err := v.waiting(ctx, id, v.seesWaiting)
	if err != nil {
		return w.Approval, err
	}
	d := json.NewDecoder(bytes.NewReader([]byte(w.input)))
	d.UseNumber()
	if err := d.Decode(&w.Input); err != nil {
		return w.Approval, failure("read approval", err)
	}
	return w.Approval, v.saw(ctx, locket.ActionRead)
}

// waiting finds a request that waits, unless may says that it is none for v.
func (v *View) waiting(ctx context.Context, id string, may func([]principalRow, *waiting) bool) (waiting, error) {
	b, ok := uuidBytes(id)
	if !ok {
		return waiting{}, notFound("approval")
	}
	var input string
	w, err := scanWaiting(v.s.db.QueryRowContext(ctx, `SELECT w.input, `+waitingColumns+` WHERE w.id = ? AND w.asked > ?`, b, v.s.oldest()), &input)
	if locket.CodeOf(failure("", err)) == locket.CodeNotFound {
		return w, notFound("approval")
	} else if err != nil {
		return w, failure("read approval", err)
	}
	w.input = input
	all, err := v.allPrincipals(ctx, v.s.db)
	if err != nil {
		return w, err
	}
	if !may(all, &w) {
		return waiting{}, notFound("approval")
	}
	return w, nil
}

// ask tries a request that was refused with what waits permitted. If it would change
// something so, it is written down for the owner, and the error is CodePending.
func (v *View) ask(ctx context.Context, r Request) error {
	if r.Permission != "" && !v.access.Approved().May(r.Permission) {
		return v.may(r.Permission)
	}
	tried, err := v.try(ctx, r.Again)
	if err != nil || !tried.over {
		return err
	}
	input, err := r.Input()
	if err != nil {
		return err
	}
	if len(input) > maxInput {
		return locket.Errorf(locket.CodeTooLarge, "this would have to wait for the owner, and what waits is at most %d bytes long; ask for less at once", maxInput)
	}
	var id string
	err = v.s.transaction(ctx, func(t *tx) error {
		id, err = v.putWaiting(t, r, tried.does, string(input))
		return err
	})
	if err != nil {
		return err
	}
	return locket.Errorf(locket.CodePending, "this waits for the owner, and nothing was changed yet: approval %s; asking again is not needed", id)
}

// putWaiting writes a request down, unless the same waits already, and returns its id.
func (v *View) putWaiting(t *tx, r Request, does []Effect, input string) (string, error) {
	if err := t.exec(`DELETE FROM pending WHERE asked <= ?`, v.s.oldest()); err != nil {
		return "", err
	}
	source, err1 := json.Marshal(v.source)
	what, err2 := json.Marshal(does)
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	var known []byte
	err := t.queryRow(`SELECT id FROM pending WHERE principal = ? AND op = ? AND input = ? AND coalesce(policy, '') = ? LIMIT 1`,
		v.who.n, r.Op, input, v.bounds).Scan(&known)
	if err == nil {
		return uuidText(known), nil
	} else if locket.CodeOf(failure("", err)) != locket.CodeNotFound {
		return "", err
	}
	if err := v.roomToWait(t); err != nil {
		return "", err
	}
	e := entry{v: v, kind: locket.EntryAccess, source: v.source}
	if err := e.begin(t); err != nil {
		return "", err
	}
	id, salt := string(locket.NewPrincipalID()), make([]byte, 16)
	_, _ = rand.Read(salt) // never fails: crypto/rand aborts the program instead
	b, _ := uuidBytes(id)
	err = t.exec(`INSERT INTO pending(id, principal, op, input, does, policy, asked, source, salt) VALUES(?, ?, ?, ?, ?, nullif(?, ''), ?, ?, ?)`,
		b, v.who.n, r.Op, input, string(what), v.bounds, micros(e.hlc.Time()), string(source), salt)
	if err != nil {
		return "", err
	}
	props := map[string]any{"id": id, "op": r.Op, "asked": clip(r.Asked, maxAsked), "hash": waitingHash(salt, r.Op, input, string(what), v.bounds, string(source))}
	data, err := json.Marshal(props)
	if err != nil {
		return "", err
	}
	e.add(leaf{Leaf: journal.Leaf{Action: string(locket.ActionAsk), Props: props}, data: string(data)})
	_, err = e.sign(t)
	return id, err
}

func (v *View) roomToWait(t *tx) error {
	var own, all int
	err := t.queryRow(`SELECT (SELECT count(*) FROM pending WHERE principal = ?), (SELECT count(*) FROM pending)`, v.who.n).Scan(&own, &all)
	if err == nil && (own >= maxWaiting || all >= maxAllWaiting) {
		err = locket.Errorf(locket.CodeTooMany, "%d requests wait for the owner already; wait until some of them are decided", own)
	}
	return err
}

// waitingHash is what the journal keeps of a request's contents. The salt goes with the
// row, and nobody can try out then what it was.
func waitingHash(salt []byte, parts ...string) string {
	h := sha256.New()
	h.Write(salt)
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// dropExpired drops what has waited for too long.
func (w *Writer) dropExpired() error {
	return w.exec(`DELETE FROM pending WHERE asked <= ?`, w.v.s.oldest())
}

// dropAbout drops what waits about an item that is erased. There is no index for this:
// what is erased is rare, and what waits is little.
func (w *Writer) dropAbout(id locket.ItemID) error {
	return w.exec(`DELETE FROM pending WHERE instr(input, ?) OR instr(does, ?)`, string(id), string(id))
}
