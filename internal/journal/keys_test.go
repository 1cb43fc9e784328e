package journal_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/journal"
)

func signer(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x50 + n}, 32))
}

// rotated makes a journal whose pod had three keys: for entries 1 to 4, 5 to 9, and from
// 10 on.
func rotated(t testing.TB) (*world, []journal.Succession) {
	t.Helper()
	w := newWorld(t, 0)
	var said []journal.Succession
	for i, upTo := range []int{4, 9, 12} {
		w.pod = signer(byte(i))
		for len(w.records) < upTo {
			w.add(t, ownerID, 1)
		}
		if i < 2 {
			said = append(said, must(w.checkpoint(t, int64(upTo)).Succeed(w.pod, public(signer(byte(i+1)))))(t))
		}
	}
	return w, said
}

func verifyAll(w *world, keys *journal.Keys) error {
	v := journal.NewVerifier(keys, keyOf)
	for _, r := range w.records {
		if err := v.Add(r); err != nil {
			return err
		}
	}
	return v.End()
}

func TestKeysFollowEachOther(t *testing.T) {
	w, said := rotated(t)
	keys := must(journal.NewKeys(podID, public(signer(2)), said))(t)
	if err := verifyAll(w, keys); err != nil {
		t.Error(err)
	}
	for n, want := range map[int64]byte{1: 0, 4: 0, 5: 1, 9: 1, 10: 2, 99: 2} {
		if !keys.At(n).Equal(public(signer(want))) {
			t.Errorf("entry %d has another key than %d", n, want)
		}
	}
	other := slices.Clone(w.records)
	again, _ := rotated(t)
	again.pod = signer(0) // an ended key signs on
	again.add(t, ownerID, 1)
	w.records = again.records
	if err := verifyAll(w, keys); !errors.Is(err, journal.ErrBadSignature) {
		t.Errorf("an entry of an ended key: %v", err)
	}
	w.records = other[:8]
	if err := verifyAll(w, keys); !errors.Is(err, journal.ErrRolledBack) {
		t.Errorf("cut before the second succession: %v", err)
	}
}

func TestKeysAreRefused(t *testing.T) {
	w, said := rotated(t)
	for name, change := range map[string]func([]journal.Succession) []journal.Succession{
		"first missing from a longer list": func(s []journal.Succession) []journal.Succession { s[0].Key = s[1].Key; return s },
		"last missing":                     func(s []journal.Succession) []journal.Succession { return s[:1] },
		"order":                            func(s []journal.Succession) []journal.Succession { slices.Reverse(s); return s },
		"twice":                            func(s []journal.Succession) []journal.Succession { return append(s, s[1]) },
		"a checkpoint instead": func(s []journal.Succession) []journal.Succession {
			s[1].Note = string(must(w.checkpoint(t, 9).Sign(signer(1)))(t))
			return s
		},
		"another successor": func(s []journal.Succession) []journal.Succession {
			s[1] = must(w.checkpoint(t, 9).Succeed(signer(1), public(signer(3))))(t)
			return s
		},
		"signed by the next": func(s []journal.Succession) []journal.Succession {
			x := must(w.checkpoint(t, 9).Succeed(signer(2), public(signer(2))))(t)
			s[1].Note = x.Note
			return s
		},
		"text altered": func(s []journal.Succession) []journal.Succession {
			s[0].Note = strings.Replace(s[0].Note, "\n4\n", "\n3\n", 1)
			return s
		},
		"no key": func(s []journal.Succession) []journal.Succession { s[0].Key = ""; return s },
	} {
		if _, err := journal.NewKeys(podID, public(signer(2)), change(slices.Clone(said))); !errors.Is(err, journal.ErrBadCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := journal.NewKeys("00000000-0000-4000-8000-0000000000d1", public(signer(2)), said); err == nil {
		t.Error("of another pod")
	}
	// A list may begin later, with a key that the reader knows.
	if !journal.Leads(podID, public(signer(1)), public(signer(2)), said) || !journal.Leads(podID, public(signer(0)), public(signer(2)), said) {
		t.Error("the earlier keys do not lead to the present one")
	}
	if journal.Leads(podID, public(signer(3)), public(signer(2)), said) || journal.Leads(podID, public(signer(0)), public(signer(1)), said) {
		t.Error("a stranger's key leads to the pod's, or to one that has ended")
	}
}

func TestCheckpointsOfEarlierKeys(t *testing.T) {
	w, said := rotated(t)
	keys := must(journal.NewKeys(podID, public(signer(2)), said))(t)
	for _, c := range []struct {
		size  int64
		by    byte
		since int
		ok    bool
	}{{3, 0, 2, true}, {4, 0, 2, true}, {5, 0, 0, false}, {9, 1, 1, true}, {3, 1, 1, true}, {12, 1, 0, false}, {12, 2, 0, true}, {2, 3, 0, false}} {
		text := must(w.checkpoint(t, c.size).Sign(signer(c.by)))(t)
		got, since, err := keys.Open(text)
		if c.ok != (err == nil) || len(since) != c.since || c.ok && got.Size != c.size {
			t.Errorf("%d entries by key %d: %d successions, %v", c.size, c.by, len(since), err)
		}
	}
}

func TestExportAndProofOverRotations(t *testing.T) {
	w, said := rotated(t)
	h := header()
	h.PodKey, h.Earlier = hex.EncodeToString(public(signer(2))), said
	var out bytes.Buffer
	x := must(journal.NewExporter(&out, h))(t)
	for _, r := range w.records {
		if err := x.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(must(w.checkpoint(t, 12).Sign(signer(2)))(t)); err != nil {
		t.Fatal(err)
	}
	noted := must(w.checkpoint(t, 3).Sign(signer(0)))(t)
	if _, err := journal.VerifyExport(bytes.NewReader(out.Bytes()), noted); err != nil {
		t.Error(err)
	}
	p := journal.NewProof(podID, public(signer(2)), said, must(w.checkpoint(t, 12).Sign(signer(2)))(t))
	for _, n := range []int{2, 7, 11} {
		if err := p.Add(w.records[n-1], 0, nil, 12, w); err != nil {
			t.Fatal(err)
		}
	}
	p = must(journal.ParseProof(must(p.Encode())(t)))(t)
	proven, err := p.Check()
	if err != nil || proven[0].Key != hex.EncodeToString(public(signer(0))) || proven[1].Key != hex.EncodeToString(public(signer(1))) {
		t.Errorf("%v, %v", proven, err)
	}
	p.Earlier = nil
	if _, err := p.Check(); err == nil {
		t.Error("a proof without the earlier keys holds")
	}
}
