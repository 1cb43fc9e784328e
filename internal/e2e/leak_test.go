package e2e_test

import (
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // writes plain databases, for the control

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/client"
)

// TestNothingInTheClear lives through a whole life of a pod, with a marker in
// every place where a user's data can stand, and looks into every file.
func TestNothingInTheClear(t *testing.T) {
	h := newHome(t)
	planted := h.source(t)
	h.life(t, planted)
	h.interruptedImport(t, planted["note"])

	k := h.secrets(t)
	for name, key := range map[string][]byte{"pod key": k.pod, "database key": k.database, "token secret": k.token} {
		planted[name] = string(key)
	}
	planted["token"], planted["passphrase"] = h.key, passphrase
	found, files := leaksUnder(t, planted, h.pods, h.tmp, filepath.Join(h.dir, "serve.log"))
	for _, f := range found {
		t.Error(f)
	}
	if files < 5 {
		t.Errorf("only %d files were searched", files)
	}
}

// source writes what is imported and returns the markers in it by where they stand.
func (h *home) source(t *testing.T) map[string]string {
	t.Helper()
	m := make(map[string]string)
	for _, place := range []string{"subject", "body", "sender", "attachment", "attachment name", "note", "note name", "card", "file", "update", "title"} {
		m[place] = newMarker(t, 24)
	}
	var mail strings.Builder
	for i := range 30 {
		fmt.Fprintf(&mail, "From x@example.org Mon Jan  5 10:00:00 2026\r\nFrom: %s <x%d@example.org>\r\nTo: y@example.org\r\n"+
			"Subject: about %s\r\nDate: Mon, 5 Jan 2026 10:00:%02d +0000\r\nMessage-ID: <%d@example.org>\r\nMIME-Version: 1.0\r\n"+
			"Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\nContent-Type: text/plain\r\n\r\nread %s\r\n"+
			"--bb\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"%s.bin\"\r\n"+
			"Content-Transfer-Encoding: base64\r\n\r\n%s\r\n--bb--\r\n\r\n",
			m["sender"], i, m["subject"], i, i, m["body"], m["attachment name"], base64.StdEncoding.EncodeToString([]byte("  "+m["attachment"])))
	}
	h.file(t, "in/mail.mbox", mail.String())
	for i := range 30 {
		h.file(t, fmt.Sprintf("in/vault/%s %d.md", m["note name"], i), fmt.Sprintf("---\ntags: [%s]\n---\n# %[1]s\n\nabout %[1]s %d\n", m["note"], i))
	}
	h.file(t, "in/cards.vcf", fmt.Sprintf("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:%s\r\nEMAIL:%[1]s@example.org\r\nEND:VCARD\r\n", m["card"]))
	h.file(t, "in/large.bin", strings.Repeat(m["file"]+" ", 20_000))
	return m
}

// life does all that can be done with a pod, from the command line and over HTTP.
func (h *home) life(t *testing.T, m map[string]string) {
	t.Helper()
	h.must(t, "import", filepath.Join(h.dir, "in"), "--yes")
	if out := h.must(t, "search", m["note"]); !strings.Contains(out, m["note"]) {
		t.Fatalf("what was imported is not found: %s", out)
	}
	for i := range 3 {
		var it locket.Item
		h.mustJSON(t, &it, "add", "Note", "name="+m["title"], "text="+m["body"])
		h.must(t, "op", "items.update", string(it.ID), "--props", `{"text":"`+m["update"]+`"}`)
		h.must(t, "history", string(it.ID))
		if i > 0 {
			h.must(t, "op", "items.delete", string(it.ID))
		}
		if i > 1 {
			h.must(t, "op", "items.erase", string(it.ID), "--yes")
		}
	}
	h.must(t, "list", "--order", "name")
	h.must(t, "export", "-")
	h.run(t, "search", `"`+m["body"]+` `+m["title"]) // not closed; whatever the answer
	h.run(t, "add", "Note", m["title"]+"="+m["body"])
	s := h.serve(t, "--verbose")
	h.httpLife(t, s.client(t), m)
	s.kill()
}

// httpLife sends requests that succeed and such that fail, with markers in paths,
// queries and bodies.
func (h *home) httpLife(t *testing.T, c *client.Client, m map[string]string) {
	t.Helper()
	it, err := c.Create(t.Context(), "Note", map[string]any{"name": m["title"], "text": m["body"]})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Search(t.Context(), locket.Search{Text: m["body"]}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutBlob(t.Context(), strings.NewReader(strings.Repeat(m["file"], 10_000))); err != nil {
		t.Fatal(err)
	}
	_, err1 := c.Get(t.Context(), locket.ItemID(m["title"]))
	_, err2 := c.Create(t.Context(), m["title"], map[string]any{m["body"]: m["update"]})
	_, err3 := c.Update(t.Context(), it.ID, 7, map[string]any{"text": m["update"]})
	if err1 == nil || err2 == nil || err3 == nil {
		t.Errorf("bad requests were accepted: %v, %v, %v", err1, err2, err3)
	}
}

// interruptedImport kills a server in the middle of an import.
func (h *home) interruptedImport(t *testing.T, marker string) {
	t.Helper()
	const messages = 20_000
	var mail strings.Builder
	for i := range messages {
		fmt.Fprintf(&mail, "From x@example.org Mon Jan  5 10:00:00 2026\nFrom: x@example.org\nSubject: %s %d\nMessage-ID: <k%d@example.org>\n\n%s\n\n",
			marker, i, i, strings.Repeat(marker+" ", 10))
	}
	s := h.serve(t)
	r, err := http.NewRequestWithContext(t.Context(), "POST", "/v1/imports?name=k.mbox", strings.NewReader(mail.String()))
	if err != nil {
		t.Fatal(err)
	}
	err = s.client(t).Follow(r, func(p locket.Progress) {
		if p.Unit == "bytes" && p.Done > 0 { // and not before it, while files are recognised
			s.kill()
		}
	}, nil)
	var stats locket.Stats
	h.mustJSON(t, &stats, "op", "stats.get")
	if n := stats.ByType["Message"]; err == nil || n < 100 || n >= messages {
		t.Errorf("the import was not interrupted in the middle: %d messages are there, error %v", n, err)
	}
}

// TestLeakControl shows that the search finds each form, in text and in a plain
// database.
func TestLeakControl(t *testing.T) {
	dir := t.TempDir()
	secret := newMarker(t, 24)
	for form, pattern := range forms(secret) {
		if err := os.WriteFile(filepath.Join(dir, form), append([]byte("some text "), pattern...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found, _ := leaksUnder(t, map[string]string{"marker": secret}, dir); len(found) < len(forms(secret)) {
		t.Errorf("found only %q", found)
	}
	for lead := range 4 {
		text := base64.StdEncoding.EncodeToString([]byte("abcd"[:lead] + secret + "xyz"))
		if len(leaks("", []byte(text), map[string]string{"marker": secret})) == 0 {
			t.Errorf("not found in base64 after %d bytes", lead)
		}
	}
	plain := filepath.Join(t.TempDir(), "plain.db")
	db, err := sql.Open("sqlite", plain)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), `CREATE TABLE t(x); INSERT INTO t VALUES(?)`, secret)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if found, _ := leaksUnder(t, map[string]string{"marker": secret}, filepath.Dir(plain)); len(found) == 0 {
		t.Error("not found in a plain database")
	}
}
