package journal_test

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
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
		Prev: bytes.Repeat([]byte{9}, 32), HLC: 1767225600000 << 16, Leaves: 3, Root: root[:],
	}
}

func signingKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x42}, 32)) }

// TestVectors compares with vectors/journal/entry.txt, which other
// implementations check themselves against.
func TestVectors(t *testing.T) {
	want := loadVectors(t)
	leaf, entry := sampleLeaf(), sampleEntry(t)
	got := map[string][]byte{}
	var err error
	if got["leaf"], err = canon.Marshal(leaf); err != nil {
		t.Fatal(err)
	}
	if got["entry"], err = canon.Marshal(entry); err != nil {
		t.Fatal(err)
	}
	h, err := leaf.Hash()
	if err != nil {
		t.Fatal(err)
	}
	got["leaf hash"], got["root"] = h[:], entry.Root
	eh, sig, err := entry.Sign(signingKey())
	if err != nil {
		t.Fatal(err)
	}
	got["entry hash"], got["signature"] = eh[:], sig
	if len(want) != len(got) {
		t.Errorf("%d vectors, want %d", len(want), len(got))
	}
	for name, b := range got {
		if hex.EncodeToString(b) != want[name] {
			t.Errorf("%s: %x", name, b)
		}
	}
}

func loadVectors(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("../../vectors/journal/entry.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := make(map[string]string)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ": "); ok && !strings.HasPrefix(name, "#") {
			want[name] = value
		}
	}
	if lines.Err() != nil || len(want) == 0 {
		t.Fatalf("no vectors: %v", lines.Err())
	}
	return want
}

func TestVerifyNoticesEveryField(t *testing.T) {
	key := signingKey()
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

// TestRoot compares with the tree of golang.org/x/mod/sumdb/tlog.
func TestRoot(t *testing.T) {
	var leaves []journal.Hash
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			out[i] = stored[n]
		}
		return out, nil
	})
	for n := range int64(40) {
		data := []byte{byte(n)}
		leaves = append(leaves, tlog.RecordHash(data))
		hashes, err := tlog.StoredHashes(n, data, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		want, err := tlog.TreeHash(n+1, read)
		if err != nil {
			t.Fatal(err)
		}
		if got := journal.Root(leaves); got != want {
			t.Errorf("%d leaves: %v, want %v", n+1, got, want)
		}
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
