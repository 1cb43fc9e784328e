package importer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/store"
)

// linesFormat reads ".lines" files: each line is a Note, but for lines that try
// what a format may do. "bad …" is rejected, "refuse …" is an item that the store
// refuses, "lies" changes while it is read, "with …" adds to a person, and
// "… -> x" links to line x.
func linesFormat() importer.Format {
	return importer.Format{
		Name: "lines", Title: "Lines",
		Recognise: func(p string, _ []byte) int {
			if filepath.Ext(p) == ".lines" {
				return 50
			}
			return 0
		},
		Read: readLines,
	}
}

func readLines(_ context.Context, f *importer.File, emit func(importer.Record) error) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	var done int64
	for i, text := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		done += int64(len(text)) + 1
		rec := lineRecord(text)
		rec.Where, rec.Done = fmt.Sprintf("line %d", i+1), done
		switch text {
		case "":
			continue
		case "explode":
			return errors.New("the rest cannot be read")
		}
		if err := emit(rec); err != nil {
			return err
		}
	}
	return nil
}

func lineRecord(text string) importer.Record {
	word, rest, _ := strings.Cut(text, " ")
	text, target, _ := strings.Cut(text, " -> ")
	d := importer.Draft{Key: "line:" + text, Type: "Note", Props: map[string]any{"name": text, "keywords": []any{"line"}}}
	rec := importer.Record{Items: []importer.Draft{d}, Raw: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
	if target != "" {
		rec.Links = []importer.Link{{From: d.Key, Name: "mentions", To: "line:" + target}}
	}
	switch word {
	case "bad":
		rec.Items, rec.Err = nil, errors.New("a bad line")
	case "refuse":
		rec.Items[0].Props["noSuchProperty"] = 1
	case "lies": // about its content
		rec.Items[0].Props["sha256"], rec.Items[0].Content = "0", rec.Raw
	case "with": // accompanied by a person whom other lines add to
		rec.Items = append(rec.Items, importer.Draft{
			Key: "person:x", Type: "Person", Merge: true, Props: map[string]any{"name": rest, "email": []any{rest}},
		})
	}
	return rec
}

func linesOnly() importer.Options {
	return importer.Options{Formats: []importer.Format{linesFormat()}}
}

func runLines(t testing.TB, v *store.View, content string) importer.Report {
	t.Helper()
	return runTree(t, v, tree("x.lines", []byte(content)), linesOnly())
}

func outcomes(t testing.TB, v *store.View, r importer.Report) string {
	t.Helper()
	var b strings.Builder
	for _, e := range ledger(t, v, r.ID) {
		fmt.Fprintf(&b, "%s %s %s\n", e.Record, e.Outcome, e.Reason)
	}
	return b.String()
}

const mixed = "one\ntwo\none\nbad apple\nrefuse me\nlies\nthree\nexplode\n"

func TestOutcomes(t *testing.T) {
	v := newPod(t)
	r := runLines(t, v, mixed)
	check(t, strings.Split(outcomes(t, v, r), "\n"),
		"line 1 imported ", "line 2 imported ", "line 3 duplicate ",
		"line 4 rejected a bad line",
		`line 5 rejected Note has no property "noSuchProperty"; declare it in the schema or leave it out`,
		"line 6 rejected cannot be read: it changed while it was read",
		"line 7 imported ", " rejected the rest cannot be read", "")
	// What was rejected is kept, byte for byte: the lines, and the file.
	for name, want := range map[string]string{
		"x.lines (line 4)": "bad apple", "x.lines (line 5)": "refuse me",
		"x.lines": mixed,
	} {
		if got := blobOf(t, v, items(t, v, "File")[name], "blob"); got != want {
			t.Errorf("%s: kept %q, want %q", name, got, want)
		}
	}
	if got := blobOf(t, v, items(t, v, "Note")["one"], "rawBlob"); got != "one" {
		t.Errorf("raw form of an accepted record: %q", got)
	}
	before := stats(t, v)
	again := runLines(t, v, mixed)
	if again.Imported != 0 || again.Rejected != 4 || again.Read != r.Read {
		t.Errorf("second run: %+v", again.Import)
	}
	if after := stats(t, v); after.Items != before.Items || after.Blobs != before.Blobs {
		t.Errorf("second run: %+v, before %+v", after, before)
	}
}

func blobOf(t testing.TB, v *store.View, it locket.Item, property string) string {
	t.Helper()
	id, _ := it.Props[property].(locket.BlobID)
	b, err := v.OpenBlob(t.Context(), id)
	if err != nil {
		t.Fatalf("%s of %q: %v", property, it.Text("name"), err)
	}
	defer b.Close()
	content, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func stats(t testing.TB, v *store.View) locket.Stats {
	t.Helper()
	s, err := v.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A file in which a format finds nothing is kept as a file.
func TestNoRecords(t *testing.T) {
	v := newPod(t)
	r := runLines(t, v, "\n\n")
	check(t, strings.Split(outcomes(t, v, r), "\n"), " imported no records in it, kept as a file", "")
}

func TestLinks(t *testing.T) {
	v := newPod(t)
	r := runLines(t, v, "a -> b\nb -> nowhere\nc -> c\n")
	if r.Links != 1 || r.Dropped != 1 {
		t.Errorf("links %d, dropped %d; want 1 and 1", r.Links, r.Dropped)
	}
	// A later run finds the end that was missing, though its own start is a duplicate.
	r = runLines(t, v, "nowhere\nb -> nowhere\n")
	if r.Links != 1 || r.Dropped != 0 || r.Duplicate != 1 {
		t.Errorf("second run: %+v", r)
	}
	if got := stats(t, v).Edges; got != 2 {
		t.Errorf("%d edges, want 2", got)
	}
}

func TestMerge(t *testing.T) {
	v := newPod(t)
	runLines(t, v, "with a@example.com\nwith b@example.com\nwith a@example.com -> x\n")
	p := items(t, v, "Person")["a@example.com"]
	if got := fmt.Sprint(p.Props["email"]); got != "[a@example.com b@example.com]" || p.Version != 1 { // made and merged in one change
		t.Errorf("merged person: %s, version %d", got, p.Version)
	}
}

// What was deleted in the pod stays deleted; what was erased comes back.
func TestDeletedAndErased(t *testing.T) {
	v := newPod(t)
	runLines(t, v, "one -> two\ntwo\nthree\n")
	notes := items(t, v, "Note")
	_, err := v.Write(t.Context(), func(w *store.Writer) error {
		return errors.Join(w.Delete(notes["two"].ID, 0), w.Erase(notes["three"].ID, 0))
	})
	if err != nil {
		t.Fatal(err)
	}
	r := runLines(t, v, "one -> two\ntwo\nthree\n")
	check(t, strings.Split(outcomes(t, v, r), "\n"), "line 1 duplicate ", "line 2 duplicate ", "line 3 imported ", "")
	if got := items(t, v, "Note"); len(got) != 2 || got["two"].ID != "" || r.Links != 0 {
		t.Errorf("notes %v, %d links", got, r.Links)
	}
}

// An import that is stopped anywhere and run again ends as one that was not, and
// what it said it did is there.
func TestInterrupt(t *testing.T) {
	var source strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&source, "line %d -> line %d\n", i, (i*7+3)%1000)
		if i%100 == 50 {
			fmt.Fprintf(&source, "bad %d\n", i)
		}
	}
	whole := newPod(t)
	runLines(t, whole, source.String())
	want := stats(t, whole)
	for _, after := range []int64{1, 200, 201, 399, 650} {
		v := newPod(t)
		ctx, cancel := context.WithCancel(t.Context())
		o := linesOnly()
		read := o.Formats[0].Read
		var seen int64
		o.Formats[0].Read = func(ctx context.Context, f *importer.File, emit func(importer.Record) error) error {
			return read(ctx, f, func(r importer.Record) error {
				if seen++; seen > after {
					cancel()
				}
				return emit(r)
			})
		}
		r, err := importer.Run(ctx, v, tree("x.lines", []byte(source.String())), nil, o)
		cancel()
		if locket.CodeOf(err) != locket.CodeCancelled || !r.Finished.IsZero() {
			t.Errorf("after %d: %v, finished %v", after, err, r.Finished)
		}
		if r.Read != after/200*200 {
			t.Errorf("after %d: %d were committed", after, r.Read)
		}
		checkLedger(t, v, r)
		second := runLines(t, v, source.String())
		if second.Duplicate != r.Imported || second.Imported+r.Imported != 1000 {
			t.Errorf("after %d: resumed with %+v", after, second.Import)
		}
		if got := stats(t, v); got.Items != want.Items || got.Edges != want.Edges || got.Blobs != want.Blobs {
			t.Errorf("after %d: resumed to %+v, want %+v", after, got, want)
		}
	}
}
