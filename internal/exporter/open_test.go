package exporter_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/demo"
	"github.com/locketpod/locket/internal/exporter"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/store"
)

// unpack writes the files of an export whose names begin with prefix into a folder.
func unpack(t *testing.T, files map[string]string, prefix string) (dir string, n int) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range files {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		n++
		p := filepath.Join(dir, filepath.FromSlash(name))
		check(t, os.MkdirAll(filepath.Dir(p), 0o700))
		check(t, os.WriteFile(p, []byte(content), 0o600))
	}
	return dir, n
}

// namesOf are the names of all items of a type that are not deleted.
func namesOf(t *testing.T, p *pod, typ string) (names []string) {
	t.Helper()
	for cursor := ""; ; {
		page, err := p.View(p.Owner).Query(t.Context(), locket.Query{Type: typ, Limit: 1000, Cursor: cursor})
		check(t, err)
		for _, it := range page.Items {
			name := it.Text("name")
			if typ != "Note" {
				name = strings.Join(strings.Fields(name), " ")
			}
			names = append(names, name)
		}
		if cursor = page.Next; cursor == "" {
			slices.Sort(names)
			return names
		}
	}
}

// TestOpenFormats reads Markdown, vCard and iCalendar with our own importer, which
// knows nothing of who wrote them.
func TestOpenFormats(t *testing.T) {
	p := newPod(t)
	_, err := demo.Fill(t.Context(), p.v, demo.Generate(2, demo.Today))
	check(t, err)
	p.write(func(w *store.Writer) error {
		for _, d := range []store.Draft{
			{Type: "Note", Props: props{"name": `a: "quoted" #1`, "text": "---\nnot front matter\n", "keywords": []any{"x", "y"}, "frontMatter": "rating: 5\ntags: [z]\n"}},
			{Type: "Person", Props: props{"name": "Ünal; Ömer, jr.", "email": []any{"u@example.com"}, "description": "two\nlines " + strings.Repeat("ü", 90), "address": []any{"1; Quay, 2"}}},
			{Type: "Event", Props: props{
				"name": "Weekly", "startDate": "2026-03-02T09:00:00Z", "endDate": "2026-03-02T10:00:00Z", "timeZone": "Europe/Berlin",
				"recurrence": "RRULE:FREQ=WEEKLY;COUNT=10", "organizer": "Ü <u@example.com>",
			}},
			{Type: "Event", Props: props{"name": "All day", "startDate": "2026-03-02T00:00:00Z", "endDate": "2026-03-03T00:00:00Z", "allDay": true}},
			{Type: "Event", Props: props{"name": "Some day", "keywords": []any{"todo"}}},
		} {
			if _, err := w.Create(d); err != nil {
				return err
			}
		}
		return nil
	})
	_, files := p.export(exporter.Options{})
	for _, tt := range []struct{ dir, typ, compare string }{
		{"notes/", "Note", "text keywords"},
		{"contacts/", "Person", "email birthDate description address"},
		{"calendar/", "Event", "startDate endDate allDay recurrence timeZone"},
	} {
		dir, n := unpack(t, files, tt.dir)
		want := namesOf(t, p, tt.typ)
		if n != len(want) {
			t.Errorf("%s has %d files, and the pod %d items", tt.dir, n, len(want))
		}
		q := newPod(t)
		tree, err := importer.OpenPath(dir, importer.DefaultLimits())
		check(t, err)
		r, err := importer.Run(t.Context(), q.v, tree, nil, importer.Options{})
		check(t, err)
		check(t, tree.Close())
		if r.Rejected > 0 || r.Imported != int64(len(want)) {
			t.Errorf("%s: %+v", tt.dir, r)
		}
		got := namesOf(t, q, tt.typ)
		if tt.typ == "Person" { // those of calendars are there, too, but not here
			got = slices.Compact(got)
			want = slices.Compact(want)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: names are not those of the pod:\n%.1000q\n%.1000q", tt.dir, got, want)
		}
		for _, name := range []string{`a: "quoted" #1`, "Ünal; Ömer, jr.", "Weekly", "All day"} {
			same(t, p, q, tt.typ, name, strings.Fields(tt.compare))
		}
	}
}

// same compares properties of the item of a name in two pods, where it is in the first.
func same(t *testing.T, p, q *pod, typ, name string, properties []string) {
	t.Helper()
	var found []locket.Item
	for _, x := range []*pod{p, q} {
		page, err := x.View(x.Owner).Query(t.Context(), locket.Query{Type: typ, Where: []locket.Condition{{Property: "name", Op: locket.OpEqual, Value: name}}})
		check(t, err)
		found = append(found, page.Items...)
	}
	if len(found) == 0 {
		return
	}
	if len(found) != 2 {
		t.Errorf("%s %q is there %d times", typ, name, len(found))
		return
	}
	for _, n := range properties {
		if a, b := fmt.Sprint(found[0].Props[n]), fmt.Sprint(found[1].Props[n]); a != b && !(n == "allDay" && a == "<nil>") && !(n == "timeZone" && found[0].Props["recurrence"] == nil) {
			if n == "keywords" && found[0].Props["frontMatter"] != nil {
				continue // the note's own front matter has the last word
			}
			t.Errorf("%s %q: %s is %s, and was %s", typ, name, n, b, a)
		}
	}
}

