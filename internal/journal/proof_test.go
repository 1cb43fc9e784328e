package journal_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/journal"
)

// newProof proves three actions of a journal of 7 entries: one that the agent signed,
// one that was erased and one of the pod's.
func newProof(t testing.TB) *journal.Proof {
	t.Helper()
	w := newWorld(t, 7)
	p := journal.NewProof(podID, public(podSigner()), nil, w.signedCheckpoint(t, 7))
	for _, a := range []struct{ entry, leaf int }{{2, 3}, {4, 1}, {6, 0}} {
		if err := p.Add(w.records[a.entry], a.leaf, public(agentSigner()), 7, w); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestProofVector(t *testing.T) { compareVector(t, "proof.json", must(newProof(t).Encode())(t)) }

func TestProof(t *testing.T) {
	p := must(journal.ParseProof(vector(t, "proof.json")))(t)
	got := must(p.Check())(t)
	at := func(n int) (locket.HLC, time.Time) {
		ms := 1767225600000 + int64(n)
		return locket.HLC(ms << 16), time.UnixMilli(ms).UTC()
	}
	podKey, agentKey := hex.EncodeToString(public(podSigner())), hex.EncodeToString(public(agentSigner()))
	want := []journal.Proven{
		{N: 3, Author: agentID, SignedBy: locket.SignedByAuthor, Key: agentKey, Source: locket.Source{Session: "session-1"}},
		{N: 5, Author: ownerID, SignedBy: locket.SignedByPod, Key: podKey, Erased: true},
		{N: 7, Author: ownerID, SignedBy: locket.SignedByPod, Key: podKey},
	}
	for i := range want {
		x := &want[i]
		x.Kind = locket.EntryChange
		x.HLC, x.Time = at(int(x.N))
		if !x.Erased {
			l := leafAt(int(x.N), []int{3, 1, 0}[i])
			x.Action, x.Type, x.Props, x.Item = locket.ActionUpdate, "Note", l.Props, locket.ItemID(locket.FormatUUID(l.Item))
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// TestProofMutations changes every byte of a proof. What still holds says the same.
func TestProofMutations(t *testing.T) {
	data := vector(t, "proof.json")
	want := must(must(journal.ParseProof(data))(t).Check())(t)
	var held int
	for i := range data {
		for _, flip := range []byte{0x01, 0x04, 0x20} {
			bad := bytes.Clone(data)
			bad[i] ^= flip
			got, err := check(bad)
			switch {
			case err != nil && locket.CodeOf(err) == locket.CodeInternal:
				t.Errorf("byte %d: %v is no error for users", i, err)
			case err == nil && !reflect.DeepEqual(got, want):
				t.Errorf("byte %d: turned from %q into %q, it shows something else", i, data[i], bad[i])
			case err == nil:
				held++
			}
		}
	}
	if held > len(data)/5 { // white space, letters of field names in the other case
		t.Errorf("%d changes made no difference", held)
	}
}

func check(data []byte) ([]journal.Proven, error) {
	p, err := journal.ParseProof(data)
	if err != nil {
		return nil, err
	}
	return p.Check()
}

// TestForgedProofs changes what a proof says, rather than how it is written.
func TestForgedProofs(t *testing.T) {
	small := newWorld(t, 6)
	for name, forge := range map[string]func(p *journal.Proof){
		"pod":             func(p *journal.Proof) { p.Pod = "00000000-0000-4000-8000-0000000000d1" },
		"pod key":         func(p *journal.Proof) { p.PodKey = hex.EncodeToString(public(agentSigner())) },
		"pod key written": func(p *journal.Proof) { p.PodKey = string(bytes.ToUpper([]byte(p.PodKey))) },
		"no pod key":      func(p *journal.Proof) { p.PodKey = "" },
		"checkpoint":      func(p *journal.Proof) { p.Checkpoint = string(small.signedCheckpoint(t, 6)) },
		"author's key":    func(p *journal.Proof) { p.Actions[0].AuthorKey = p.PodKey },
		"no key":          func(p *journal.Proof) { p.Actions[0].AuthorKey = "" },
		"a key too many":  func(p *journal.Proof) { p.Actions[2].AuthorKey = p.PodKey },
		"entry index":     func(p *journal.Proof) { p.Actions[0].EntryIndex++ },
		"negative entry":  func(p *journal.Proof) { p.Actions[0].EntryIndex = -1 },
		"huge entry":      func(p *journal.Proof) { p.Actions[0].EntryIndex = 1<<63 - 1 },
		"leaf index":      func(p *journal.Proof) { p.Actions[0].LeafIndex-- },
		"negative leaf":   func(p *journal.Proof) { p.Actions[0].LeafIndex = -1 },
		"entries swapped": func(p *journal.Proof) {
			a, b := &p.Actions[0], &p.Actions[2]
			a.Entry, b.Entry = b.Entry, a.Entry
		},
		"leaves swapped": func(p *journal.Proof) {
			a, b := &p.Actions[0], &p.Actions[2]
			a.Leaf, b.Leaf = b.Leaf, a.Leaf
		},
		"entry path short": func(p *journal.Proof) { p.Actions[0].EntryPath = p.Actions[0].EntryPath[1:] },
		"entry path long":  func(p *journal.Proof) { p.Actions[0].EntryPath = append(p.Actions[0].EntryPath, journal.Hash{}) },
		"leaf path short":  func(p *journal.Proof) { p.Actions[0].LeafPath = p.Actions[0].LeafPath[1:] },
		"leaf path long":   func(p *journal.Proof) { p.Actions[0].LeafPath = append(p.Actions[0].LeafPath, journal.Hash{}) },
		"no leaf":          func(p *journal.Proof) { p.Actions[0].Leaf = nil },
		"leaf and hash":    func(p *journal.Proof) { p.Actions[0].LeafHash = new(tlog.RecordHash(p.Actions[0].Leaf)) },
		"hash":             func(p *journal.Proof) { p.Actions[1].LeafHash = new(journal.Hash) },
		"signature":        func(p *journal.Proof) { p.Actions[0].Signature[63] ^= 1 },
		"no signature":     func(p *journal.Proof) { p.Actions[0].Signature = nil },
		"no entry":         func(p *journal.Proof) { p.Actions[0].Entry = nil },
		"other leaf": func(p *journal.Proof) {
			l := leafAt(3, 3)
			l.Props["name"] = "forged"
			p.Actions[0].Leaf = encode(t, l)
		},
		"signed, not in the journal": func(p *journal.Proof) {
			w := newWorld(t, 6)
			w.add(t, ownerID, 2)
			p.Actions[2].Entry, p.Actions[2].Signature = encode(t, &w.records[6].Entry), w.records[6].Signature
		},
		"in the journal, by another": func(p *journal.Proof) { // what a pod that lies would have to write
			var e journal.Entry
			if err := canon.Unmarshal(p.Actions[2].Entry, &e); err != nil {
				t.Fatal(err)
			}
			e.ByPod = false
			p.Actions[2].Entry, p.Actions[2].AuthorKey = encode(t, &e), hex.EncodeToString(public(agentSigner()))
		},
	} {
		p := newProof(t)
		forge(p)
		if got, err := p.Check(); locket.CodeOf(err) != locket.CodeTampered || got != nil {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	if _, err := newProof(t).Check(); err != nil {
		t.Errorf("not forged: %v", err)
	}
}

// TestProofsOfOddEntries has entries that were signed and are in the journal, and yet
// are not what an entry is.
func TestProofsOfOddEntries(t *testing.T) {
	for name, c := range map[string]struct {
		change func(e *journal.Entry)
		ok     bool
	}{
		"nothing":      {func(*journal.Entry) {}, true},
		"newer":        {func(e *journal.Entry) { e.Version = 2 }, false},
		"other pod":    {func(e *journal.Entry) { e.Pod[0]++ }, false},
		"short root":   {func(e *journal.Entry) { e.Root = e.Root[:31] }, false},
		"long root":    {func(e *journal.Entry) { e.Root = append(e.Root, 0) }, false},
		"no leaves":    {func(e *journal.Entry) { e.Leaves = 0 }, false},
		"few leaves":   {func(e *journal.Entry) { e.Leaves = -1 }, false},
		"many leaves":  {func(e *journal.Entry) { e.Leaves = math.MaxInt }, false},
		"other leaves": {func(e *journal.Entry) { e.Leaves = 2 }, false},
	} {
		w := newWorld(t, 0)
		w.add(t, ownerID, 1)
		r := w.records[0]
		c.change(&r.Entry)
		w.sign(t, r)
		r.Completed = []journal.Hash{w.record(t, r)}
		p := journal.NewProof(podID, public(podSigner()), nil, w.signedCheckpoint(t, 1))
		if err := p.Add(r, 0, nil, 1, w); err != nil {
			t.Fatal(err)
		}
		if name == "many leaves" { // a path, for tlog to measure the tree at all
			p.Actions[0].LeafPath = []journal.Hash{{}}
		}
		if got, err := p.Check(); (err == nil) != c.ok || err != nil && locket.CodeOf(err) != locket.CodeTampered {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// TestProofOfOneEntry has empty paths.
func TestProofOfOneEntry(t *testing.T) {
	w := newWorld(t, 0)
	w.add(t, ownerID, 1)
	p := journal.NewProof(podID, public(podSigner()), nil, w.signedCheckpoint(t, 1))
	if err := p.Add(w.records[0], 0, nil, 1, w); err != nil {
		t.Fatal(err)
	}
	if got, err := check(must(p.Encode())(t)); err != nil || len(got) != 1 || got[0].N != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, leaf := range []int{-1, 1} {
		if err := p.Add(w.records[0], leaf, nil, 1, w); err == nil {
			t.Errorf("leaf %d of 1", leaf)
		}
	}
}

func TestParseProofRefuses(t *testing.T) {
	good := string(vector(t, "proof.json"))
	for name, c := range map[string]struct {
		data string
		code locket.Code
	}{
		"empty":         {"", locket.CodeInvalid},
		"other":         {`{"format":"locket-journal","version":1}`, locket.CodeInvalid},
		"other, newer":  {`{"format":"locket-journal","version":2}`, locket.CodeInvalid},
		"newer":         {`{"format":"locket-proof","version":2}`, locket.CodeNewer},
		"many actions":  {`{"format":"locket-proof","version":1,"actions":[` + strings.Repeat("{},", 10000) + "{}]}", locket.CodeInvalid},
		"no actions":    {`{"format":"locket-proof","version":1,"actions":[]}`, locket.CodeInvalid},
		"unknown field": {`{"format":"locket-proof","version":1,"more":1}`, locket.CodeInvalid},
		"more":          {good + "{}", locket.CodeInvalid},
		"cut":           {good[:len(good)/2], locket.CodeInvalid},
		"large":         {good + string(make([]byte, journal.MaxProof)), locket.CodeTooLarge},
	} {
		if p, err := journal.ParseProof([]byte(c.data)); locket.CodeOf(err) != c.code {
			t.Errorf("%s: got %+v, %v", name, p, err)
		}
	}
	p := newProof(t)
	p.Actions = make([]journal.ProvedAction, 10001)
	if _, err := p.Encode(); locket.CodeOf(err) != locket.CodeTooLarge {
		t.Errorf("too many actions: %v", err)
	}
}

func FuzzParseProof(f *testing.F) {
	f.Add(vector(f, "proof.json"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := journal.ParseProof(data)
		if err != nil {
			return
		}
		proven, err := p.Check()
		if err != nil {
			return
		}
		again, err := check(must(p.Encode())(t))
		if err != nil || !reflect.DeepEqual(again, proven) {
			t.Errorf("%+v is read again as %+v, %v", proven, again, err)
		}
	})
}
