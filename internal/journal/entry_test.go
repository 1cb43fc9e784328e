package journal_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

func sampleLeaf() *journal.Leaf {
	return &journal.Leaf{
		Salt: [16]byte{0: 0xa0, 15: 0xaf}, Item: [16]byte{0: 0x01, 6: 0x70, 8: 0x80}, Action: string(locket.ActionCreate), Type: "Note",
		Props: map[string]any{"name": "Grüße", "dateCreated": int64(1767225600000000), "keywords": []any{"a", "b"}, "folder": nil},
	}
}

func sampleEntry(t *testing.T) *journal.Entry {
	t.Helper()
	leaf, err := sampleLeaf().Hash()
	if err != nil {
		t.Fatal(err)
	}
	root := journal.Root([]journal.Hash{leaf, leaf, leaf})
	return &journal.Entry{
		Version: journal.Version, Pod: [16]byte{0: 1}, Author: [16]byte{0: 2}, ByPod: true, Seq: 7,
		Prev: bytes.Repeat([]byte{9}, 32), HLC: 1767225600000 << 16, Kind: string(locket.EntryChange),
		Source: journal.Source{Import: "20260101T000000Z", Item: "0192f0c1-2d3e-7a4b-8c5d-6e7f8091a2b3"}, Leaves: 3, Root: root[:],
	}
}

func TestEntryVectors(t *testing.T) {
	leaf, entry := sampleLeaf(), sampleEntry(t)
	h, err := leaf.Hash()
	if err != nil {
		t.Fatal(err)
	}
	eh, sig, err := entry.Sign(podSigner())
	if err != nil {
		t.Fatal(err)
	}
	record := journal.RecordHash(eh, sig)
	var b bytes.Buffer
	b.WriteString(entryNote)
	for _, v := range []struct {
		name  string
		bytes []byte
	}{
		{"leaf", encode(t, leaf)},
		{"leaf hash", h[:]},
		{"root", entry.Root},
		{"entry", encode(t, entry)},
		{"entry hash", eh[:]},
		{"signature", sig},
		{"record hash", record[:]},
	} {
		fmt.Fprintf(&b, "%s: %x\n", v.name, v.bytes)
	}
	compareVector(t, "entry.txt", b.Bytes())
}

const entryNote = `# The example of docs/design/journal.md: a leaf, and an entry with that leaf three
# times, signed by the pod, whose key has the seed 42 repeated 32 times. Values are
# hexadecimal.
`

func TestVerifyNoticesEveryField(t *testing.T) {
	key := podSigner()
	pub, _ := key.Public().(ed25519.PublicKey)
	e := sampleEntry(t)
	_, sig, err := e.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Verify(pub, sig); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*journal.Entry){
		"version": func(e *journal.Entry) { e.Version++ },
		"pod":     func(e *journal.Entry) { e.Pod[3]++ },
		"author":  func(e *journal.Entry) { e.Author[3]++ },
		"by pod":  func(e *journal.Entry) { e.ByPod = false },
		"seq":     func(e *journal.Entry) { e.Seq++ },
		"prev":    func(e *journal.Entry) { e.Prev = nil },
		"hlc":     func(e *journal.Entry) { e.HLC++ },
		"kind":    func(e *journal.Entry) { e.Kind = "access" },
		"import":  func(e *journal.Entry) { e.Source.Import = "" },
		"session": func(e *journal.Entry) { e.Source.Session = "s" },
		"item":    func(e *journal.Entry) { e.Source.Item = "" },
		"leaves":  func(e *journal.Entry) { e.Leaves++ },
		"root":    func(e *journal.Entry) { e.Root = e.Prev },
	} {
		x := *e
		change(&x)
		if err := x.Verify(pub, sig); !errors.Is(err, journal.ErrBadSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	sig[5] ^= 1
	if err := e.Verify(pub, sig); !errors.Is(err, journal.ErrBadSignature) {
		t.Errorf("signature: %v", err)
	}
}

func TestSaltHidesContent(t *testing.T) {
	a, b := sampleLeaf(), sampleLeaf()
	b.Salt[0]++
	ha, err := a.Hash()
	if err != nil {
		t.Fatal(err)
	}
	hb, err := b.Hash()
	if err != nil || ha == hb {
		t.Errorf("equal contents under different salts have one hash (%v)", err)
	}
}
