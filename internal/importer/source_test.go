package importer_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/importer"
)

// walk lists a tree: "path=content" for what can be read, "path!reason" for what
// is refused, "path?" for what is ignored.
func walk(t testing.TB, tr *importer.Tree) []string {
	t.Helper()
	var got []string
	err := tr.Walk(t.Context(), func(f *importer.File) error {
		got = append(got, line(t, f))
		return nil
	})
	if err != nil {
		t.Fatalf("walk: %v", err)
	}
	return got
}

func line(t testing.TB, f *importer.File) string {
	t.Helper()
	refused, ignored := importer.Fate(f)
	switch {
	case ignored:
		return f.Path + "?"
	case refused != "":
		return f.Path + "!" + refused
	}
	r, err := f.Open()
	if err != nil {
		return f.Path + "=" + err.Error()
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return f.Path + "=" + err.Error()
	}
	return f.Path + "=" + clipped(string(b))
}

func clipped(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

func check(t testing.TB, got []string, want ...string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got:\n%s\nwant:\n%s", g, w)
	}
}

func TestFolder(t *testing.T) {
	dir := folder(t, "stuff", map[string]string{
		"a.txt": "A", "sub/b.txt": "B", ".DS_Store": "x", ".git/config": "x", "._a.txt": "x",
	})
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("sub", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	inner := makeZip(t, zip.Deflate, entry{name: "deep.txt", content: "deep"})
	write(t, filepath.Join(dir, "x.zip"), string(makeZip(t, zip.Deflate,
		entry{name: "in.txt", content: "in"}, entry{name: "y.zip", content: string(inner)})))
	check(t, walk(t, open(t, dir)),
		".DS_Store?", "._a.txt?", ".git?", "a.txt=A",
		"link!symbolic link; what it leads to is not imported",
		"loop!symbolic link; what it leads to is not imported",
		"sub/b.txt=B", "x.zip/in.txt=in", "x.zip/y.zip/deep.txt=deep")
}

func TestEscapingNames(t *testing.T) {
	for name, want := range map[string]string{
		"../up":                        "its name leads out of the archive",
		"a/../../up":                   "its name leads out of the archive",
		"/etc/passwd":                  "its name is an absolute path",
		"C:/x":                         "its name is an absolute path",
		"c:x":                          "its name is an absolute path",
		`a\..\..\x`:                    `its name holds a backslash ("\")`,
		strings.Repeat("a/", 65) + "f": "it lies more than 64 folders deep",
		strings.Repeat("n", 5000):      "its path is longer than 4096 bytes",
		"./a//b.txt":                   "",
		"a..b/...txt":                  "",
	} {
		for _, source := range []*importer.Tree{
			tree("s.zip", makeZip(t, zip.Store, entry{name: name, content: "hi"}, entry{name: "good", content: "ok"})),
			tree("s.tar", makeTar(t, entry{name: name, content: "hi"}, entry{name: "good", content: "ok"})),
			tree("s.tgz", compress(t, makeTar(t, entry{name: name, content: "hi"}, entry{name: "good", content: "ok"}))),
		} {
			got := walk(t, source)
			if len(got) != 2 || got[1] != "good=ok" {
				t.Fatalf("%s %q: %q", source.Name(), name, got)
			}
			_, reason, _ := strings.Cut(got[0], "!")
			if reason != want {
				t.Errorf("%s %q: refused for %q, want %q", source.Name(), name, reason, want)
			}
		}
	}
	nul := makeZip(t, zip.Store, entry{name: "a\x00.txt", content: "x"})
	check(t, walk(t, tree("s.zip", nul)), "a\uFFFD.txt!its name holds a NUL character")
}

func TestTarKinds(t *testing.T) {
	kind := func(flag byte, target string) func(*tar.Header) {
		return func(h *tar.Header) { h.Typeflag, h.Linkname = flag, target }
	}
	b := makeTar(t,
		entry{name: "dir/", header: kind(tar.TypeDir, "")},
		entry{name: "dir/f", content: "F"},
		entry{name: "s", header: kind(tar.TypeSymlink, "/etc")},
		entry{name: "h", header: kind(tar.TypeLink, "dir/f")},
		entry{name: "p", header: kind(tar.TypeFifo, "")})
	want := []string{
		"dir/f=F", "s!symbolic link; what it leads to is not imported",
		"h!hard link; its content is that of another entry", "p!neither a file nor a folder",
	}
	check(t, walk(t, tree("k.tar", b)), want...)
	check(t, walk(t, tree("k.tar.gz", compress(t, b))), want...)
}

// A large entry of a compressed tar streams, can be opened twice, and still gives
// its own bytes after the walk has gone on.
func TestLargeEntryOfStream(t *testing.T) {
	big, other := noise(5<<20), noise(6 << 20)[1<<20:]
	b := compress(t, makeTar(t, entry{name: "big", content: big}, entry{name: "small", content: "s"},
		entry{name: "other", content: other}, entry{name: "last", content: big}))
	var first, skipped *importer.File
	err := tree("b.tgz", b).Walk(t.Context(), func(f *importer.File) error {
		switch f.Path {
		case "other":
			skipped = f
			return nil
		case "last":
			if got := content(t, skipped); got != other {
				t.Errorf("opened late: %d bytes, want %d, or other bytes", len(got), len(other))
			}
			return nil
		}
		want := map[string]string{"big": big, "small": "s"}[f.Path]
		for range 2 {
			if got := content(t, f); got != want {
				t.Errorf("%s: %d bytes, want %d, or other bytes", f.Path, len(got), len(want))
			}
		}
		if first == nil {
			first = f
		} else if got := content(t, first); got != big {
			t.Errorf("after %s the first file has %d bytes, or other bytes", f.Path, len(got))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func content(t testing.TB, f *importer.File) string {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDamagedArchives(t *testing.T) {
	whole := makeTar(t, entry{name: "a", content: "A"}, entry{name: "b", content: strings.Repeat("b", 5000)})
	check(t, walk(t, tree("cut.tar", whole[:3000])), "a=A", "b=unexpected EOF", "cut.tar!damaged after 2 entries: unexpected EOF")
	check(t, walk(t, tree("no.zip", []byte("not a zip"))), "no.zip!not a readable zip archive: zip: not a valid zip file")
	check(t, walk(t, tree("no.tgz", []byte("certainly not gzip"))), "no.tgz!not a readable archive: gzip: invalid header")
	z := makeZip(t, zip.Store, entry{name: "a", content: "AAAA"}, entry{name: "b", content: "BBBB"})
	z = bytes.Replace(z, []byte("AAAA"), []byte("AAAX"), 1)
	check(t, walk(t, tree("sum.zip", z)), "a=zip: checksum error", "b=BBBB")
}

func TestBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 110<<20)
	good := entry{name: "good", content: "ok"}
	const bomb = "expands more than 1000 to 1, as archive bombs do"
	check(t, walk(t, tree("b.zip", makeZip(t, zip.Deflate, entry{name: "zeros", content: zeros}, good))), "zeros!"+bomb, "good=ok")
	check(t, walk(t, tree("b.tgz", compress(t, makeTar(t, good, entry{name: "zeros", content: zeros})))),
		"good=ok", "zeros!"+bomb, "b.tgz!"+bomb)

	// Many innocent entries over the same bytes.
	one := makeZip(t, zip.Deflate, entry{name: "a", content: zeros[:1<<20]})
	check(t, walk(t, tree("o.zip", repeatDirectory(one, 2000))), "o.zip!"+bomb)
}

// repeatDirectory makes a zip with a single entry claim to have n of them.
func repeatDirectory(z []byte, n int) []byte {
	end := bytes.LastIndex(z, []byte("PK\x05\x06"))
	start := bytes.Index(z, []byte("PK\x01\x02"))
	dir, tail := z[start:end], bytes.Clone(z[end:])
	out := append(bytes.Clone(z[:start]), bytes.Repeat(dir, n)...)
	binary.LittleEndian.PutUint16(tail[8:], uint16(n))
	binary.LittleEndian.PutUint16(tail[10:], uint16(n))
	binary.LittleEndian.PutUint32(tail[12:], uint32(len(dir)*n))
	return append(out, tail...)
}

func TestLimits(t *testing.T) {
	l := importer.DefaultLimits()
	l.Directory, l.Entries, l.Inner = 200_000, 100, 1000
	opened := func(name string, b []byte) *importer.Tree {
		return importer.OpenReader(name, bytes.NewReader(b), int64(len(b)), l)
	}
	one := makeZip(t, zip.Store, entry{name: "a", content: "A"})
	const many = "many.zip!the zip archive has too many entries; unpack it and import the folder"
	check(t, walk(t, opened("many.zip", repeatDirectory(one, 101))), many)
	l.Entries = 1e6
	check(t, walk(t, opened("many.zip", repeatDirectory(one, 5000))), many)
	l.Entries = 100
	files := make(map[string]string)
	for i := range 101 {
		files[strings.Repeat("f", i+1)] = "x"
	}
	tr, err := importer.OpenPath(folder(t, "many", files), l)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	err = tr.Walk(t.Context(), func(*importer.File) error { return nil })
	if locket.CodeOf(err) != locket.CodeTooLarge {
		t.Errorf("101 files: %v, want code %s", err, locket.CodeTooLarge)
	}

	// A deflated archive in an archive is looked into only if it is small.
	inner := makeZip(t, zip.Store, entry{name: "n", content: noise(2000)})
	got := walk(t, opened("out.zip", makeZip(t, zip.Deflate, entry{name: "in.zip", content: string(inner)})))
	if len(got) != 1 || !strings.HasPrefix(got[0], "in.zip=PK") {
		t.Errorf("large inner archive: %.80q", got)
	}
	// A third level is a plain file.
	for range 3 {
		one = makeZip(t, zip.Store, entry{name: "in.zip", content: string(one)})
	}
	if got = walk(t, tree("out.zip", one)); len(got) != 1 || !strings.HasPrefix(got[0], "in.zip/in.zip=PK") {
		t.Errorf("nested archives: %.80q", got)
	}
}

func TestOpenPathErrors(t *testing.T) {
	_, err := importer.OpenPath(filepath.Join(t.TempDir(), "none"), importer.DefaultLimits())
	if locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("missing source: %v, want code %s", err, locket.CodeNotFound)
	}
}
