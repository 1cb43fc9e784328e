package journal_test

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

func verify(w *world, noted ...journal.Checkpoint) (*journal.Verifier, error) {
	v := journal.NewVerifier(podKeys(podID), keyOf)
	for _, c := range noted {
		if err := v.Expect(c); err != nil {
			return v, err
		}
	}
	for _, r := range w.records {
		if err := v.Add(r); err != nil {
			return v, err
		}
	}
	return v, v.End()
}

func TestVerifierPasses(t *testing.T) {
	w := newWorld(t, 40)
	var noted []journal.Checkpoint
	for size := range int64(41) {
		noted = append(noted, w.checkpoint(t, size))
	}
	v, err := verify(w, noted...)
	if err != nil || v.Size() != 40 || v.Checkpoint() != noted[40] {
		t.Errorf("got %+v, %v", v.Checkpoint(), err)
	}
	for _, r := range w.records { // what an export has
		r.Completed = nil
	}
	if _, err := verify(w, noted...); err != nil {
		t.Error(err)
	}
	if v := journal.NewVerifier(podKeys(podID), keyOf); v.Checkpoint().Root != journal.Root(nil) || v.End() != nil {
		t.Errorf("an empty journal: %+v", v.Checkpoint())
	}
}

// TestVerifierNamesTheEntry breaks a journal of 12 entries, of which 3, 6, 9 and 12
// are the agent's and 4, 8 and 12 have 1 leaf.
func TestVerifierNamesTheEntry(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, w *world)
		n      int64
		what   string
	}{
		"signature":     {func(_ *testing.T, w *world) { w.records[6].Signature[9] ^= 1 }, 7, "entry 7: its signature does not fit"},
		"no signature":  {func(_ *testing.T, w *world) { w.records[6].Signature = nil }, 7, "entry 7: its signature does not fit"},
		"version":       {func(_ *testing.T, w *world) { w.records[6].Entry.Version = 2 }, 7, "entry 7: has version 2, which this Locket does not know"},
		"pod":           {func(_ *testing.T, w *world) { w.records[6].Entry.Pod[1]++ }, 7, "entry 7: is of another pod"},
		"author":        {func(_ *testing.T, w *world) { w.records[6].Entry.Author[1]++ }, 7, "entry 7: its signature does not fit"},
		"agent":         {func(_ *testing.T, w *world) { w.records[2].Entry.Author[1]++ }, 3, "entry 3: no key of its author is known"},
		"by pod":        {func(_ *testing.T, w *world) { w.records[6].Entry.ByPod = false }, 7, "entry 7: no key of its author is known"},
		"clock":         {func(_ *testing.T, w *world) { w.records[6].Entry.HLC++ }, 7, "entry 7: its signature does not fit"},
		"source":        {func(_ *testing.T, w *world) { w.records[6].Entry.Source.Item = "x" }, 7, "entry 7: its signature does not fit"},
		"unencodable":   {func(_ *testing.T, w *world) { w.records[6].Entry.Kind = "\xff" }, 7, "entry 7: is not encodable"},
		"deleted":       {func(_ *testing.T, w *world) { w.records = slices.Delete(w.records, 4, 5) }, 5, "entry 5 is missing"},
		"first deleted": {func(_ *testing.T, w *world) { w.records = w.records[1:] }, 1, "entry 1 is missing"},
		"deleted and numbered anew": {func(_ *testing.T, w *world) {
			w.records = slices.Delete(w.records, 4, 5)
			w.number()
		}, 6, "entry 6: follows another entry of its author than 4"},
		"first of an author deleted and numbered anew": {func(_ *testing.T, w *world) {
			w.records = slices.Delete(w.records, 2, 3)
			w.number()
		}, 5, "entry 5: is not the first of its author, and none came before it"},
		"swapped": {func(_ *testing.T, w *world) { w.records[4], w.records[5] = w.records[5], w.records[4] }, 5, "entry 5 is missing"},
		"swapped and numbered anew, one author": {func(_ *testing.T, w *world) {
			w.records[3], w.records[4] = w.records[4], w.records[3]
			w.number()
		}, 4, "entry 4: follows another entry of its author than 2"},
		"swapped and numbered anew, two authors": {func(_ *testing.T, w *world) {
			w.records[5], w.records[6] = w.records[6], w.records[5]
			w.number()
		}, 7, "entry 7: its clock is not after that of entry 6"},
		"twice": {func(_ *testing.T, w *world) { w.records = slices.Insert(w.records, 5, w.records[4]) }, 5, "entry 5: comes where entry 6 should"},
		"edited leaf": {
			func(_ *testing.T, w *world) { w.records[6].Leaves[1].Leaf.Props["name"] = "forged" }, 7,
			"entry 7: the content of its 2nd action (update of Note 01920000-0000-7000-8000-000000000007) is not what was signed",
		},
		"odd leaf": {func(_ *testing.T, w *world) {
			*w.records[6].Leaves[2].Leaf = journal.Leaf{Action: "\x1b[2J", Props: map[string]any{}}
		}, 7, "entry 7: the content of its 3rd action (?) is not what was signed"},
		"hash of an erased leaf": {func(_ *testing.T, w *world) {
			w.records[6].Leaves[1].Leaf = nil
			w.records[6].Leaves[1].Hash[0] ^= 1
		}, 7, "entry 7: its actions are not those that were signed"},
		"leaf missing":   {func(_ *testing.T, w *world) { w.records[6].Leaves = w.records[6].Leaves[1:] }, 7, "entry 7: has 3 actions, where 4 were signed"},
		"leaves swapped": {func(_ *testing.T, w *world) { slices.Reverse(w.records[6].Leaves) }, 7, "entry 7: its actions are not those that were signed"},
		"tree":           {func(_ *testing.T, w *world) { w.records[7].Completed[3][0] ^= 1 }, 8, "entry 8: the hashes of the tree that are kept with it are not its own"},
		"tree row":       {func(_ *testing.T, w *world) { w.records[7].Completed = []journal.Hash{} }, 8, "entry 8: the hashes of the tree that are kept with it are not its own"},
		"signed anew with an older clock": {func(t *testing.T, w *world) {
			w.records[6].Entry.HLC = w.records[5].Entry.HLC
			w.sign(t, w.records[6])
		}, 7, "entry 7: its clock is not after that of entry 6"},
		"signed anew after another entry": {func(t *testing.T, w *world) {
			w.records[6].Entry.Prev[0] ^= 1
			w.sign(t, w.records[6])
		}, 7, "entry 7: follows another entry of its author than 5"},
		"signed anew without actions": {func(t *testing.T, w *world) {
			r, root := w.records[6], journal.Root(nil)
			r.Leaves, r.Entry.Leaves, r.Entry.Root = nil, 0, root[:]
			w.sign(t, r)
		}, 7, "entry 7: has no actions"},
		"signed anew with another count": {func(t *testing.T, w *world) {
			w.records[6].Entry.Seq++
			w.sign(t, w.records[6])
		}, 7, "entry 7: follows another entry of its author than 5"},
	} {
		w := newWorld(t, 12)
		c.change(t, w)
		v, err := verify(w)
		f, ok := errors.AsType[*journal.Fault](err)
		if !ok || f.N != c.n || f.What != c.what || locket.CodeOf(err) != locket.CodeTampered || locket.MessageOf(err) != c.what {
			t.Errorf("%s: got %v (%s), want %q", name, err, locket.CodeOf(err), c.what)
			continue
		}
		if again := v.Add(w.records[0]); !errors.Is(again, err) || !errors.Is(v.End(), err) {
			t.Errorf("%s: then %v and %v", name, again, v.End())
		}
	}
}

