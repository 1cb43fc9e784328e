package store

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// changeColumns are what scanChange reads, of changes AS c and principals AS p.
const changeColumns = `c.n, c.kind, p.id, c.bypod, c.seq, c.prev, c.hlc, coalesce(c.import, ''), coalesce(c.session, ''), coalesce(c.origin, ''),
	c.leaf, c.leaves, c.root, c.sig, p.n, p.name, p.key`

// A changeRow is a row of changes and its author.
type changeRow struct {
	n      int64
	entry  journal.Entry
	leaf   int64
	sig    []byte
	author int64
	name   string
	key    []byte
}

// scanChange reads the columns of changeColumns, and extra ones after them.
func (s *Store) scanChange(row scanner, extra ...any) (*changeRow, error) {
	r := &changeRow{entry: journal.Entry{Version: journal.Version}}
	e := &r.entry
	var author []byte
	dest := []any{
		&r.n, &e.Kind, &author, &e.ByPod, &e.Seq, &e.Prev, &e.HLC, &e.Source.Import, &e.Source.Session, &e.Source.Item,
		&r.leaf, &e.Leaves, &e.Root, &r.sig, &r.author, &r.name, &r.key,
	}
	if err := row.Scan(append(dest, extra...)...); err != nil {
		return nil, err
	}
	if len(author) != len(e.Author) {
		return nil, errors.New("an author's id is no UUID")
	}
	e.Author = [16]byte(author)
	var err error
	e.Pod, err = s.podBytes()
	return r, err
}

func (r *changeRow) change() (locket.Change, error) {
	hash, err := r.entry.Hash()
	return changeOf(r.n, &r.entry, hash, r.sig), err
}

// PodKey is the key that the pod signs its checkpoints with.
func (v *View) PodKey() ed25519.PublicKey { return v.s.podKey() }

// podKey is the key that the pod signs with.
func (s *Store) podKey() ed25519.PublicKey {
	pub, _ := s.signer.Public().(ed25519.PublicKey)
	return pub
}

// Change returns one entry of the journal after checking its signature and its leaves.
// n is its number, or among one's own for those who may not see the whole journal: the
// numbers tell how much others do.
func (v *View) Change(ctx context.Context, n int64) (locket.Change, error) {
	r, err := v.changeRow(ctx, n)
	if locket.CodeOf(failure("", err)) == locket.CodeNotFound {
		return locket.Change{}, notFound("change")
	}
	if err != nil {
		return locket.Change{}, failure("read change", err)
	}
	keys, err := v.s.keys(ctx, v.s.db)
	if err != nil {
		return locket.Change{}, err
	}
	pub := keys.At(r.n)
	if !r.entry.ByPod {
		pub = r.key
	}
	if err := r.entry.Verify(pub, r.sig); err != nil {
		return locket.Change{}, locket.Errorf(locket.CodeTampered, "change %d: its signature does not fit; run 'locket verify'", n).Because(err)
	}
	if err := v.s.checkRoot(ctx, r); err != nil {
		return locket.Change{}, err
	}
	c, err := r.change()
	if !v.seesJournal() {
		c.ID = 0
	}
	return c, failure("read change", err)
}

// changeRow finds the entry that the principal means by n.
func (v *View) changeRow(ctx context.Context, n int64) (*changeRow, error) {
	if !v.seesJournal() {
		err := v.s.db.QueryRowContext(ctx, `SELECT c.n FROM changes c WHERE c.author = ? AND c.seq = ?`, v.who.n, n).Scan(&n)
		if err != nil {
			return nil, err
		}
	}
	return v.s.scanChange(v.s.db.QueryRowContext(ctx, `SELECT `+changeColumns+`
		FROM changes c JOIN principals p ON p.n = c.author WHERE c.n = ?`, n))
}

func (s *Store) checkRoot(ctx context.Context, r *changeRow) error {
	hashes, err := leafHashes(s.db.QueryContext(ctx, `SELECT hash FROM leaves WHERE n >= ? AND n < ? ORDER BY n`, r.leaf, r.leaf+int64(r.entry.Leaves)))
	if err != nil {
		return failure("read change", err)
	}
	if root := journal.Root(hashes); len(hashes) != r.entry.Leaves || string(root[:]) != string(r.entry.Root) {
		return locket.Errorf(locket.CodeTampered, "the leaves of change %d are not those that were signed; run 'locket verify'", r.n)
	}
	return nil
}

// A JournalQuery selects entries of the journal. The zero one selects all.
type JournalQuery struct {
	Principal locket.PrincipalID
	Kind      locket.EntryKind
	Session   string
	Forward   bool // oldest first
	Limit     int  // 1 to 1000, default 50
	Cursor    string
}

// A JournalEntry is an entry of the journal with what it says.
type JournalEntry struct {
	locket.Change
	Name    string          `json:"name"`           // of the author
	Actions []JournalAction `json:"actions"`        // the first few
	More    int             `json:"more,omitempty"` // how many actions are left out
}

