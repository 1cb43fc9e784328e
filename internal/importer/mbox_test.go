package importer

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestMboxVariants(t *testing.T) {
	raw := readFixture(t, "mail/variants.mbox")
	recs := readAll(t, mboxFormat(), "mail/Family.mbox", raw)
	if len(recs) != 5 {
		t.Fatalf("%d records, want 5", len(recs))
	}
	if recs[4].Err == nil || len(rawOf(t, recs[4])) != 0 {
		t.Errorf("the message without a byte was not rejected: %+v", recs[4])
	}
	body := recs[0].Items[0].Props["text"].(string)
	for _, want := range []string{"\nFrom anna@example.com Mon", "From Rome", "\nFrom the old", "\n>From deeper"} {
		if !strings.Contains(body, want) {
			t.Errorf("the first text lacks %q: %q", want, body)
		}
	}
	if !bytes.Contains(rawOf(t, recs[0]), []byte("\n>>From deeper")) {
		t.Error("the raw message was changed")
	}
	for i, want := range []string{"Anna Arndt <anna@example.com>", "Ben <ben@example.org>", "Carl Carlson <carl@example.net>", "dora@example.com"} {
		if got := recs[i].Items[0].Props["sender"]; got != want {
			t.Errorf("sender %d: %q, want %q", i, got, want)
		}
		if got := recs[i].Items[0].Props["folder"]; got != "Family" {
			t.Errorf("folder %d: %q", i, got)
		}
		at, _ := strconv.Atoi(strings.TrimPrefix(recs[i].Where, "byte "))
		if !bytes.HasPrefix(raw[at:], []byte("From ")) {
			t.Errorf("record %d is not at its separator: %s", i, recs[i].Where)
		}
	}
	for _, r := range recs[1:3] {
		if !slices.Contains(r.Links, Link{r.Items[0].Key, "isPartOf", "thread:one@example.com"}) {
			t.Errorf("not filed under the root of its thread: %v", r.Links)
		}
	}
	if !slices.Contains(recs[2].Links, Link{recs[2].Items[0].Key, "inReplyTo", "mid:two@example.org"}) {
		t.Errorf("no link to the parent: %v", recs[2].Links)
	}
	if got := recs[1].Items[0].Props["keywords"]; !slices.Equal(got.([]any), []any{"Inbox", "Family"}) {
		t.Errorf("keywords %v", got)
	}
	if _, ok := recs[3].Items[0].Props["dateSent"]; ok || !strings.Contains(recs[3].Note, "date") {
		t.Errorf("a date of 1970 was taken: %v", recs[3].Note)
	}
}

func TestMboxSeparator(t *testing.T) {
	const header = "Subject: x\n"
	for _, c := range []struct {
		line, next string
		blank      bool
		want       bool
	}{
		{"From a@b.c Mon Oct  5 04:41:25 2020\n", header, true, true},
		{"From a@b.c Mon Oct  5 04:41:25 2020\r\n", "", true, true},
		{"From a at b.c  Mon Oct  5 04:41:25 2020\n", header, true, true},
		{"From a=b-c@d.e  Mon Oct  5 04:41 CEST 2020\n", header, true, true},
		{"From a@b.c Mon Oct  5 04:41:25 2020\n", header, false, false},
		{"From 123@xxx\n", header, true, true},
		{"From 123@xxx\n", "no header\n", true, false},
		{"From - \n", header, false, true},
		{"From - Tue Mar 04 03:33:20 2003\n", header, false, true},
		{"From - to\n", "no header\n", true, false},
		{"From now on\n", header, true, false},
		{"From: a@b.c\n", header, true, false},
		{">From a@b.c Mon Oct  5 04:41:25 2020\n", header, true, false},
		{"From \n", header, true, false},
	} {
		if got := isMboxSeparator([]byte(c.line), []byte(c.next), c.blank); got != c.want {
			t.Errorf("%q, blank %v: %v, want %v", c.line, c.blank, got, c.want)
		}
	}
}

