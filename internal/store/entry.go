package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// An entry is a journal entry in the making, in the transaction of what it records.
type entry struct {
	v      *View
	kind   locket.EntryKind
	source locket.Source

	change  int64      // its changes.n
	hlc     locket.HLC // its clock reading
	leaf    int64      // the next leaves.n
	leaves  []leaf
	pending map[int64]int // for items created or updated, which of leaves says so
}

// A leaf is a journal leaf and what its row has beside.
type leaf struct {
	journal.Leaf
	item   int64
	data   string
	erased bool // its item was erased later in the same transaction
}

// begin reads where the journal stands.
func (e *entry) begin(t *tx) error {
	var last locket.HLC
	err := t.queryRow(`SELECT coalesce((SELECT max(n) FROM changes), 0) + 1,
		coalesce((SELECT hlc FROM changes ORDER BY n DESC LIMIT 1), 0),
		coalesce((SELECT max(n) FROM leaves), 0) + 1`).Scan(&e.change, &last, &e.leaf)
	e.hlc = max(locket.HLCAt(e.v.s.now()), last+1)
	return err
}

func (e *entry) add(l leaf) { e.leaves = append(e.leaves, l) }

// merge adds a leaf for a create or an update, or puts the values into the one that
// this transaction has for the item: only the last value of each property is kept.
func (e *entry) merge(a locket.Action, n int64, id []byte, typ string, props map[string]any) {
	if i, ok := e.pending[n]; ok {
		maps.Copy(e.leaves[i].Props, props)
		return
	}
	e.pending[n] = len(e.leaves)
	e.add(leaf{Leaf: journal.Leaf{Item: [16]byte(id), Action: string(a), Type: typ, Props: maps.Clone(props)}, item: n})
}

// erase takes the contents out of the leaves that this transaction has for an item.
func (e *entry) erase(n int64) {
	for i := range e.leaves {
		e.leaves[i].erased = e.leaves[i].erased || e.leaves[i].item == n
	}
	delete(e.pending, n)
}

// sign writes the leaves and the entry. Principals whose own key is not at hand have
// the pod sign for them.
func (e *entry) sign(t *tx) (locket.Change, error) {
	if !journaled {
		return locket.Change{}, nil
	}
	hashes, err := e.writeLeaves(t)
	if err != nil {
		return locket.Change{}, err
	}
	root := journal.Root(hashes)
	j := journal.Entry{
		Version: journal.Version, Author: [16]byte(e.v.who.id), ByPod: e.v.signer == nil, HLC: e.hlc, Kind: string(e.kind),
		Source: journal.Source{Import: e.source.Import, Session: e.source.Session, Item: string(e.source.Item)},
		Leaves: len(hashes), Root: root[:],
	}
	if j.Pod, err = e.v.s.podBytes(); err != nil {
		return locket.Change{}, err
	}
	if err := t.queryRow(`SELECT seq + 1, head FROM principals WHERE n = ?`, e.v.who.n).Scan(&j.Seq, &j.Prev); err != nil {
		return locket.Change{}, err
	}
	key := e.v.s.signer
	if !j.ByPod {
		key = e.v.signer
	}
	hash, sig, err := j.Sign(key)
	if err != nil {
		return locket.Change{}, err
	}
	return changeOf(e.change, &j, hash, sig), e.write(t, &j, hash, sig)
}

func (e *entry) writeLeaves(t *tx) ([]journal.Hash, error) {
	hashes := make([]journal.Hash, len(e.leaves))
	for i := range e.leaves {
		l := &e.leaves[i]
		if l.Action == string(locket.ActionErase) {
			if err := l.countErased(t); err != nil {
				return nil, err
			}
		}
		_, _ = rand.Read(l.Salt[:]) // never fails: crypto/rand aborts the program instead
		h, err := l.Hash()
		if err != nil {
			return nil, err
		}
		salt, data := any(l.Salt[:]), any(l.data)
		if l.erased {
			salt, data = nil, ""
		}
		err = t.exec(`INSERT INTO leaves(n, change, item, action, salt, hash, data) VALUES(?, ?, ?, ?, ?, ?, nullif(?, ''))`,
			e.leaf+int64(i), e.change, l.item, l.Action, salt, h[:], data)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
	}
	return hashes, nil
}

// countErased has the leaf of an erasure say which leaves lost their contents, so that
// no other can be made to look erased later: how many, and the root over their hashes.
func (l *leaf) countErased(t *tx) error {
	hashes, err := leafHashes(t.conn.QueryContext(t.ctx, `SELECT hash FROM leaves WHERE item = ? AND item > 0 ORDER BY n`, l.item))
	if err != nil {
		return err
	}
	l.Props = erasedProps(locket.ItemID(locket.FormatUUID(l.Item)), hashes)
	data, err := json.Marshal(l.Props)
	l.data = string(data)
	return err
}

