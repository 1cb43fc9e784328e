package importer_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/locketpod/locket/internal/importer"
)

// A note of any bytes becomes one record whose texts can be stored and from which
// the file can be told.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{
		"", "---\n", "---\n---\n", "---\ntitle: T\ntags: [a, b]\nx: &a [*a]\n---\n# H #t [[L#h|a]] ![[e.png]]\n",
		"---\r\naliases: x\r\n---\r\n`#no` ``[[no`` [x](<a b.md> \"t\") | [[t\\|a]] |", "```\n[[a\n~~~ #b", "\xff\xfea\x00#\x00b\x00",
		"---\na: {b: [c, {d: e}]}\ncreated: 2026-01-01\n...\n---", "[[[[a]]]] ]] [[", "\xef\xbb\xbf#👍🏽 #a/b/1",
	} {
		f.Add([]byte(s))
	}
	markdown := importer.Formats()[0]
	for _, format := range importer.Formats() {
		if format.Name == "markdown" {
			markdown = format
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		err := tree("n.md", b).Walk(t.Context(), func(file *importer.File) error {
			records := 0
			err := markdown.Read(t.Context(), file, func(r importer.Record) error {
				records++
				checkNote(t, b, r)
				return nil
			})
			if records != 1 {
				t.Errorf("%d records", records)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func checkNote(t *testing.T, b []byte, r importer.Record) {
	props := r.Items[0].Props
	text, _ := props["text"].(string)
	matter, _ := props["frontMatter"].(string)
	if !utf8.ValidString(text+matter) || strings.ContainsRune(text+matter, 0) {
		t.Errorf("text that cannot be stored: %q, %q", matter, text)
	}
	if r.Raw == nil && (!bytes.HasSuffix(b, []byte(text)) || !bytes.Contains(b, []byte(matter))) {
		t.Errorf("the raw note is not kept, and it is more than %q and %q", matter, text)
	}
	keywords, _ := props["keywords"].([]any)
	for _, k := range keywords {
		if s := k.(string); s == "" || strings.ContainsAny(s, " \n#[]") {
			t.Errorf("tag %q", s)
		}
	}
}

func FuzzZip(f *testing.F) {
	seed := makeZip(f, zip.Deflate, entry{name: "a/b.txt", content: "hello"}, entry{name: "../c", content: "c"})
	f.Add(seed)
	f.Add(makeZip(f, zip.Store, entry{name: "in.zip", content: string(seed)}, entry{name: "d/"}))
	f.Add(repeatDirectory(makeZip(f, zip.Store, entry{name: "x", content: "y"}), 3))
	f.Add(seed[:len(seed)/2])
	f.Fuzz(func(t *testing.T, b []byte) { readTree(t, "s.zip", b) })
}

func FuzzTar(f *testing.F) {
	seed := makeTar(f, entry{name: "a/b.txt", content: "hello"}, entry{name: "/etc/x", content: "x"},
		entry{name: "l", header: func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "a" }},
		entry{name: strings.Repeat("long/", 40) + "n", content: "pax"})
	f.Add(seed)
	f.Add(seed[:len(seed)/2])
	f.Add(makeTar(f, entry{name: "in.tar", content: string(seed)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		readTree(t, "s.tar", b)
		readTree(t, "s.tgz", b)
		readTree(t, "s.tgz", compress(t, b))
	})
}

// readTree reads everything in a source of a few bytes. It must end, stay within
// bounds and give no path that leads elsewhere.
func readTree(t *testing.T, name string, b []byte) {
	l := importer.DefaultLimits()
	l.Bytes, l.Slack = 64<<20, 1<<20
	tr := importer.OpenReader(name, bytes.NewReader(b), int64(len(b)), l)
	_ = tr.Walk(t.Context(), func(f *importer.File) error { // a limit may end it
		refused, ignored := importer.Fate(f)
		if !utf8.ValidString(f.Path) {
			t.Errorf("path %q", f.Path)
		}
		if refused != "" || ignored {
			return nil
		}
		if !fs.ValidPath(f.Path) || strings.Contains(f.Path, `\`) {
			t.Errorf("path %q was let through", f.Path)
		}
		r, err := f.Open()
		if err != nil {
			return nil // accounted for when it is imported
		}
		n, err := io.Copy(io.Discard, r)
		if n > f.Size || err == nil && n != f.Size {
			t.Errorf("%s: %d bytes, declared %d", f.Path, n, f.Size)
		}
		return r.Close()
	})
}
