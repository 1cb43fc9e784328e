package store_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// verify verifies the pod, which must be possible.
func (b *bench) verify(checkpoint string) store.Verified {
	b.t.Helper()
	got, err := b.v.Verify(b.t.Context(), checkpoint, nil)
	if err != nil {
		b.t.Fatal(err, cause(err))
	}
	return got
}

func TestVerifyRichPod(t *testing.T) {
	r := newRichPod(t)
	var reports int
	got, err := r.v.Verify(t.Context(), "", func(locket.Progress) { reports++ })
	if err != nil || got.Fault != "" || reports == 0 {
		t.Fatalf("%+v, %v %v, %d reports", got, err, cause(err), reports)
	}
	stats, err := r.v.Stats(t.Context())
	if err != nil || got.Entries != stats.Changes || got.Items != stats.Items+stats.Deleted || got.Actions <= got.Entries {
		t.Errorf("%+v does not fit %+v (%v)", got, stats, err)
	}
	g, err := r.v.Grown(t.Context(), "")
	if err != nil || g.Checkpoint != got.Checkpoint {
		t.Errorf("checkpoint %q, verified %q, %v", g.Checkpoint, got.Checkpoint, err)
	}
	if it, _ := r.v.Get(t.Context(), r.note.ID); it.Version != 4 {
		t.Errorf("a note of 4 actions has version %d", it.Version)
	}
	for _, noted := range []string{got.Checkpoint, newBench(t).verify("").Checkpoint} {
		_, err := r.v.Verify(t.Context(), noted, nil)
		if want := map[bool]locket.Code{true: "", false: locket.CodeInvalid}[noted == got.Checkpoint]; locket.CodeOf(err) != want {
			t.Errorf("with a checkpoint: %v", err)
		}
	}
}

func TestVerifyEmptyPod(t *testing.T) {
	b := newBench(t)
	if got := b.verify(""); got.Fault != "" || got.Entries != 0 || got.Checkpoint == "" {
		t.Errorf("%+v", got)
	}
	b.verify(b.verify("").Checkpoint)
}

func TestVerifyIsForWhoSeesAll(t *testing.T) {
	r := newRichPod(t)
	agents := 0
	for text, may := range map[string][2]bool{ // verify and prove
		doAnything: {false, false},
		manageAll:  {true, true},
		`{"rules":[{"actions":["manage"]},{"actions":["read"],"where":{"folder":"work"}}]}`:      {true, false},
		`{"rules":[{"actions":["manage"]},{"actions":["read"],"properties":["name"]}]}`:          {true, false},
		`{"rules":[{"actions":["manage"],"types":["Note"]},{"actions":["read","search"]}]}`:      {false, false},
		`{"rules":[{"actions":["manage"],"where":{"folder":"work"}},{"actions":["read"]}]}`:      {false, false},
		`{"rules":[{"actions":["manage","read"],"properties":["name"]},{"actions":["search"]}]}`: {false, false},
	} {
		agents++
		v := r.bench.agent(fmt.Sprint("agent ", agents), text)
		_, verify := v.Verify(t.Context(), "", nil)
		_, grown := v.Grown(t.Context(), "")
		_, prove := v.Prove(t.Context(), r.note.ID)
		export := v.ExportJournal(t.Context(), new(bytes.Buffer))
		for i, err := range []error{verify, grown, prove, export} {
			if want := map[bool]locket.Code{true: "", false: locket.CodeDenied}[may[i/2]]; locket.CodeOf(err) != want {
				t.Errorf("%s: door %d: %v", text, i, err)
			}
		}
	}
}

func TestVerifyCancelled(t *testing.T) {
	r := newRichPod(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := r.v.Verify(ctx, "", func(locket.Progress) { cancel() })
	if locket.CodeOf(err) != locket.CodeCancelled {
		t.Errorf("%v %v", err, cause(err))
	}
	r.create("Note", props{"name": "the connection serves again"})
}

// BenchmarkVerify verifies entries that created one note each. The goal is 15,000 a
// second.
func BenchmarkVerify(b *testing.B) {
	p := newBench(b)
	const entries = 100_000
	for i := range entries {
		_, err := p.v.Write(b.Context(), func(w *store.Writer) error {
			_, err := w.Create(store.Draft{Type: "Note", Props: props{"name": fmt.Sprint("note ", i), "text": "boats in the harbour"}})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if got := p.verify(""); got.Fault != "" || got.Entries != entries {
			b.Fatalf("%+v", got)
		}
	}
	b.ReportMetric(float64(b.N)*entries/b.Elapsed().Seconds(), "entries/s")
}
