package importer_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/importer"
)

// Everything in the sample data, hostile files included, ends in the ledger, and
// a second run imports nothing.
func TestSampleDataAddsUp(t *testing.T) {
	v := newPod(t)
	dir := sample(t)
	first := run(t, v, dir)
	files := make(map[string]bool) // in the ledger
	for _, e := range ledger(t, v, first.ID) {
		files[e.File] = true
	}
	err := open(t, dir).Walk(t.Context(), func(f *importer.File) error {
		if _, ignored := importer.Fate(f); !ignored && !files[f.Path] {
			t.Errorf("%s is not in the ledger", f.Path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before := stats(t, v)
	second := run(t, v, dir)
	if second.Imported != 0 || second.Read != first.Read || second.Rejected != first.Rejected {
		t.Errorf("second run: %+v\nfirst run:  %+v", second.Import, first.Import)
	}
	if after := stats(t, v); fmt.Sprint(after.ByType, after.Edges, after.Blobs) != fmt.Sprint(before.ByType, before.Edges, before.Blobs) {
		t.Errorf("after the second run: %+v\nafter the first: %+v", after, before)
	}
}

// The numbers are those of the sample data's README. It counts links within a note
// and empty ones too, so of tasks-demo's 82 links and 30 embeds 58 and 29 lead to
// other files.
func TestSampleVaults(t *testing.T) {
	for _, c := range []struct {
		vault                      string
		notes, files               int64
		links, embeds, distinctTag int
		task                       int // occurrences of #task
		missing                    string
	}{
		{"tasks-demo", 205, 220, 58, 29, 22, 920, "broken link - do not fix me, pa"},
		{"foam-docs", 86, 94, 199, 0, 3, 0, "cli-grep, publishing"},
		{"obsidian-export-input", 44, 48, 31, 15, 0, 0, "non-existing note"},
	} {
		t.Run(c.vault, func(t *testing.T) {
			dir := sample(t, "vaults", c.vault)
			links, embeds, tags := scanVault(t, os.DirFS(dir))
			if len(links) != c.links || len(embeds) != c.embeds || len(tags) != c.distinctTag || tags["task"] != c.task {
				t.Errorf("%d links, %d embeds, tags %v", len(links), len(embeds), tags)
			}
			missing := importer.Missing(t.Context(), open(t, dir), append(links, embeds...))
			if got := strings.Join(missing, ", "); got != c.missing {
				t.Errorf("links that lead nowhere: %q, want %q", got, c.missing)
			}
			v := newPod(t)
			r := run(t, v, dir)
			if st := stats(t, v); st.ByType["Note"] != c.notes || r.Read != c.files || r.Imported+r.Duplicate != c.files {
				t.Errorf("%v, %+v", st.ByType, r.Import)
			}
		})
	}
}

func scanVault(t testing.TB, vault fs.FS) (links, embeds []string, tags map[string]int) {
	t.Helper()
	tags = make(map[string]int)
	err := fs.WalkDir(vault, ".", func(p string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(p) != ".md" {
			return err
		}
		note, err := fs.ReadFile(vault, p)
		l, e, tt := importer.WikiLinks(string(note))
		links, embeds = append(links, l...), append(embeds, e...)
		for _, tag := range tt {
			tags[tag]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return links, embeds, tags
}

// Odd but valid archives, and hostile ones: entries imported, and what is rejected
// for which reason.
func TestSampleArchives(t *testing.T) {
	const (
		link   = "symbolic link"
		notZip = "not a readable zip archive"
		method = "packed by a method"
		unread = "cannot be read"
	)
	for _, c := range []struct {
		file string
		good int64
		bad  []string // beginnings of reasons
	}{
		{"archives/tar/commons-compress-archive_with_trailer.tar", 2, nil},
		{"archives/tar/commons-compress-bla.tgz", 2, nil},
		{"archives/zip/commons-compress-OSX_ArchiveWithNestedArchive.zip", 3, nil},
		{"archives/zip/commons-compress-SHRUNK.ZIP", 0, []string{method, method}},
		{"archives/zip/commons-compress-archive_with_bytes_after_data.zip", 2, nil},
		{"archives/zip/commons-compress-archive_with_trailer.zip", 2, nil},
		{"archives/zip/commons-compress-utf8-winzip-test.zip", 3, nil},
		{"archives/zip/yauzl-NtfsTimestamp.zip", 1, nil},
		{"archives/zip/yauzl-directories.zip", 1, nil},
		{"archives/zip/yauzl-empty.zip", 0, nil},
		{"archives/zip/yauzl-linux-info-zip.zip", 2, nil},
		{"archives/zip/yauzl-traditional-encryption.zip", 0, []string{"encrypted"}},
		{"archives/zip/yauzl-unicode.zip", 2, nil},
		{"archives/zip/yauzl-unix-epoch.zip", 1, nil},
		{"archives/zip/yauzl-zip64.zip", 2, nil},
		{"notes/notion/Notion.Test.Export.zip", 281, nil},
		{"hostile/long-names/commons-compress-long-name.zip", 0, []string{"its path is longer"}},
		{"hostile/tar-malformed/COMPRESS-178-fail.tar", 0, []string{"damaged after 0 entries"}},
		{"hostile/tar-malformed/COMPRESS-529-fail.tar", 0, []string{"damaged after 0 entries"}},
		{"hostile/tar-malformed/COMPRESS-544_truncated_in_content-fail.tar", 1, []string{unread, "damaged after 3 entries"}},
		{"hostile/tar-malformed/COMPRESS-569-fail.tar", 0, []string{"damaged after 0 entries"}},
		{"hostile/zip-bomb/yauzl-big-compression.zip", 1, nil}, // 135 kB: a small bomb is a file like any other
		{"hostile/zip-malformed/COMPRESS-548.zip", 0, []string{notZip}},
		{"hostile/zip-malformed/absolute-path-C-xt.zip", 1, []string{"its name is an absolute path"}},
		{"hostile/zip-malformed/commons-compress-bla-stored-dd-contradicts-actualsize.zip", 1, []string{unread}},
		{"hostile/zip-malformed/commons-compress-invalid-zip.zip", 0, []string{notZip}},
		{"hostile/zip-malformed/file-data-overflows-file-bounds-63-2147483647-308.zip", 1, []string{"expands more than 1000 to 1"}},
		{"hostile/zip-malformed/invalid-local-file-header-signature-0x3034b50.zip", 1, []string{unread}},
		{"hostile/zip-malformed/invalid-relative-path-xt.zip", 1, []string{"its name leads out"}},
		{"hostile/zip-malformed/invalid-zip64-end-of-central-directory-record-signature.zip", 0, []string{notZip}},
		{"hostile/zip-malformed/not-enough-bytes-in-the-stream-expected-2048576-got-only-1000000.zip", 0, []string{unread}},
		{"hostile/zip-malformed/strong-encryption-is-not-supported.zip", 0, []string{"encrypted"}},
		{"hostile/zip-malformed/unsupported-compression-method-1.zip", 1, []string{method}},
		{"hostile/zip-malformed/zip64-extended-information-extra-field-does-not-include-compressed-size.zip", 0, []string{notZip}},
		{"hostile/zip-symlink/COMPRESS-214_unix_symlinks.zip", 2, []string{link, link, link, link, link, link, link, link, link}},
	} {
		v := newPod(t)
		r := run(t, v, sample(t, strings.Split(c.file, "/")...))
		var bad []string
		for _, e := range ledger(t, v, r.ID) {
			if e.Outcome == locket.Rejected {
				bad = append(bad, e.Reason)
			}
		}
		fits := len(bad) == len(c.bad)
		for i := 0; fits && i < len(bad); i++ {
			fits = strings.HasPrefix(bad[i], c.bad[i])
		}
		if got := r.Imported + r.Duplicate; got != c.good || !fits {
			t.Errorf("%s: %d good, want %d; rejected %q, want %q", c.file, got, c.good, bad, c.bad)
		}
	}
}

func TestSampleZipNames(t *testing.T) {
	for file, want := range map[string][]string{
		"commons-compress-utf8-winzip-test.zip": {"€_for_Dollar.txt", "Ölfässer.txt", "ascii.txt"},
		"yauzl-unicode.zip": {
			"Turmion Kätilöt/Hoitovirhe/Rautaketju.mp3", "Turmion Kätilöt/Pirun nyrkki/Mistä veri pakenee.mp3",
		},
	} {
		var got []string
		err := open(t, sample(t, "archives", "zip", file)).Walk(t.Context(), func(f *importer.File) error {
			got = append(got, f.Path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		check(t, got, want...)
	}
}
