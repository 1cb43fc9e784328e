package importer_test

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/store"
)

func TestMarkdownScan(t *testing.T) {
	for _, c := range []struct{ text, links, embeds, tags string }{
		{"[[A]] and [[b/C#h|x]], ![[pic.png]]", "A b/C", "pic.png", ""},
		{"[[#own]] [[^b]] [[|]] [[]] \\[[no]]", "", "", ""},
		{"| [[T\\|alias]] |", "T", "", ""},
		{"[[ [[In]] ]]", "In", "", ""},
		{"`[[code]]` ``a ` [[b]]`` [[real]]", "real", "", ""},
		{"a `span\nover #two [[lines]]` [[x]]", "x", "", ""},
		{"```go\n[[no]] #no\n```\n#yes", "", "", "yes"},
		{"- ```\n  #no\n  ```\n~~~\n``` #no\n~~~\n#yes", "", "", "yes"},
		{"```\nnever closed [[x]]", "", "", ""},
		{"#a #b/c #2026 #1a x#d (#e) #ü-_ ## no #👍 #f, #", "", "", "a b/c 1a ü-_ 👍 f"},
		{"[[A #b]] #c", "A", "", "c"},
	} {
		links, embeds, tags := importer.WikiLinks(c.text)
		got := [3]string{strings.Join(links, " "), strings.Join(embeds, " "), strings.Join(tags, " ")}
		if want := [3]string{c.links, c.embeds, c.tags}; got != want {
			t.Errorf("%q: got %q, want %q", c.text, got, want)
		}
	}
}

func TestFrontMatter(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\ntags: [*b, *b, *b, ok]"
	for _, c := range []struct{ matter, want string }{
		{"title: A title\ntags: [one, '#two', 3, two]\naliases: Other", "A title; [one two]; [f Other]; <nil>"},
		{"Tags: a, b c\nalias:\n- x\n-\n- y", "f; [a b c]; [x y]; <nil>"},
		{"date: 2026-01-02", "f; <nil>; <nil>; 2026-01-02 00:00:00 +0000 UTC"},
		{"created: 2026-01-02T03:04:05+02:00", "f; <nil>; <nil>; 2026-01-02 01:04:05 +0000 UTC"},
		{"created: someday", "f; <nil>; <nil>; <nil>"},
		{"# only a comment", "f; <nil>; <nil>; <nil>"},
		{bomb, "f; [ok]; <nil>; <nil>"},
		{"tags: [unclosed", "f; <nil>; <nil>; <nil>; front matter not understood"},
		{"just text", "f; <nil>; <nil>; <nil>; front matter not understood"},
		{"x: " + strings.Repeat("y", 70_000), "f; <nil>; <nil>; <nil>; front matter not understood"},
	} {
		v := newPod(t)
		r := run(t, v, folder(t, "v", map[string]string{"f.md": "---\n" + c.matter + "\n---\nbody"}))
		var n locket.Item
		for _, n = range items(t, v, "Note") {
		}
		got := fmt.Sprintf("%v; %v; %v; %v", n.Props["name"], n.Props["keywords"], n.Props["alternateName"], n.Props["dateCreated"])
		if reason := ledger(t, v, r.ID)[0].Reason; reason != "" {
			got += "; " + reason
		}
		if got != c.want {
			t.Errorf("%.60q:\ngot  %s\nwant %s", c.matter, got, c.want)
		}
		if n.Text("frontMatter") != c.matter+"\n" || n.Text("text") != "body" {
			t.Errorf("%.60q: front matter or text not kept: %.200v", c.matter, n.Props)
		}
	}
}

