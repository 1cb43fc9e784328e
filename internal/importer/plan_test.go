package importer_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/importer"
)

func TestIdentityOfFiles(t *testing.T) {
	v := newPod(t)
	r := run(t, v, folder(t, "f", map[string]string{"a/x.txt": "same", "b/x.txt": "same", "b/y.txt": "same", "c/x.txt": "other"}))
	if r.Imported != 3 || r.Duplicate != 1 {
		t.Errorf("%+v", r.Import)
	}
	x := items(t, v, "File")["y.txt"]
	if x.Text("text") != "same" || x.Text("folder") != "f/b" || x.Text("path") != "b/y.txt" || x.Text("encodingFormat") != "text/plain" {
		t.Errorf("properties of a file: %v", x.Props)
	}
}

func TestPlan(t *testing.T) {
	dir := folder(t, "p", map[string]string{"a.lines": "1\n", "b.txt": "12", "c.lines": "123", ".git/x": "x", "d.zip": "no zip"})
	formats := []importer.Format{linesFormat()}
	p, err := importer.Recognise(t.Context(), open(t, dir), append(formats, importer.Formats()...), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v", *p)
	want := "{Source:p Files:3 Bytes:7 Formats:[" +
		"{Name:lines Title:Lines Files:2 Bytes:5 Examples:[a.lines c.lines]} " +
		"{Name:file Title:Files as they are Files:1 Bytes:2 Examples:[b.txt]}] Tables:[] " +
		"Refused:{Count:1 Examples:[{Path:d.zip Reason:not a readable zip archive: zip: not a valid zip file}]} " +
		"Ignored:{Count:1 Examples:[{Path:.git Reason:}]}}"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLedgerCSV(t *testing.T) {
	v := newPod(t)
	dir := folder(t, "s", map[string]string{"=1+2.txt": "x", "a,\"b\"\n.txt": "y", "z.zip": "no"})
	r := run(t, v, dir)
	var out bytes.Buffer
	if err := importer.WriteLedger(t.Context(), v, r.ID, &out); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range rows {
		got = append(got, strings.Join([]string{row[0], row[1], row[2], row[3], row[5]}, "|"))
	}
	check(t, got, "file|record|format|outcome|reason", "'=1+2.txt||file|imported|", "a,\"b\"\n.txt||file|imported|",
		"z.zip||source|rejected|not a readable zip archive: zip: not a valid zip file")
}