func erasedProps(id locket.ItemID, hashes []journal.Hash) map[string]any {
	root := journal.Root(hashes)
	return map[string]any{"item": string(id), "actions": int64(len(hashes)), "root": hex.EncodeToString(root[:])}
}

// leafHashes reads the hashes that a query of leaves gives.
func leafHashes(rows *sql.Rows, err error) ([]journal.Hash, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var hashes []journal.Hash
	for rows.Next() {
		var h []byte
		if err := rows.Scan(&h); err != nil {
			return nil, err
		}
		if len(h) != len(journal.Hash{}) {
			return nil, locket.Errorf(locket.CodeTampered, "an action of the journal has no hash; run 'locket verify'")
		}
		hashes = append(hashes, journal.Hash(h))
	}
	return hashes, rows.Err()
}

func (e *entry) write(t *tx, j *journal.Entry, hash journal.Hash, sig []byte) error {
	tree, err := journal.Completed(e.change-1, journal.RecordHash(hash, sig), treeReader(func(query string, args ...any) scanner { return t.queryRow(query, args...) }))
	if err != nil {
		return err
	}
	err = t.exec(`INSERT INTO changes(n, kind, author, bypod, seq, prev, hlc, import, session, origin, leaf, leaves, root, sig, tree)
		VALUES(?, ?, ?, ?, ?, coalesce(?, x''), ?, nullif(?, ''), nullif(?, ''), nullif(?, ''), ?, ?, ?, ?, ?)`,
		e.change, j.Kind, e.v.who.n, j.ByPod, j.Seq, j.Prev, int64(j.HLC), j.Source.Import, j.Source.Session, j.Source.Item,
		e.leaf, j.Leaves, j.Root, sig, joinHashes(tree))
	if err != nil {
		return err
	}
	e.v.s.grown.Store(true)
	return t.exec(`UPDATE principals SET seq = ?, head = ?, seen = ? WHERE n = ?`, j.Seq, hash[:], int64(j.HLC), e.v.who.n)
}

// record writes an entry about what was read or refused.
func (v *View) record(ctx context.Context, a locket.Action, props map[string]any) error {
	data, err := json.Marshal(props)
	if err != nil {
		return err
	}
	return v.s.transaction(ctx, func(t *tx) error {
		e := entry{v: v, kind: locket.EntryAccess, source: v.source}
		if err := e.begin(t); err != nil {
			return err
		}
		e.add(leaf{Leaf: journal.Leaf{Action: string(a), Props: props}, data: string(data)})
		_, err := e.sign(t)
		return err
	})
}

// A treeReader gives the stored hashes of the pod's Merkle tree, which lie in the
// rows of the entries that completed them.
type treeReader func(query string, args ...any) scanner

// ReadHashes serves tlog.HashReader.
func (r treeReader) ReadHashes(stored []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(stored))
	for i, at := range stored {
		index, level := journal.Locate(at)
		var h []byte
		err := r(`SELECT substr(tree, ?, 32) FROM changes WHERE n = ?`, level*len(tlog.Hash{})+1, index+1).Scan(&h)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		if len(h) != len(tlog.Hash{}) {
			return nil, locket.Errorf(locket.CodeTampered, "entry %d of the journal is missing or damaged; run 'locket verify'", index+1)
		}
		out[i] = tlog.Hash(h)
	}
	return out, nil
}

func joinHashes(hs []journal.Hash) []byte {
	b := make([]byte, 0, len(hs)*len(journal.Hash{}))
	for _, h := range hs {
		b = append(b, h[:]...)
	}
	return b
}

func (s *Store) podBytes() ([16]byte, error) {
	u, ok := locket.ParseUUID(string(s.pod))
	if !ok {
		return u, fmt.Errorf("pod id %q is no UUID", s.pod)
	}
	return u, nil
}

func changeOf(n int64, e *journal.Entry, hash journal.Hash, sig []byte) locket.Change {
	return locket.Change{
		ID: n, Kind: locket.EntryKind(e.Kind), Author: locket.PrincipalID(locket.FormatUUID(e.Author)), SignedBy: signatory(e.ByPod),
		Source: locket.Source{Import: e.Source.Import, Session: e.Source.Session, Item: locket.ItemID(e.Source.Item)},
		Seq:    e.Seq, HLC: e.HLC, Time: e.HLC.Time(),
		Leaves: e.Leaves, Hash: hex.EncodeToString(hash[:]), Signature: hex.EncodeToString(sig),
	}
}

func signatory(byPod bool) locket.Signatory {
	if byPod {
		return locket.SignedByPod
	}
	return locket.SignedByAuthor
}
