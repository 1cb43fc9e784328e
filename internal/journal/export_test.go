package journal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

func export(t testing.TB, w *world, checkpoint []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	x := must(journal.NewExporter(&b, header()))(t)
	for _, r := range w.records {
		if err := x.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(checkpoint); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestExportVector(t *testing.T) {
	w := newWorld(t, 7)
	compareVector(t, "export.jsonl", export(t, w, w.signedCheckpoint(t, 7)))
}

func TestVerifyExport(t *testing.T) {
	w := newWorld(t, 7)
	got, err := journal.VerifyExport(bytes.NewReader(vector(t, "export.jsonl")), w.signedCheckpoint(t, 0), w.signedCheckpoint(t, 4), w.signedCheckpoint(t, 7))
	if err != nil {
		t.Fatal(err)
	}
	first := time.UnixMilli(1767225600001).UTC()
	if got.Checkpoint != w.checkpoint(t, 7) || got.Actions != 19 || got.Erased != 1 ||
		!got.First.Equal(first) || !got.Last.Equal(first.Add(6*time.Millisecond)) || !slices.Equal(got.Header.Principals, header().Principals) {
		t.Errorf("got %+v", got)
	}
	empty := newWorld(t, 0)
	if got, err := journal.VerifyExport(bytes.NewReader(export(t, empty, empty.signedCheckpoint(t, 0)))); err != nil || got.Checkpoint.Size != 0 {
		t.Errorf("of no entries: %+v, %v", got, err)
	}
}

// TestVerifyExportNamesTheEntry changes an export of 7 entries with 2, 3, 4, 1, 2, 3
// and 4 leaves.
func TestVerifyExportNamesTheEntry(t *testing.T) {
	w := newWorld(t, 9)
	good := strings.SplitAfter(strings.TrimSuffix(string(vector(t, "export.jsonl")), "\n"), "\n")
	starts := []int{0} // starts[n] is the line of entry n
	for i, line := range good {
		if strings.HasPrefix(line, `{"n":`) {
			starts = append(starts, i)
		}
	}
	if len(starts) != 8 || len(good) != 1+7+19+1 {
		t.Fatalf("%d lines, entries at %d", len(good), starts)
	}
	drop := func(from, to int) func([]string) []string {
		return func(lines []string) []string { return slices.Delete(lines, from, to) }
	}
	set := func(at int, line string) func([]string) []string {
		return func(lines []string) []string { lines[at] = line; return lines }
	}
	replace := func(at int, old, with string) func([]string) []string {
		if !strings.Contains(good[at], old) {
			t.Fatalf("line %d has no %s", at+1, old)
		}
		return set(at, strings.Replace(good[at], old, with, 1))
	}
	end := len(good) - 1
	forged := leafAt(3, 0)
	forged.Props["name"] = "forged"
	for name, c := range map[string]struct {
		change func([]string) []string
		n      int64 // 0: no Fault
		code   locket.Code
		what   string
	}{
		"entry dropped":      {drop(starts[3], starts[4]), 3, locket.CodeTampered, "entry 3 is missing"},
		"leaf dropped":       {drop(starts[3]+4, starts[4]), 3, locket.CodeTampered, "entry 3: its 4th action, of 4, is missing"},
		"leaf of another":    {set(starts[3]+1, good[starts[2]+1]), 3, locket.CodeTampered, "entry 3: its actions are not those that were signed"},
		"leaf too many":      {func(l []string) []string { return slices.Insert(l, starts[4], l[starts[4]-1]) }, 0, locket.CodeInvalid, "line 14 is not"},
		"leaf forged":        {set(starts[3]+1, good[starts[3]+1][:strings.Index(good[starts[3]+1], `"leaf"`)]+`"leaf":"`+base64.StdEncoding.EncodeToString(encode(t, forged))+"\"}\n"), 3, locket.CodeTampered, "entry 3: the content of its 1st action (update of Note 01920000-0000-7000-8000-000000000003) is not what was signed"},
		"leaf of garbage":    {replace(starts[3]+1, `"leaf":"`, `"leaf":"AAAA`), 3, locket.CodeTampered, "entry 3: its 1st action cannot be read"},
		"entry of garbage":   {replace(starts[3], `"entry":"`, `"entry":"AAAA`), 3, locket.CodeTampered, "entry 3: cannot be read"},
		"signature":          {replace(starts[3], `"signature":"`, `"signature":"AAAA`), 3, locket.CodeTampered, "entry 3: its signature does not fit"},
		"key of the agent":   {replace(0, `"publicKey":"`+header().Principals[1].PublicKey, `"publicKey":"`+header().PodKey), 3, locket.CodeTampered, "entry 3: its signature does not fit"},
		"agent without key":  {replace(0, `,"publicKey":"`+header().Principals[1].PublicKey+`"`, ""), 3, locket.CodeTampered, "entry 3: no key of its author"},
		"no last line":       {drop(end, end+1), 8, locket.CodeTampered, "the export is cut: it ends after entry 7 without a checkpoint"},
		"cut in an entry":    {drop(starts[7]+2, end+1), 7, locket.CodeTampered, "entry 7: its 2nd action, of 4, is missing"},
		"cut in a line":      {set(end, good[end][:20]), 0, locket.CodeInvalid, "line 28 is not"},
		"tail dropped":       {drop(starts[6], end), 6, locket.CodeRolledBack, "the journal is cut: entries 6 to 7 are missing at the end"},
		"older checkpoint":   {set(end, checkpointLine(w.signedCheckpoint(t, 6))), 7, locket.CodeTampered, "the checkpoint at the end, of 6 entries, is not that of the 7 before it"},
		"no checkpoint":      {replace(end, "locket-pod", "locket-pot"), 7, locket.CodeTampered, "the checkpoint at the end is not one of this pod and key"},
		"foreign checkpoint": {set(end, checkpointLine(must(journal.Checkpoint{Pod: locket.PodID(ownerID)}.Sign(podSigner()))(t))), 7, locket.CodeTampered, "not one of this pod and key"},
		"leaf without hash":  {set(starts[3]+1, "{}\n"), 3, locket.CodeTampered, "entry 3: its 1st action, of 4, is missing"},
		"more":               {func(l []string) []string { return append(l, "\n{}") }, 0, locket.CodeInvalid, "line 29 is not"},
		"both":               {replace(end, "{", `{"n":8,`), 0, locket.CodeInvalid, "line 28 is not"},
		"null":               {set(starts[3], "null\n"), 0, locket.CodeInvalid, "line 9 is not"},
		"unknown field":      {replace(starts[3], "{", `{"x":8,`), 0, locket.CodeInvalid, "line 9 is not"},
		"other format":       {replace(0, "locket-journal", "locket-proof"), 0, locket.CodeInvalid, "its format is not"},
		"newer":              {replace(0, `"version":1`, `"version":2`), 0, locket.CodeNewer, "version 2"},
		"other pod":          {replace(0, string(podID), string(ownerID)), 1, locket.CodeTampered, "entry 1: is of another pod"},
		"malformed pod":      {replace(0, string(podID), "x"), 0, locket.CodeInvalid, "line 1 is not"},
		"malformed key":      {replace(0, header().PodKey, "x"), 0, locket.CodeInvalid, "line 1 is not"},
		"empty":              {func([]string) []string { return nil }, 0, locket.CodeInvalid, "its format is not"},
		"long line":          {set(starts[3], strings.Repeat("x", 25<<20)), 0, locket.CodeInvalid, "line 9 of the export is longer than 24 MiB"},
	} {
		text := strings.Join(c.change(slices.Clone(good)), "")
		_, err := journal.VerifyExport(strings.NewReader(text))
		var n int64
		if f, ok := errors.AsType[*journal.Fault](err); ok {
			n = f.N
		}
		if n != c.n || locket.CodeOf(err) != c.code || !strings.Contains(locket.MessageOf(err), c.what) {
			t.Errorf("%s: got %v (%d, %s), want %q", name, err, n, locket.CodeOf(err), c.what)
		}
	}
}

func checkpointLine(text []byte) string {
	return `{"checkpoint":"` + strings.ReplaceAll(string(text), "\n", `\n`) + `"}`
}

func TestVerifyExportComparesWithWhatWasNoted(t *testing.T) {
	w, other := newWorld(t, 9), newWorld(t, 2)
	for range 3 {
		other.add(t, ownerID, 1)
	}
	data := vector(t, "export.jsonl")
	foreign := must(journal.Checkpoint{Pod: locket.PodID(ownerID), Size: 3}.Sign(podSigner()))(t)
	for name, c := range map[string]struct {
		noted []byte
		code  locket.Code
	}{
		"longer":    {w.signedCheckpoint(t, 9), locket.CodeRolledBack},
		"other":     {other.signedCheckpoint(t, 4), locket.CodeRolledBack},
		"other key": {must(w.checkpoint(t, 4).Sign(agentSigner()))(t), locket.CodeInvalid},
		"other pod": {foreign, locket.CodeInvalid},
	} {
		if _, err := journal.VerifyExport(bytes.NewReader(data), c.noted); locket.CodeOf(err) != c.code {
			t.Errorf("%s: %v (%s)", name, err, locket.CodeOf(err))
		}
	}
}

func TestExportPassesErrorsOn(t *testing.T) {
	failed := errors.New("disk on fire")
	data := vector(t, "export.jsonl")
	for n := 0; n < len(data)-1; n += 101 {
		r := io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(failed))
		_, err := journal.VerifyExport(r)
		if _, ok := errors.AsType[*journal.Fault](err); ok || !errors.Is(err, failed) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	x, err := journal.NewExporter(brokenWriter{failed}, header())
	if err == nil {
		err = x.Close(nil)
	}
	if !errors.Is(err, failed) {
		t.Errorf("writing: %v", err)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func FuzzVerifyExport(f *testing.F) {
	f.Add(vector(f, "export.jsonl"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sum, err := journal.VerifyExport(bytes.NewReader(data))
		if err == nil && sum.Header.PodKey == header().PodKey && sum.Checkpoint.Size != 7 {
			t.Errorf("a forged journal passes: %+v", sum)
		}
		if err != nil && locket.CodeOf(err) == locket.CodeInternal {
			t.Errorf("%v is no error for users", err)
		}
	})
}
