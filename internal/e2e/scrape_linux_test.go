package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestDiskScrape looks into all that commands write, to whatever file. The controls
// are what they print, and a file that is to be in the clear.
func TestDiskScrape(t *testing.T) {
	need(t, "strace")
	h := newHome(t)
	planted := h.manyRows(t)
	export := filepath.Join(h.dir, "clear.tar")
	recipient, identity := h.ageKeys(t)
	for _, tt := range []struct {
		args    []string
		writes  int  // to files, at least
		leaks   bool // into files
		printed bool // on standard output
	}{
		{args: []string{"import", filepath.Join(h.dir, "in"), "--yes"}, writes: 500},
		{args: []string{"search", planted["body"]}, printed: true},
		{args: []string{"search", planted["note"], "--order", "newest", "--limit", "200"}, printed: true},
		{args: []string{"list", "--order", "name", "--limit", "1000"}, printed: true},
		{args: []string{"list", "--type", "Message", "--order", "-time", "--limit", "1000"}, printed: true},
		{args: []string{"export", "-"}, printed: true},
		{args: []string{"export", export}, writes: 1, leaks: true},
		{args: []string{"export", filepath.Join(h.dir, "sealed.age"), "--age-recipient", recipient}, writes: 10},
		{args: []string{"import", filepath.Join(h.dir, "sealed.age"), "--yes", "--age-identity", identity}, writes: 1},
	} {
		w := h.traceWrites(t, planted, tt.args...)
		name := strings.ReplaceAll(strings.Join(tt.args, " "), h.dir, "")
		t.Logf("%s: %d writes to files, %d to the standard streams and pipes", name, w.files, w.streams)
		if w.files < tt.writes {
			t.Errorf("%s: only %d writes to files were seen", name, w.files)
		}
		if tt.leaks != (len(w.leaks) > 0) {
			t.Errorf("%s: found in files: %.20q; should be: %t", name, w.leaks, tt.leaks)
		}
		if tt.printed && w.printed == 0 {
			t.Errorf("%s: not found in what it printed", name)
		}
	}
}

// manyRows writes mail and notes to import, more than a page of results, and returns
// the markers in them.
func (h *home) manyRows(t *testing.T) map[string]string {
	t.Helper()
	m := make(map[string]string)
	for _, place := range []string{"subject", "body", "note", "note name"} {
		m[place] = newMarker(t, 24)
	}
	var mail strings.Builder
	for i := range rounds(3000, 1500, 300) {
		fmt.Fprintf(&mail, "From x@example.org Mon Jan  5 10:00:00 2026\nFrom: X <x@example.org>\nTo: y@example.org\n"+
			"Subject: %05d %s\nDate: Mon, 5 Jan 2026 10:%02d:%02d +0000\nMessage-ID: <%d@example.org>\n\n%s\n\n",
			(i*7919)%10_000, m["subject"], i/60%60, i%60, i, strings.Repeat(m["body"]+" ", 40))
	}
	h.file(t, "in/mail.mbox", mail.String())
	for i := range rounds(500, 300, 100) {
		h.file(t, fmt.Sprintf("in/vault/%05d %s.md", (i*7919)%10_000, m["note name"]), strings.Repeat("about "+m["note"]+"\n", 100))
	}
	return m
}

// writes is what was seen of the write calls of a command.
type writes struct {
	files   int      // calls that write to files
	streams int      // calls that write to the standard streams and pipes
	leaks   []string // what was found in the former
	printed int      // calls that write something of it to standard output
}

// traceWrites runs a command under strace and looks for the secrets in what it writes.
func (h *home) traceWrites(t *testing.T, secrets map[string]string, args ...string) (w writes) {
	t.Helper()
	r, tr := h.traceDisk(t, args...)
	if r.status != 0 {
		t.Fatalf("locket %q: exit status %d\n%s", args, r.status, r.err)
	}
	for _, call := range tr.writes {
		found := leaks(call.file, call.data, secrets)
		if call.onDisk() {
			w.files++
			w.leaks = append(w.leaks, found...)
			continue
		}
		if w.streams++; call.fd == "1" && len(found) > 0 {
			w.printed++
		}
	}
	return w
}