func TestFaultsCountActions(t *testing.T) {
	for i, want := range map[int]string{0: " 1st ", 1: " 2nd ", 2: " 3rd ", 3: " 4th ", 10: " 11th ", 11: " 12th ", 12: " 13th ", 20: " 21st ", 110: " 111th "} {
		w := newWorld(t, 0)
		w.add(t, ownerID, 111)
		w.records[0].Leaves[i].Leaf.Type = "Person"
		if _, err := verify(w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// number gives the entries that are left the numbers from 1, and drops the hashes of
// the tree, as somebody would who hides a change.
func (w *world) number() {
	for i, r := range w.records {
		r.N, r.Completed = int64(i+1), nil
	}
}

// TestVerifierExpects compares journals that hold together with what was noted of
// others.
func TestVerifierExpects(t *testing.T) {
	long, other := newWorld(t, 12), newWorld(t, 3)
	other.add(t, agentID, 2)
	for range 8 {
		other.add(t, ownerID, 1)
	}
	cut := newWorld(t, 9)
	odd := long.checkpoint(t, 5)
	odd.Root[0] ^= 1
	foreign := long.checkpoint(t, 5)
	foreign.Pod = "00000000-0000-4000-8000-0000000000d1"
	for name, c := range map[string]struct {
		w     *world
		noted []journal.Checkpoint
		n     int64
		what  string
	}{
		"cut":      {cut, []journal.Checkpoint{long.checkpoint(t, 12)}, 10, "the journal is cut: entries 10 to 12 are missing at the end"},
		"cut more": {cut, []journal.Checkpoint{long.checkpoint(t, 12), long.checkpoint(t, 10)}, 10, "entries 10 to 12"},
		"rewritten": {
			other,
			[]journal.Checkpoint{long.checkpoint(t, 3), long.checkpoint(t, 4)},
			4,
			"the journal differs from the checkpoint of 4 entries that was noted: it was rolled back or rewritten",
		},
		"two of a size": {long, []journal.Checkpoint{odd, long.checkpoint(t, 5)}, 5, "differs from the checkpoint of 5"},
		"odd root":      {long, []journal.Checkpoint{odd}, 5, "differs from the checkpoint of 5"},
		"odd nothing":   {long, []journal.Checkpoint{{Pod: podID}}, 0, "differs from the checkpoint of 0"},
	} {
		_, err := verify(c.w, c.noted...)
		f, ok := errors.AsType[*journal.Fault](err)
		if !ok || f.N != c.n || !strings.Contains(f.What, c.what) || !errors.Is(err, journal.ErrRolledBack) || locket.CodeOf(err) != locket.CodeRolledBack {
			t.Errorf("%s: got %v (%s)", name, err, locket.CodeOf(err))
		}
	}
	if _, err := verify(long, foreign); !errors.Is(err, journal.ErrBadCheckpoint) {
		t.Errorf("the checkpoint of another pod: %v", err)
	}
	for _, w := range []*world{cut, other} {
		if _, err := verify(w); err != nil {
			t.Errorf("without checkpoints: %v", err)
		}
	}
}

func TestVerifierRefusesBadKeys(t *testing.T) {
	w := newWorld(t, 1)
	for _, v := range []*journal.Verifier{
		journal.NewVerifier(podKeys("x"), keyOf),
	} {
		if v.Add(w.records[0]) == nil || v.End() == nil {
			t.Error("taken")
		}
	}
	short := func(locket.PrincipalID) (ed25519.PublicKey, bool) { return make([]byte, 31), true }
	v := journal.NewVerifier(podKeys(podID), short)
	w = newWorld(t, 0)
	w.add(t, agentID, 1)
	if err := v.Add(w.records[0]); err == nil || !strings.Contains(err.Error(), "no key of its author") {
		t.Errorf("a short key of the author's: %v", err)
	}
}

// BenchmarkVerifier checks entries of one leaf each. The goal is 15,000 a second.
func BenchmarkVerifier(b *testing.B) {
	w := newWorld(b, 0)
	for range 1000 {
		w.add(b, ownerID, 1)
	}
	for b.Loop() {
		if _, err := verify(w); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkHash(b *testing.B) {
	w := newWorld(b, 1)
	b.Run("entry", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.records[0].Entry.Hash(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("leaf", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.records[0].Leaves[0].Leaf.Hash(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
