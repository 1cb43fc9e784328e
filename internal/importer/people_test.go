package importer_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket/internal/importer"
)

// A card of somebody whom mail has named already joins that person, and is kept
// byte for byte with them.
func TestCardJoinsPersonFromMail(t *testing.T) {
	v := newPod(t)
	run := func(name, content string) importer.Report {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return runTree(t, v, open(t, path), importer.Options{})
	}
	run("one.eml", "From: Anna <anna@example.com>\r\nTo: bea@example.org\r\nSubject: hi\r\nDate: Mon, 2 Feb 2026 10:00:00 +0000\r\n\r\nhello\r\n")
	card := "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Anna\r\nEMAIL:anna@example.com\r\nTEL:+31 20 123\r\nEND:VCARD\r\n"
	if r := run("anna.vcf", card); r.Imported != 1 {
		t.Errorf("got %+v", r)
	}
	people := items(t, v, "Person")
	anna := people["Anna"]
	if len(people) != 2 || anna.Props["telephone"] == nil {
		t.Fatalf("got %v", people)
	}
	if got := blobOf(t, v, anna, "rawBlob"); got != card {
		t.Errorf("kept %q", got)
	}
	if r := run("anna.vcf", card); r.Duplicate != 1 {
		t.Errorf("again: %+v", r)
	}
}