// TestMboxCorpus compares with the number of messages that the README of the sample
// data gives, and with the messages that stand beside one mail box byte for byte.
func TestMboxCorpus(t *testing.T) {
	dir := corpus(t, "mbox")
	for _, c := range []struct {
		file               string
		messages, distinct int
	}{
		{"listserv-3gpp-sa-wg4-evs.mbox", 50, 49},
		{"mimekit-issue1189-gmail.mbox", 4, 4},
		{"mimekit-simple.mbox", 3, 3},
		{"pipermail-bigbang-dev-test.txt", 6, 6},
		{"pipermail-numpy-2001-November.txt", 164, 82},
		{"ponymail-dev-2020-10.mbox", 1, 1},
		{"ponymail-users-2022-01.mbox", 6, 6},
		{"rlug.mbox", 5, 5},
	} {
		raw := readCorpus(t, dir, c.file)
		keys := map[string]bool{}
		recs := readAll(t, mboxFormat(), c.file, raw)
		for i, r := range recs {
			if r.Err != nil {
				t.Errorf("%s %s: %v", c.file, r.Where, r.Err)
				continue
			}
			keys[r.Items[0].Key] = true
			if c.file == "rlug.mbox" {
				if want := readCorpus(t, dir, "rlug.expected-message-"+strconv.Itoa(i)+".txt"); !bytes.Equal(rawOf(t, r), want) {
					t.Errorf("message %d of rlug is not what upstream reads", i)
				}
			}
		}
		if len(recs) != c.messages || len(keys) != c.distinct {
			t.Errorf("%s: %d messages, %d distinct; want %d, %d", c.file, len(recs), len(keys), c.messages, c.distinct)
		}
		if got := choose([]Format{mboxFormat(), emlFormat()}, c.file, raw[:min(len(raw), HeadSize)]).Name; got != "mbox" {
			t.Errorf("%s is recognised as %s", c.file, got)
		}
	}
	gmail := readAll(t, mboxFormat(), "x.mbox", readCorpus(t, dir, "mimekit-issue1189-gmail.mbox"))
	items := gmail[1].Items
	if file := items[len(items)-1]; file.Type != "File" || file.Props["encodingFormat"] != "application/x-zip-compressed" ||
		file.Props["contentSize"].(int64) == 0 {
		t.Errorf("the attachment of the second message: %+v", file)
	}
}

// TestMboxLarge reads a message beyond the limit: it is rejected, its raw form can be
// had, and the messages around it are read.
func TestMboxLarge(t *testing.T) {
	const head = "From a@b.c Mon Oct  5 04:41:25 2020\n"
	small, large := "Subject: small\n\ntext\n\n", "Subject: large\n\n"+strings.Repeat("x", 200)+"\n\n"
	all := head + small + head + large + head + small
	split := newMboxSplitter(strings.NewReader(all), 100)
	var got []bool
	for {
		m, err := split.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.raw != nil)
		rc, err := section(fileOf("x", []byte(all)), m.start, m.end)()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		if err = errors.Join(err, rc.Close()); err != nil {
			t.Fatal(err)
		}
		if m.raw != nil && !bytes.Equal(b, m.raw) || m.raw == nil && string(b) != large {
			t.Errorf("section gives %q", b)
		}
	}
	if !slices.Equal(got, []bool{true, false, true}) {
		t.Errorf("held: %v", got)
	}
}

func TestMboxReadError(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("From a@b.c Mon Oct  5 04:41:25 2020\nSubject: x\n"), failing{})
	f := &File{Path: "x.mbox", Open: func() (io.ReadCloser, error) { return io.NopCloser(broken), nil }}
	n := 0
	err := mboxFormat().Read(t.Context(), f, func(Record) error { n++; return nil })
	if !errors.Is(err, errFailing) || n != 1 {
		t.Errorf("%d records, %v; want what was read and then the error", n, err)
	}
}

var errFailing = errors.New("the disk fails")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errFailing }

// FuzzMbox checks that separators and messages are the whole file, in order.
func FuzzMbox(f *testing.F) {
	seed(f, "mail/*.mbox")
	f.Add([]byte("0\nFrom \n000"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		split := newMboxSplitter(bytes.NewReader(raw), len(raw))
		at := int64(0)
		for {
			m, err := split.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.at != at || m.start < m.at || m.end < m.start || m.separated != (m.start > m.at) {
				t.Fatalf("%+v begins after %d", m, at)
			}
			if m.separated && !bytes.HasPrefix(raw[m.at:], []byte("From ")) {
				t.Fatalf("no separator at %d", m.at)
			}
			if !bytes.Equal(m.raw, raw[m.start:m.end]) {
				t.Fatalf("bytes %d to %d are not those of the file", m.start, m.end)
			}
			at = m.end
		}
		if at != int64(len(raw)) {
			t.Fatalf("%d of %d bytes came out", at, len(raw))
		}
	})
}

// BenchmarkMbox parses a real list archive, message by message.
func BenchmarkMbox(b *testing.B) {
	dir := corpus(b, "mbox")
	for _, name := range []string{"ponymail-users-2022-01.mbox", "pipermail-numpy-2001-November.txt", "listserv-3gpp-sa-wg4-evs.mbox"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				err := mboxFormat().Read(b.Context(), fileOf(name, raw), func(Record) error { n++; return nil })
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
