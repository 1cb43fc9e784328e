package store_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

func TestExportJournal(t *testing.T) {
	r := newRichPod(t)
	var out bytes.Buffer
	if err := r.v.ExportJournal(t.Context(), &out); err != nil {
		t.Fatal(err, cause(err))
	}
	want := r.verify("")
	got, err := journal.VerifyExport(&out, []byte(want.Checkpoint))
	if err != nil || got.Checkpoint.Size != want.Entries || got.Actions != want.Actions || got.Erased != 5 {
		t.Errorf("%+v, %v; verified %+v", got, err, want)
	}
	if len(got.Header.Principals) != 3 || got.Header.Principals[2].PublicKey != hex.EncodeToString(r.signer.Public().(ed25519.PublicKey)) {
		t.Errorf("principals %+v", got.Header.Principals)
	}
}

func TestProve(t *testing.T) {
	r := newRichPod(t)
	p, err := r.v.Prove(t.Context(), r.person.ID)
	if err != nil {
		t.Fatal(err, cause(err))
	}
	file, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if p, err = journal.ParseProof(file); err != nil {
		t.Fatal(err)
	}
	proven, err := p.Check()
	if err != nil {
		t.Fatal(err, cause(err))
	}
	var did, by []string
	for _, a := range proven {
		did, by = append(did, string(a.Action)), append(by, string(a.SignedBy))
	}
	if got := strings.Join(did, " "); got != "create link unlink link unlink link update update link update" {
		t.Errorf("proved %s", got)
	}
	if got := strings.Join(by, " "); got != "pod pod pod pod pod pod author pod pod pod" || proven[6].Props["name"] != "Anna by signs itself" {
		t.Errorf("signed by %s: %+v", got, proven[6])
	}
	if _, err := r.v.Prove(t.Context(), locket.NewItemID(r.clock)); locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("a proof of nothing: %v", err)
	}
	for range 1000 - 4 {
		r.update(r.note, props{"text": r.clock.String()})
	}
	if _, err := r.v.Prove(t.Context(), r.note.ID); locket.CodeOf(err) != locket.CodeTooLarge || !strings.Contains(locket.MessageOf(err), "1001 things") {
		t.Errorf("a proof of 1001 actions: %v", err)
	}
}

func signed(t *testing.T, c journal.Checkpoint, key crypto.Signer) string {
	t.Helper()
	text, err := c.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestGrown(t *testing.T) {
	b := newBench(t)
	var noted []journal.Checkpoint
	var texts []string
	for i := range 9 {
		g, err := b.v.Grown(t.Context(), "")
		if err != nil {
			t.Fatal(err, cause(err))
		}
		c, err := journal.OpenCheckpoint([]byte(g.Checkpoint), b.cfg.Signer.Public().(ed25519.PublicKey))
		if err != nil || c.Size != int64(i) {
			t.Fatalf("%+v, %v", c, err)
		}
		noted, texts = append(noted, c), append(texts, g.Checkpoint)
		b.create("Note", props{"name": "one more"})
	}
	agent := b.agent("robot", nothing)
	for i, text := range texts {
		g, err := b.v.Grown(t.Context(), text)
		if err != nil {
			t.Fatal(err, cause(err))
		}
		now, err := journal.OpenCheckpoint([]byte(g.Checkpoint), b.cfg.Signer.Public().(ed25519.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		if err := journal.CheckGrowth(g.Proof, noted[i], now); err != nil {
			t.Errorf("from %d: %v", i, err)
		}
		if err := agent.CheckGrown(t.Context(), text); err != nil {
			t.Errorf("from %d: %v", i, err)
		}
	}

	longer, other := noted[8], noted[4]
	longer.Size, other.Root[3] = 99, other.Root[3]^1
	foreign := noted[4]
	foreign.Pod = locket.NewPodID()
	_, thief, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		code locket.Code
	}{
		"longer":      {signed(t, longer, b.cfg.Signer), locket.CodeRolledBack},
		"another":     {signed(t, other, b.cfg.Signer), locket.CodeRolledBack},
		"another pod": {signed(t, foreign, b.cfg.Signer), locket.CodeInvalid},
		"another key": {signed(t, noted[4], thief), locket.CodeInvalid},
		"no text":     {"?", locket.CodeInvalid},
	} {
		_, err := b.v.Grown(t.Context(), c.text)
		if err2 := agent.CheckGrown(t.Context(), c.text); locket.CodeOf(err) != c.code || locket.CodeOf(err2) != c.code {
			t.Errorf("%s: %v and %v", name, err, err2)
		}
	}
	if err := agent.CheckGrown(t.Context(), ""); locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("nothing: %v", err)
	}
}