// A JournalAction is one leaf of an entry. Values that items hold are not repeated.
type JournalAction struct {
	Action locket.Action  `json:"action"`
	Item   locket.ItemID  `json:"item,omitempty"` // absent if it is about none, or the item was erased
	Detail map[string]any `json:"detail,omitempty"`
}

const shownActions = 20 // of one entry in a list

// Journal lists entries, newest first. Those who may not see everything see their own
// and those of the principals whom they manage; in a session with a policy of its own,
// those of that session.
func (v *View) Journal(ctx context.Context, q JournalQuery) (locket.Page[JournalEntry], error) {
	var page locket.Page[JournalEntry]
	limit, err := limitOf(q.Limit, 50, 1000)
	if err != nil {
		return page, err
	}
	at := changeCursor{}
	if err := v.decodeCursor(q.Cursor, &at); err != nil {
		return page, err
	}
	f, err := v.journalFilter(ctx, q, at)
	if err != nil {
		return page, err
	}
	order := map[bool]string{false: " ORDER BY c.n DESC LIMIT ?", true: " ORDER BY c.n LIMIT ?"}[q.Forward]
	rows, err := v.s.db.QueryContext(ctx, `SELECT `+changeColumns+`
		FROM changes c JOIN principals p ON p.n = c.author WHERE `+f.sql+order, append(f.args, limit+1)...)
	if err != nil {
		return page, failure("read journal", err)
	}
	defer rows.Close()
	var list []*changeRow
	for rows.Next() {
		r, err := v.s.scanChange(rows)
		if err != nil {
			return page, failure("read journal", err)
		}
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return page, failure("read journal", err)
	}
	if len(list) > limit {
		list = list[:limit]
		page.Next = v.encodeCursor(changeCursor{N: list[limit-1].n})
	}
	for _, r := range list {
		e, err := v.journalEntry(ctx, r)
		if err != nil {
			return page, failure("read journal", err)
		}
		page.Items = append(page.Items, e)
	}
	return page, v.saw(ctx, locket.ActionRead)
}

type changeCursor struct{ N int64 }

func (v *View) journalFilter(ctx context.Context, q JournalQuery, at changeCursor) (filter, error) {
	all, err := v.allPrincipals(ctx, v.s.db)
	if err != nil {
		return filter{}, err
	}
	var fs []filter
	if q.Principal != "" || !v.seesJournal() {
		var authors []any
		for _, p := range all {
			mine := p.n == v.who.n || v.access.May(locket.MayManage) && v.manages(all, p.n)
			if mine && (q.Principal == "" || p.principal.ID == q.Principal) {
				authors = append(authors, p.n)
			}
		}
		if authors == nil {
			return filter{}, notFound("principal")
		}
		fs = append(fs, filter{"c.author IN (" + placeholders(len(authors)) + ")", authors})
	}
	if q.Kind != "" {
		if !slices.Contains([]locket.EntryKind{locket.EntryChange, locket.EntryAccess}, q.Kind) {
			return filter{}, locket.Errorf(locket.CodeInvalid, "kind %q: entries are of kind change or access", clip(string(q.Kind), 20))
		}
		fs = append(fs, filter{"c.kind = ?", []any{string(q.Kind)}})
	}
	if q.Session != "" {
		fs = append(fs, filter{"c.session = ?", []any{q.Session}})
	}
	if v.narrowed && !v.seesJournal() {
		// The principal has seen and done more than this session may know of.
		fs = append(fs, filter{"c.session = ?", []any{v.source.Session}})
	}
	switch {
	case at.N > 0 && q.Forward:
		fs = append(fs, filter{"c.n > ?", []any{at.N}})
	case at.N > 0:
		fs = append(fs, filter{"c.n < ?", []any{at.N}})
	}
	return allOf(fs...), nil
}

func (v *View) journalEntry(ctx context.Context, r *changeRow) (JournalEntry, error) {
	e := JournalEntry{Name: r.name, Actions: []JournalAction{}}
	var err error
	if e.Change, err = r.change(); err != nil {
		return e, err
	}
	if !v.seesJournal() {
		e.ID = 0
	}
	rows, err := v.s.db.QueryContext(ctx, `SELECT l.action, coalesce(l.data, ''), i.id FROM leaves l LEFT JOIN items i ON i.n = l.item
		WHERE l.n >= ? AND l.n < ? ORDER BY l.n`, r.leaf, r.leaf+int64(min(r.entry.Leaves, shownActions)))
	if err != nil {
		return e, err
	}
	defer rows.Close()
	for rows.Next() {
		var a JournalAction
		var data string
		var id []byte
		if err := rows.Scan(&a.Action, &data, &id); err != nil {
			return e, err
		}
		if a.Detail, err = decodeData(data); err != nil {
			return e, err
		}
		a.Item = locket.ItemID(uuidText(id))
		e.Actions = append(e.Actions, a)
	}
	e.More = r.entry.Leaves - len(e.Actions)
	return e, rows.Err()
}
