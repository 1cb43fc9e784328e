package journal_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/journal"
)

var update = flag.Bool("update", false, "make vectors/journal anew")

const (
	podID   locket.PodID       = "00000000-0000-4000-8000-0000000000d0"
	ownerID locket.PrincipalID = "00000000-0000-4000-8000-0000000000a1"
	agentID locket.PrincipalID = "00000000-0000-4000-8000-0000000000a2" // signs itself
)

func podSigner() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x42}, 32)) }

func agentSigner() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x43}, 32)) }

func public(key crypto.Signer) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func keyOf(id locket.PrincipalID) (ed25519.PublicKey, bool) {
	return public(agentSigner()), id == agentID
}

// A world is the journal of one pod as a store keeps it.
type world struct {
	records []*journal.Record
	heads   map[locket.PrincipalID]journal.Hash
	seqs    map[locket.PrincipalID]int64
	pod     ed25519.PrivateKey // that the pod signs with; nil: podSigner's
}

func (w *world) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		index, level := journal.Locate(n)
		if index >= int64(len(w.records)) {
			return nil, fmt.Errorf("no record %d", index)
		}
		out[i] = w.records[index].Completed[level]
	}
	return out, nil
}

// newWorld makes a journal of size entries. Entry n has n%4+1 leaves; every third is
// the agent's; the second leaf of every fifth is erased.
func newWorld(t testing.TB, size int) *world {
	t.Helper()
	w := &world{heads: make(map[locket.PrincipalID]journal.Hash), seqs: make(map[locket.PrincipalID]int64)}
	for n := 1; n <= size; n++ {
		author := ownerID
		if n%3 == 0 {
			author = agentID
		}
		w.add(t, author, n%4+1)
		if leaves := w.records[n-1].Leaves; n%5 == 0 && len(leaves) > 1 {
			leaves[1].Leaf = nil
		}
	}
	return w
}

// add appends an entry with so many leaves.
func (w *world) add(t testing.TB, author locket.PrincipalID, leaves int) {
	t.Helper()
	n := len(w.records) + 1
	r := &journal.Record{N: int64(n)}
	hashes := make([]journal.Hash, leaves)
	for i := range hashes {
		l := leafAt(n, i)
		hashes[i] = must(l.Hash())(t)
		r.Leaves = append(r.Leaves, journal.StoredLeaf{Hash: hashes[i], Leaf: l})
	}
	root := journal.Root(hashes)
	w.seqs[author]++
	r.Entry = journal.Entry{
		Version: journal.Version, Pod: uuid(podID), Author: uuid(author), ByPod: author != agentID, Seq: w.seqs[author], Prev: []byte{},
		HLC: locket.HLC(1767225600000+int64(n)) << 16, Kind: string(locket.EntryChange), Leaves: leaves, Root: root[:],
	}
	if author == agentID {
		r.Entry.Source.Session = "session-1"
	}
	if h, ok := w.heads[author]; ok {
		r.Entry.Prev = h[:]
	}
	w.sign(t, r)
	r.Completed = must(journal.Completed(int64(n-1), w.record(t, r), w))(t)
	w.records = append(w.records, r)
}

func (w *world) sign(t testing.TB, r *journal.Record) {
	t.Helper()
	key := podSigner()
	if w.pod != nil {
		key = w.pod
	}
	if !r.Entry.ByPod {
		key = agentSigner()
	}
	hash, sig, err := r.Entry.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	r.Signature = sig
	w.heads[locket.PrincipalID(locket.FormatUUID(r.Entry.Author))] = hash
}

func (w *world) record(t testing.TB, r *journal.Record) journal.Hash {
	t.Helper()
	return journal.RecordHash(must(r.Entry.Hash())(t), r.Signature)
}

func (w *world) checkpoint(t testing.TB, size int64) journal.Checkpoint {
	t.Helper()
	return journal.Checkpoint{Pod: podID, Size: size, Root: must(journal.RootAt(size, w))(t)}
}

func (w *world) signedCheckpoint(t testing.TB, size int64) []byte {
	t.Helper()
	return must(w.checkpoint(t, size).Sign(podSigner()))(t)
}

// leafAt returns leaf i of entry n, with what a salt should not be: the same always.
func leafAt(n, i int) *journal.Leaf {
	return &journal.Leaf{
		Salt: [16]byte{0: byte(n), 1: byte(n >> 8), 2: byte(i), 15: 0x5a}, Item: [16]byte{0: 0x01, 1: 0x92, 6: 0x70, 8: 0x80, 15: byte(n)},
		Action: string(locket.ActionUpdate), Type: "Note",
		Props: map[string]any{
			"name": fmt.Sprintf("note %d.%d", n, i), "text": "Grüße aus 東京", "dateCreated": int64(1767225600000000), "latitude": 52.5,
			"keywords": []any{"a", "b"}, "isDone": true, "folder": nil,
		},
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func uuid[S ~string](id S) [16]byte {
	u, ok := locket.ParseUUID(string(id))
	if !ok {
		panic("malformed id in a test")
	}
	return u
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	return must(canon.Marshal(v))(t)
}

func vector(t testing.TB, name string) []byte {
	t.Helper()
	return must(os.ReadFile(filepath.Join("../../vectors/journal", name)))(t)
}

// compareVector compares with a file that other implementations check themselves
// against.
func compareVector(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join("../../vectors/journal", name), got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := vector(t, name); !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// fields reads the lines "name: value" of a vector.
func fields(t testing.TB, name string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for line := range strings.Lines(string(vector(t, name))) {
		if k, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); ok && !strings.HasPrefix(k, "#") {
			out[k] = v
		}
	}
	return out
}

func header() journal.Header {
	return journal.Header{Pod: podID, PodKey: hex.EncodeToString(public(podSigner())), Principals: []journal.ExportedPrincipal{
		{ID: ownerID, Kind: locket.KindOwner, Name: "Ada"},
		{ID: agentID, Kind: locket.KindAgent, Name: "Helper <3", PublicKey: hex.EncodeToString(public(agentSigner()))},
	}}
}

// podKeys are the keys of a pod that has had one only.
func podKeys(pod locket.PodID) *journal.Keys {
	keys, err := journal.NewKeys(pod, public(podSigner()), nil)
	if err != nil {
		panic(err) // the key is a constant
	}
	return keys
}
