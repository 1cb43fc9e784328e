package store

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// A Writer is one transaction of one principal. It is valid only inside the
// function it was handed to, and not for concurrent use. What a method refuses
// has changed nothing, so the function may go on after such an error.
type Writer struct {
	*tx
	v     *View
	types catalog

	change int64      // changes.n of this transaction
	hlc    locket.HLC // its clock reading
	item   int64      // the next items.n
	leaf   int64      // the next leaves.n
	leaves []journal.Hash
	files  []string // blob files written, removed if the transaction fails
	unused []string // blob files to remove once it has committed
	erased bool     // an item was erased
}

// Write runs fn in one transaction and signs what it did as one change. If fn
// returns an error nothing has happened. A function that changed nothing gives
// the zero Change.
func (v *View) Write(ctx context.Context, fn func(*Writer) error) (locket.Change, error) {
	var c locket.Change
	w := &Writer{v: v}
	err := v.s.transaction(ctx, func(t *tx) error {
		w.tx = t
		if err := w.begin(); err != nil {
			return err
		}
		if err := fn(w); err != nil {
			return err
		}
		if len(w.leaves) == 0 {
			return nil
		}
		var err error
		c, err = w.sign()
		return err
	})
	if err != nil {
		return locket.Change{}, w.removeFiles(w.files, err)
	}
	err = w.removeFiles(w.unused, nil)
	if w.erased && err == nil {
		// What was erased is gone only when its old pages are out of the log.
		err = v.s.Checkpoint(ctx)
	}
	return c, err
}

// removeFiles removes blob files and returns err, or else what went wrong.
func (w *Writer) removeFiles(names []string, err error) error {
	for _, name := range names {
		if e := w.v.s.blobs.Remove(name); e != nil && err == nil {
			err = failure("remove blob", e)
		}
	}
	return err
}

// begin reads where the numbering stands. The next item's number is above all
// that were ever used, so that an erased item's leaves never seem to be another's.
func (w *Writer) begin() error {
	var err error
	if w.types, err = loadCatalog(w.ctx, w.conn); err != nil {
		return err
	}
	var last locket.HLC
	err = w.queryRow(`SELECT coalesce((SELECT max(n) FROM changes), 0) + 1,
		coalesce((SELECT hlc FROM changes ORDER BY n DESC LIMIT 1), 0),
		max(coalesce((SELECT max(n) FROM items), 0), coalesce((SELECT max(item) FROM leaves), 0)) + 1,
		coalesce((SELECT max(n) FROM leaves), 0) + 1`).Scan(&w.change, &last, &w.item, &w.leaf)
	if err != nil {
		return err
	}
	w.hlc = max(locket.HLCAt(w.v.s.now()), last+1)
	return nil
}

// note adds a leaf for an action on an item. data is what the item's own rows do
// not tell of the action, "" if they tell all.
func (w *Writer) note(action locket.Action, n int64, id []byte, typ string, props map[string]any, data string) error {
	l := journal.Leaf{Item: [16]byte(id), Action: string(action), Type: typ, Props: props}
	_, _ = rand.Read(l.Salt[:]) // never fails: crypto/rand aborts the program instead
	h, err := l.Hash()
	if err != nil {
		return err
	}
	err = w.exec(`INSERT INTO leaves(n, change, item, action, salt, hash, data) VALUES(?, ?, ?, ?, ?, ?, nullif(?, ''))`,
		w.leaf+int64(len(w.leaves)), w.change, n, string(action), l.Salt[:], h[:], data)
	if err != nil {
		return err
	}
	w.leaves = append(w.leaves, h)
	return nil
}