// A note keeps its identity while its content changes.
func TestNoteVersions(t *testing.T) {
	v := newPod(t)
	dir := folder(t, "vault", map[string]string{"a.md": "---\ntags: [old]\n---\nfirst", "b.md": "[[a]]"})
	run(t, v, dir)
	a := items(t, v, "Note")["a"]

	write(t, filepath.Join(dir, "a.md"), "second, [[b]] ![[p.png]]")
	write(t, filepath.Join(dir, "p.png"), "\x89PNG\r\n\x1a\n")
	r := run(t, v, dir)
	check(t, []string{fmt.Sprintf("%d imported, %d duplicate", r.Imported, r.Duplicate)}, "2 imported, 1 duplicate")
	if e := ledger(t, v, r.ID)[0]; e.Reason != "updated" || e.Item != a.ID {
		t.Errorf("ledger of a changed note: %+v, want item %s", e, a.ID)
	}
	now := items(t, v, "Note")["a"]
	if now.ID != a.ID || now.Text("text") != "second, [[b]] ![[p.png]]" || now.Props["keywords"] != nil || now.Props["frontMatter"] != nil {
		t.Errorf("changed note: %v", now)
	}
	check(t, edges(t, v, a.ID), "attachment p.png", "mentions b", "mentioned by b")

	// Edits made in the pod are not undone by importing the same file again.
	mine := map[string]any{"text": "mine"}
	if _, err := v.Write(t.Context(), func(w *store.Writer) error { _, err := w.Update(a.ID, 0, mine); return err }); err != nil {
		t.Fatal(err)
	}
	run(t, v, dir)
	if got := items(t, v, "Note")["a"].Text("text"); got != "mine" {
		t.Errorf("after importing again the text is %q", got)
	}
}

// A touched file is a duplicate, and a deleted note stays deleted though its file
// has changed.
func TestNoteTouchedOrDeleted(t *testing.T) {
	v := newPod(t)
	dir := folder(t, "vault", map[string]string{"a.md": "a", "b.md": "b"})
	run(t, v, dir)
	at := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(dir, "a.md"), at, at); err != nil {
		t.Fatal(err)
	}
	b := items(t, v, "Note")["b"].ID
	if _, err := v.Write(t.Context(), func(w *store.Writer) error { return w.Delete(b, 0) }); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "b.md"), "changed")
	if r := run(t, v, dir); r.Duplicate != 2 {
		t.Errorf("%+v", r.Import)
	}
}

// Importing an older export after a newer one does not bring the old state back.
func TestOlderExport(t *testing.T) {
	v := newPod(t)
	old := makeZip(t, zip.Store, entry{name: "a.md", content: "old"})
	newer := makeZip(t, zip.Store, entry{name: "a.md", content: "newer"})
	for i, want := range []string{"old", "newer", "newer"} {
		b := [][]byte{old, newer, old}[i]
		runTree(t, v, tree("vault.zip", b), importer.Options{})
		if got := items(t, v, "Note")["a"].Text("text"); got != want {
			t.Errorf("after import %d: %q, want %q", i+1, got, want)
		}
	}
}

// A file that took another's place is what a note embeds from then on.
func TestReplacedAttachment(t *testing.T) {
	v := newPod(t)
	dir := folder(t, "vault", map[string]string{"a.md": "![[p.png]]", "p.png": "old"})
	run(t, v, dir)
	write(t, filepath.Join(dir, "p.png"), "newer")
	write(t, filepath.Join(dir, "b.md"), "![[p.png]]")
	r := run(t, v, dir)
	b := items(t, v, "Note")["b"]
	page, err := v.Edges(t.Context(), b.ID, store.Out, "attachment", 10, "")
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%d attachments, %v", len(page.Items), err)
	}
	if got := blobOf(t, v, page.Items[0].Item, "blob"); got != "newer" || r.Dropped != 0 {
		t.Errorf("the note embeds %q", got)
	}
}

// edges lists what an item is linked with: "name target" and "name by source".
func edges(t testing.TB, v *store.View, id locket.ItemID) []string {
	t.Helper()
	page, err := v.Edges(t.Context(), id, store.Both, "", 100, "")
	if err != nil {
		t.Fatal(err)
	}
	var out, in []string
	for _, l := range page.Items {
		if l.Edge.Source == id {
			out = append(out, l.Edge.Name+" "+l.Item.Text("name"))
		} else {
			in = append(in, "mentioned by "+l.Item.Text("name"))
		}
	}
	return append(out, in...)
}

