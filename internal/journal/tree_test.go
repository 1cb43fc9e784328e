package journal_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/locketpod/locket/internal/journal"
)

// A plainTree keeps the stored hashes in one list, as tlog describes it.
type plainTree []tlog.Hash

func (p plainTree) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		out[i] = p[n]
	}
	return out, nil
}

// TestTree compares with tlog on trees of every size to 200.
func TestTree(t *testing.T) {
	var leaves []journal.Hash
	var plain plainTree
	var rows [][]journal.Hash
	byRow := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			index, level := journal.Locate(n)
			out[i] = rows[index][level]
		}
		return out, nil
	})
	for n := range int64(200) {
		data := []byte{byte(n)}
		want := must(tlog.StoredHashes(n, data, plain))(t)
		got := must(journal.Completed(n, tlog.RecordHash(data), byRow))(t)
		if !slices.Equal(got, want) {
			t.Fatalf("record %d adds %v, want %v", n, got, want)
		}
		plain, rows, leaves = append(plain, want...), append(rows, got), append(leaves, tlog.RecordHash(data))
		for at := range int64(len(plain)) {
			if index, level := journal.Locate(at); rows[index][level] != plain[at] {
				t.Fatalf("stored hash %d is not at %d of record %d", at, level, index)
			}
		}
		root := must(tlog.TreeHash(n+1, plain))(t)
		if got := must(journal.RootAt(n+1, byRow))(t); got != root || journal.Root(leaves) != root {
			t.Errorf("%d leaves: %v and %v, want %v", n+1, got, journal.Root(leaves), root)
		}
	}
}

func TestPaths(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	w := newWorld(t, 70)
	for range 300 {
		size := random.Int64N(70) + 1
		index := random.Int64N(size)
		root := must(journal.RootAt(size, w))(t)
		path := must(journal.EntryPath(size, index, w))(t)
		if err := tlog.CheckRecord(path, size, root, index, w.record(t, w.records[index])); err != nil {
			t.Errorf("entry %d of %d: %v", index, size, err)
		}
		hashes := make([]journal.Hash, size)
		for i := range hashes {
			hashes[i] = tlog.RecordHash([]byte{byte(i)})
		}
		path = must(journal.LeafPath(hashes, int(index)))(t)
		if err := tlog.CheckRecord(path, size, journal.Root(hashes), index, hashes[index]); err != nil {
			t.Errorf("leaf %d of %d: %v", index, size, err)
		}
	}
}

func TestTreeRefusesWhatIsNotThere(t *testing.T) {
	w := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) { return make([]tlog.Hash, len(at)), nil })
	for _, n := range []int64{-1, 1<<48 + 1, 1<<63 - 1} {
		if _, err := journal.Completed(n, journal.Hash{}, w); err == nil {
			t.Errorf("record %d", n)
		}
		if _, err := journal.RootAt(n, w); err == nil {
			t.Errorf("tree of %d", n)
		}
		if _, err := journal.EntryPath(n, 0, w); err == nil {
			t.Errorf("entry in a tree of %d", n)
		}
		if _, err := journal.ProveGrowth(1, n, w); err == nil {
			t.Errorf("growth to %d", n)
		}
	}
	if _, err := journal.LeafPath(nil, 0); err == nil {
		t.Error("leaf of none")
	}
	if _, err := journal.EntryPath(3, 3, w); err == nil {
		t.Error("entry 3 of 3")
	}
}