// sign writes the entry of this transaction. Principals without a key of their
// own have the pod sign for them.
func (w *Writer) sign() (locket.Change, error) {
	author, err := w.author()
	if err != nil {
		return locket.Change{}, err
	}
	root := journal.Root(w.leaves)
	e := journal.Entry{
		Version: journal.Version, Author: author.id, ByPod: true, Seq: author.seq + 1, Prev: author.head,
		HLC: w.hlc, Leaves: len(w.leaves), Root: root[:],
	}
	if e.Pod, err = w.v.s.podBytes(); err != nil {
		return locket.Change{}, err
	}
	hash, sig, err := e.Sign(w.v.s.signer)
	if err != nil {
		return locket.Change{}, err
	}
	err = w.exec(`INSERT INTO changes(n, author, seq, prev, hlc, leaf, leaves, root, sig) VALUES(?, ?, ?, coalesce(?, x''), ?, ?, ?, ?, ?)`,
		w.change, author.n, e.Seq, e.Prev, int64(w.hlc), w.leaf, e.Leaves, e.Root, sig)
	if err != nil {
		return locket.Change{}, err
	}
	if err := w.exec(`UPDATE principals SET seq = ?, head = ? WHERE n = ?`, e.Seq, hash[:], author.n); err != nil {
		return locket.Change{}, err
	}
	return changeOf(w.change, &e, hash, sig), nil
}

type authorRow struct {
	n    int64
	id   [16]byte
	seq  int64
	head []byte
}

func (w *Writer) author() (authorRow, error) {
	var a authorRow
	id, ok := uuidBytes(string(w.v.who.ID))
	if !ok {
		return a, locket.Errorf(locket.CodeDenied, "unknown principal")
	}
	a.id = [16]byte(id)
	err := w.queryRow(`SELECT n, seq, head FROM principals WHERE id = ?`, id).Scan(&a.n, &a.seq, &a.head)
	return a, err
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
		ID: n, Author: locket.PrincipalID(locket.FormatUUID(e.Author)), Seq: e.Seq, HLC: e.HLC, Time: e.HLC.Time(),
		Leaves: e.Leaves, Hash: hex.EncodeToString(hash[:]), Signature: hex.EncodeToString(sig),
	}
}

// Change returns one change after checking its signature and its leaves.
func (v *View) Change(ctx context.Context, n int64) (locket.Change, error) {
	if err := v.may(locket.ActionRead); err != nil {
		return locket.Change{}, err
	}
	var e journal.Entry
	var author, sig []byte
	var first int64
	err := v.s.db.QueryRowContext(ctx, `SELECT p.id, c.seq, c.prev, c.hlc, c.leaf, c.leaves, c.root, c.sig
		FROM changes c JOIN principals p ON p.n = c.author WHERE c.n = ?`, n).
		Scan(&author, &e.Seq, &e.Prev, &e.HLC, &first, &e.Leaves, &e.Root, &sig)
	if err != nil {
		return locket.Change{}, failure("read change", err)
	}
	e.Version, e.ByPod, e.Author = journal.Version, true, [16]byte(author)
	if e.Pod, err = v.s.podBytes(); err != nil {
		return locket.Change{}, err
	}
	pub, _ := v.s.signer.Public().(ed25519.PublicKey)
	if err := e.Verify(pub, sig); err != nil {
		return locket.Change{}, locket.Errorf(locket.CodeTampered, "change %d: its signature does not fit; run 'locket doctor'", n).Because(err)
	}
	if err := v.s.checkRoot(ctx, first, &e); err != nil {
		return locket.Change{}, err
	}
	hash, err := e.Hash()
	if err != nil {
		return locket.Change{}, err
	}
	return changeOf(n, &e, hash, sig), nil
}

func (s *Store) checkRoot(ctx context.Context, first int64, e *journal.Entry) error {
	rows, err := s.db.QueryContext(ctx, `SELECT hash FROM leaves WHERE n >= ? AND n < ? ORDER BY n`, first, first+int64(e.Leaves))
	if err != nil {
		return failure("read change", err)
	}
	defer rows.Close()
	var hashes []journal.Hash
	for rows.Next() {
		var h []byte
		if err := rows.Scan(&h); err != nil {
			return failure("read change", err)
		}
		if len(h) == len(journal.Hash{}) {
			hashes = append(hashes, journal.Hash(h))
		}
	}
	if err := rows.Err(); err != nil {
		return failure("read change", err)
	}
	if root := journal.Root(hashes); len(hashes) != e.Leaves || string(root[:]) != string(e.Root) {
		return locket.Errorf(locket.CodeTampered, "the leaves of a change are not those that were signed; run 'locket doctor'")
	}
	return nil
}

// now is the wall time of the transaction.
func (w *Writer) now() time.Time { return w.hlc.Time() }