func TestResolve(t *testing.T) {
	v := newPod(t)
	files := map[string]string{
		"one/n.md":    "[[Same]] [[Other]] [[two/Same]] [[pics/p.png]] ![](../two/pics/p.png) [x](Same.md#h) [y](<Oth er.md>) [w](https://x.org/Same.md)",
		"one/Same.md": "1", "two/SAME.md": "2", "two/pics/p.png": "P", "two/oTHER.md": "3", "one/deep/x/Oth er.md": "4",
		"one/e.md": "[[caf\u00e9]]", "two/Cafe\u0301.md": "5", "one/missing.md": "[[nowhere]]",
		"top.md": "6", "three/top.md": "7", "three/four/q.md": "[[top]] [[four/r]]", "three/four/four/r.md": "8", "four/r.md": "9",
	}
	r := run(t, v, folder(t, "vault", files))
	if r.Dropped != 1 {
		t.Errorf("%d links dropped, want the one to nowhere", r.Dropped)
	}
	notes := items(t, v, "Note")
	check(t, edges(t, v, notes["n"].ID), "attachment p.png",
		"mentions Same", "mentions Oth er", "mentions SAME", "mentions oTHER", "mentions p.png")
	var places []string
	page, err := v.Edges(t.Context(), notes["q"].ID, store.Out, "mentions", 10, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range page.Items {
		places = append(places, l.Item.Text("folder")+"/"+l.Item.Text("name"))
	}
	slices.Sort(places)
	check(t, places, "vault/three/four/four/r", "vault/top")
	check(t, edges(t, v, notes["e"].ID), "mentions Cafe\u0301")
}

func TestNoteEncodings(t *testing.T) {
	for name, c := range map[string]struct{ raw, text, note string }{
		"BOM":     {"\xef\xbb\xbf---\ntags: x\n---\ny", "y", ""},
		"CRLF":    {"a\r\nb", "a\r\nb", ""},
		"UTF-16":  {"\xff\xfeh\x00i\x00", "hi", "not plain UTF-8, converted"},
		"Latin-1": {"caf\xe9", "caf\uFFFD", "not plain UTF-8, converted"},
		"NUL":     {"a\x00b", "ab", "not plain UTF-8, converted"},
		"empty":   {"", "", ""},
	} {
		v := newPod(t)
		r := run(t, v, folder(t, "v", map[string]string{"n.md": c.raw}))
		n := items(t, v, "Note")["n"]
		if n.Text("text") != c.text || ledger(t, v, r.ID)[0].Reason != c.note {
			t.Errorf("%s: %q, %q", name, n.Text("text"), ledger(t, v, r.ID)[0].Reason)
		}
		if c.note != "" && blobOf(t, v, n, "rawBlob") != c.raw {
			t.Errorf("%s: raw bytes not kept", name)
		}
	}
}

func TestNoteTooLarge(t *testing.T) {
	v := newPod(t)
	r := run(t, v, folder(t, "v", map[string]string{"n.md": strings.Repeat("word ", 1<<20)}))
	e := ledger(t, v, r.ID)[0]
	if e.Outcome != locket.Imported || e.Reason != "too large for a note, kept as a file" || items(t, v, "File")["n.md"].ID != e.Item {
		t.Errorf("%+v", e)
	}
}

// A note takes the time of its file unless it says otherwise.
func TestNoteTimes(t *testing.T) {
	dir := folder(t, "v", map[string]string{"a.md": "x", "b.md": "---\nupdated: 2020-05-06\n---\n"})
	at := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, f := range []string{"a.md", "b.md"} {
		if err := os.Chtimes(filepath.Join(dir, f), at, at); err != nil {
			t.Fatal(err)
		}
	}
	v := newPod(t)
	run(t, v, dir)
	notes := items(t, v, "Note")
	if got := notes["a"].Props["dateModified"]; got != at {
		t.Errorf("a: %v", got)
	}
	if got := notes["b"].Props["dateModified"]; got != time.Date(2020, 5, 6, 0, 0, 0, 0, time.UTC) {
		t.Errorf("b: %v", got)
	}
}
