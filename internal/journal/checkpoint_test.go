package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/journal"
)

const checkpointNote = `# A checkpoint of five entries, and the proof that a journal of seven begins with
# them: the journal of vectors/journal/README.md. Checkpoints are JSON strings, the
# hashes of the proof base64.
`

func TestCheckpointVector(t *testing.T) {
	w := newWorld(t, 7)
	var b bytes.Buffer
	b.WriteString(checkpointNote)
	for _, size := range []int64{5, 7} {
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		if err := e.Encode(string(w.signedCheckpoint(t, size))); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "checkpoint %d: %s", size, &text)
	}
	for i, h := range must(journal.ProveGrowth(5, 7, w))(t) {
		fmt.Fprintf(&b, "growth %d: %s\n", i, h)
	}
	compareVector(t, "checkpoint.txt", b.Bytes())
}

func TestOpenCheckpoint(t *testing.T) {
	w := newWorld(t, 5)
	text := string(w.signedCheckpoint(t, 5))
	pub := public(podSigner())
	got, err := journal.OpenCheckpoint([]byte(text), pub)
	if err != nil || got != w.checkpoint(t, 5) {
		t.Fatalf("got %+v, %v", got, err)
	}
	last := text[strings.Index(text, "\n\n")+2:]
	bad := map[string]string{
		"empty":           "",
		"twice signed":    text + last,
		"other signature": text + strings.Replace(last, "locket-pod", "witness", 1),
		"long":            text + strings.Repeat(last, 10),
		"no signature":    text[:strings.Index(text, "\n\n")+2],
	}
	for i := range text { // every byte, turned and left out
		bad[fmt.Sprintf("byte %d", i)] = text[:i] + string(text[i]^1) + text[i+1:]
		bad[fmt.Sprintf("no byte %d", i)] = text[:i] + text[i+1:]
	}
	for name, b := range bad {
		if c, err := journal.OpenCheckpoint([]byte(b), pub); !errors.Is(err, journal.ErrBadCheckpoint) {
			t.Errorf("%s: got %+v, %v", name, c, err)
		}
	}
	for _, key := range [][]byte{public(agentSigner()), pub[:31], nil} {
		if c, err := journal.OpenCheckpoint([]byte(text), key); !errors.Is(err, journal.ErrBadCheckpoint) {
			t.Errorf("key %x: got %+v, %v", key, c, err)
		}
	}
}

// TestSignedOddities gives texts that the pod's key did sign as notes.
func TestSignedOddities(t *testing.T) {
	root := journal.Root(nil).String()
	good := "locket-pod/" + string(podID) + "\n5\n" + root + "\n"
	if _, err := journal.OpenCheckpoint(noteOf(t, good), public(podSigner())); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"other origin":    strings.Replace(good, "locket-pod/", "locket/v1/", 1),
		"other id":        strings.Replace(good, string(podID), "me", 1),
		"leading zero":    strings.Replace(good, "\n5\n", "\n05\n", 1),
		"plus":            strings.Replace(good, "\n5\n", "\n+5\n", 1),
		"negative":        strings.Replace(good, "\n5\n", "\n-5\n", 1),
		"too large":       strings.Replace(good, "\n5\n", "\n281474976710657\n", 1),
		"extension":       good + "more\n",
		"short root":      strings.Replace(good, root, root[4:], 1),
		"loose base64":    strings.Replace(good, root, root[:42]+"V=", 1),
		"nothing":         "\n",
		"origin and size": "locket-pod/" + string(podID) + "\n5\n",
	} {
		if c, err := journal.OpenCheckpoint(noteOf(t, text), public(podSigner())); !errors.Is(err, journal.ErrBadCheckpoint) {
			t.Errorf("%s: got %+v, %v", name, c, err)
		}
	}
}

// TestSignaturesAreApart shows that what the key signs of entries and of checkpoints
// differ at a place that no content reaches.
func TestSignaturesAreApart(t *testing.T) {
	w := newWorld(t, 2)
	var spy spySigner
	if _, err := w.checkpoint(t, 2).Sign(&spy); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.records[0].Entry.Sign(&spy); err != nil {
		t.Fatal(err)
	}
	const apart = len("locket-")
	if c, e := spy[0], spy[1]; string(c[:apart]) != "locket-" || string(e[:apart]) != "locket/" {
		t.Errorf("checkpoint %q, entry %q", c, e)
	}
	bad := w.checkpoint(t, 2)
	bad.Pod = "x\nlocket/v1/entry"
	if _, err := bad.Sign(&spy); !errors.Is(err, journal.ErrBadCheckpoint) {
		t.Errorf("a pod's id with a line break: %v", err)
	}
}

func TestGrowth(t *testing.T) {
	const most = 20
	w := newWorld(t, most)
	for from := range int64(most + 1) {
		for to := range int64(most + 1) {
			proof, err := journal.ProveGrowth(from, to, w)
			if to < from {
				if !errors.Is(err, journal.ErrRolledBack) {
					t.Errorf("prove %d to %d: %v", from, to, err)
				}
				continue
			}
			a, b := w.checkpoint(t, from), w.checkpoint(t, to)
			if err := errors.Join(err, journal.CheckGrowth(proof, a, b)); err != nil {
				t.Errorf("%d to %d: %v", from, to, err)
			}
			if from == 0 {
				continue
			}
			checkBadGrowth(t, proof, a, b)
		}
	}
}

// checkBadGrowth changes one thing at a time in what shows that b grew from a.
func checkBadGrowth(t *testing.T, proof []journal.Hash, a, b journal.Checkpoint) {
	t.Helper()
	refuse := func(what string, p []journal.Hash, from, to journal.Checkpoint) {
		if err := journal.CheckGrowth(p, from, to); !errors.Is(err, journal.ErrRolledBack) {
			t.Errorf("%d to %d: %s: %v", a.Size, b.Size, what, err)
		}
	}
	other := a
	other.Root[7] ^= 1
	refuse("old root", proof, other, b)
	other = b
	other.Root[7] ^= 1
	refuse("new root", proof, a, other)
	other = b
	other.Pod = "00000000-0000-4000-8000-0000000000d1"
	refuse("pod", proof, a, other)
	other = b
	other.Size = a.Size - 1
	refuse("smaller", proof, a, other)
	other.Size = 1<<63 - 1
	refuse("huge", proof, a, other)
	refuse("longer", append(slices.Clone(proof), journal.Hash{}), a, b)
	for i := range proof {
		p := slices.Clone(proof)
		p[i][3] ^= 1
		refuse("hash", p, a, b)
	}
	if len(proof) > 0 {
		refuse("shorter", proof[1:], a, b)
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	for name, value := range fields(f, "checkpoint.txt") {
		var text string
		if strings.HasPrefix(name, "checkpoint") {
			if err := json.Unmarshal([]byte(value), &text); err != nil {
				f.Fatal(err)
			}
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := journal.OpenCheckpoint(text, public(podSigner()))
		if err != nil {
			return
		}
		if again := must(c.Sign(podSigner()))(t); !bytes.Equal(again, text) {
			t.Errorf("%q is written as %q", text, again)
		}
	})
}