// readMail has Python's standard library read mail, and prints what it found.
const readMail = `
import email, email.policy, json, mailbox, os, sys
out = {"boxes": {}, "eml": {}}
for dir, _, names in os.walk(sys.argv[1]):
    for n in names:
        p = os.path.join(dir, n)
        if n.endswith(".mbox"):
            box = mailbox.mbox(p, create=False)
            out["boxes"][n] = [m.get("Message-ID") or "" for m in box]
        elif n.endswith(".eml"):
            m = email.message_from_binary_file(open(p, "rb"), policy=email.policy.compat32)
            out["eml"][os.path.relpath(p, sys.argv[1])] = m.get("Message-ID") or ""
print(json.dumps(out))
`

// TestMailForPython exports mail that was imported with its raw form, and some without.
func TestMailForPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("LOCKET_CI") == "1" {
			t.Fatal("python3 is not installed")
		}
		t.Skip("NOT TESTED: python3 is not installed")
	}
	p := newPod(t)
	var box strings.Builder
	raw := make(map[string]string) // by Message-ID
	for i := range 30 {
		m := fmt.Sprintf("From: Å <a@example.com>\nTo: b@example.com\nSubject: again\nMessage-ID: <%d@example.com>\n\n>From here\nno From there\n\nbody %d\n", i, i)
		raw[fmt.Sprintf("<%d@example.com>", i)] = m
		fmt.Fprintf(&box, "From a@example.com Mon Jan  5 10:00:00 2026\n%s\n", m)
	}
	p.load("in.mbox", []byte(box.String()))
	p.write(func(w *store.Writer) error {
		_, err := w.Create(store.Draft{Type: "Message", Props: props{
			"name": "näher\nzweite", "text": "From the start\nFrom the end\n", "sender": "Ö <o@example.com>", "toRecipient": []any{"b@example.com"},
			"identifier": "made@example.com", "folder": "in", "dateSent": "2026-01-05T10:00:00Z",
		}})
		return err
	})
	_, files := p.export(exporter.Options{})
	dir, _ := unpack(t, files, "mail/")
	b, err := exec.CommandContext(t.Context(), python, "-c", readMail, dir).Output()
	check(t, err)
	var out struct {
		Boxes map[string][]string
		Eml   map[string]string
	}
	check(t, json.Unmarshal(b, &out))
	total := 0
	for _, ids := range out.Boxes {
		total += len(ids)
	}
	if total != 31 || len(out.Eml) != 30 {
		t.Errorf("Python reads %d messages of mboxes and %d files; want 31 and 30: %v", total, len(out.Eml), out.Boxes)
	}
	for name, id := range out.Eml {
		if got := files[path.Join(filepath.ToSlash(name))]; strings.TrimRight(got, "\n") != strings.TrimRight(raw[id], "\n") {
			t.Errorf("%s is not as it came: %q, and was %q", name, got, raw[id])
		}
	}
	// And back: our own importer finds what it knew.
	q := newPod(t)
	for name, content := range files {
		if strings.HasSuffix(name, ".mbox") {
			q.load(path.Base(name), []byte(content))
		}
	}
	if a, b := namesOf(t, p, "Message"), namesOf(t, q, "Message"); !slices.Equal(a, b) {
		t.Errorf("messages %q, and were %q", b, a)
	}
}

// Names are such that Windows, macOS and Linux take them, and none takes another's
// place.
func TestNames(t *testing.T) {
	p := newPod(t)
	hostile := []string{
		"", ".", "..", "../../etc/passwd", "a/b\\c", "CON", "con.txt", "COM1", "nul.", "trailing. ", " lead", ".hidden", "._x", "Thumbs.db", "x\x01\u202ey",
		"Straße", "STRASSE", "é", "e\u0301", "É", strings.Repeat("long ", 100), strings.Repeat("等", 200), "a:b*c?d\"e<f>g|h", "__MACOSX", "file.a-very-long-extension",
	}
	for _, name := range hostile {
		blob, err := p.v.PutBlob(t.Context(), strings.NewReader(name))
		check(t, err)
		p.write(func(w *store.Writer) error {
			set := props{"name": name, "folder": name}
			if name == "" || strings.ContainsRune(name, 1) {
				delete(set, "folder")
			}
			for _, typ := range []string{"Note", "Person", "Event", "Message", "File"} {
				full := props{"name": name, "folder": set["folder"]}
				if typ == "File" {
					full["blob"], full["blobName"] = string(blob.ID), name
				}
				if _, err := w.Create(store.Draft{Type: typ, Props: full}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	_, files := p.export(exporter.Options{})
	folded := make(map[string]string)
	for name := range files {
		if !filepath.IsLocal(filepath.FromSlash(name)) || len(name) > 1200 {
			t.Errorf("%q leads elsewhere", name)
		}
		for _, part := range strings.Split(name, "/") {
			stem, _, _ := strings.Cut(strings.ToUpper(part), ".")
			if strings.ContainsAny(part, "<>:\"\\|?*\x01\u202e") || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") || part[0] == '.' || len(part) > 150 ||
				slices.Contains([]string{"CON", "NUL", "COM1", "__MACOSX"}, strings.TrimSpace(stem)) {
				t.Errorf("%q has a part that not every system takes", name)
			}
		}
		key := strings.ToLower(name)
		if other, taken := folded[key]; taken {
			t.Errorf("%q and %q are one on some systems", name, other)
		}
		folded[key] = name
	}
	roundTrip(t, p)
}
