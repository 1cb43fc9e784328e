package importer

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/mail"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// corpus returns the path of a folder of the sample data that lies beside the
// checkout, and skips the test if it is not there.
func corpus(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		path := filepath.Join(dir, "shared", "data", filepath.FromSlash(name))
		if _, err := os.Stat(path); err == nil {
			return path
		}
		dir = filepath.Dir(dir)
	}
	if os.Getenv("LOCKET_CI") == "1" {
		t.Fatal("no sample data: shared/data must lie beside the checkout")
	}
	t.Skip("no sample data: put it into shared/data beside the checkout")
	return ""
}

func readCorpus(t testing.TB, dir, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func readFixture(t testing.TB, name string) []byte {
	t.Helper()
	return readCorpus(t, "testdata", name)
}

// seed gives a fuzzer the fixtures that match, and fails if there are none.
func seed(f *testing.F, pattern string) {
	f.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", filepath.FromSlash(pattern)))
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds in %s: %v", pattern, err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
}

func fileOf(path string, raw []byte) *File {
	return &File{Path: path, Size: int64(len(raw)), Open: opener(raw)}
}

func readAll(t testing.TB, f Format, path string, raw []byte) []Record {
	t.Helper()
	var recs []Record
	err := f.Read(t.Context(), fileOf(path, raw), func(r Record) error {
		recs = append(recs, r)
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return recs
}

func rawOf(t testing.TB, r Record) []byte {
	t.Helper()
	rc, err := r.Raw()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	if err := rc.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

// checkRecord checks what holds for every record of every format: it is rejected
// with a reason or has items that a store takes, and its raw bytes are in the file.
func checkRecord(t testing.TB, r Record, file []byte) {
	t.Helper()
	if raw := rawOf(t, r); !bytes.Contains(file, raw) {
		t.Errorf("%s: the raw record is not in the file: %q", r.Where, raw)
	}
	if (r.Err == nil) != (len(r.Items) > 0) {
		t.Fatalf("%s: %d items, error %v", r.Where, len(r.Items), r.Err)
	}
	if !utf8.ValidString(r.Note) || r.Err != nil && !utf8.ValidString(r.Err.Error()) {
		t.Errorf("%s: note %q, error %q", r.Where, r.Note, r.Err)
	}
	for _, d := range r.Items {
		if d.Key == "" || !utf8.ValidString(d.Key) {
			t.Errorf("%s: key %q", r.Where, d.Key)
		}
		checkProps(t, d)
	}
}

func checkProps(t testing.TB, d Draft) {
	t.Helper()
	typ, ok := typeNamed(d.Type)
	if !ok {
		t.Fatalf("no type %q", d.Type)
	}
	for name, v := range d.Props {
		p, ok := typ.Property(name)
		list, many := v.([]any)
		if !ok || many != p.Many {
			t.Fatalf("%s.%s: %#v", d.Type, name, v)
		}
		if !many {
			list = []any{v}
		}
		for _, v := range list {
			got := fmt.Sprintf("%T", v)
			if want := goTypes[string(p.Kind)]; got != want {
				t.Errorf("%s.%s is %s, want %s", d.Type, name, got, want)
			}
			if s, ok := v.(string); ok && (!utf8.ValidString(s) || strings.ContainsRune(s, 0) || s == "") {
				t.Errorf("%s.%s: %q", d.Type, name, s)
			}
		}
	}
}

var goTypes = map[string]string{"text": "string", "integer": "int64", "boolean": "bool", "time": "time.Time"}

func TestMailParts(t *testing.T) {
	raw := readFixture(t, "mail/parts.eml")
	recs := readAll(t, emlFormat(), "letters/x.eml", raw)
	if len(recs) != 1 {
		t.Fatalf("%d records", len(recs))
	}
	r := recs[0]
	checkRecord(t, r, raw)
	props := r.Items[0].Props
	for name, want := range map[string]any{
		"name": "Café plans", "sender": "Jürgen <juergen@example.com>", "folder": "letters",
		"text": "Grüße in UTF-8 under the name of ASCII.", "identifier": "parts@example.com",
		"toRecipient": []any{"a@example.com", "b@example.com"}, "ccRecipient": []any{"broken <c@example.com>"},
	} {
		if got := props[name]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	var names []string
	for _, it := range r.Items {
		if it.Type == "File" {
			names = append(names, it.Props["name"].(string))
		}
	}
	if !slices.Equal(names, []string{"menu.pdf", "Inner letter.eml"}) {
		t.Errorf("files %q", names)
	}
	for _, want := range []Link{
		{r.Items[0].Key, "sender", "person:email:juergen@example.com"},
		{r.Items[0].Key, "toRecipient", "person:email:b@example.com"},
		{r.Items[0].Key, "ccRecipient", "person:email:c@example.com"},
		{r.Items[0].Key, "attachment", "file:sha256:" + hexSHA256([]byte("Hello, menu.")) + ":menu.pdf"},
	} {
		if !slices.Contains(r.Links, want) {
			t.Errorf("no link %v in %v", want, r.Links)
		}
	}
}

func TestMailBroken(t *testing.T) {
	for _, c := range []struct{ name, raw, text, note string }{
		{"no blank line", string(readFixture(t, "mail/nobreak.eml")), "This is the body and has no colon.\nNor has this.", "no blank line"},
		{"no header", "just some text\nof two lines\n", "just some text\nof two lines", "no date"},
		{"header only", "Subject: x\nDate: Tue, 02 Mar 2021 09:30:00 +0100\n", "", ""},
		{"bad date", "Subject: x\nDate: yesterday\n\nbody", "body", "date"},
	} {
		r := newMailReader("").record([]byte(c.raw), []byte(c.raw))
		if r.Err != nil {
			t.Errorf("%s: %v", c.name, r.Err)
			continue
		}
		if got, _ := r.Items[0].Props["text"].(string); got != c.text || !strings.Contains(r.Note, c.note) {
			t.Errorf("%s: %q, note %q", c.name, got, r.Note)
		}
	}
	for _, raw := range []string{"", "\r\n\n"} {
		if r := newMailReader("").record([]byte(raw), []byte(raw)); r.Err == nil {
			t.Errorf("%q was accepted", raw)
		}
	}
	cut := readFixture(t, "mail/truncated.eml")
	r := newMailReader("").record(cut, cut)
	if r.Err != nil || r.Items[0].Props["defects"].(int64) == 0 || len(r.Items) != 3 {
		t.Errorf("the truncated message: %v, %d items, %q", r.Err, len(r.Items), r.Note)
	}
}

// TestMailNesting reads a message of far more multiparts in one another than anyone
// sends; each level would be read by all above it.
func TestMailNesting(t *testing.T) {
	var b strings.Builder
	b.WriteString("Subject: deep\nDate: Tue, 02 Mar 2021 09:30:00 +0100\nContent-Type: multipart/mixed; boundary=b0\n\n")
	for i := range 20_000 {
		fmt.Fprintf(&b, "--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i, i+1)
	}
	m := parseMail([]byte(b.String()))
	if m.header.Get("Subject") != "deep" || len(m.text) == 0 {
		t.Errorf("header %v, %d bytes of text", m.header, len(m.text))
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`Anna <a@b.c>, "Dent, Arthur" <d@e.f>`, "Anna <a@b.c>|Dent, Arthur <d@e.f>"},
		{`jjl at pobox.com (John J. Lee)`, "John J. Lee <jjl@pobox.com>"},
		{`undisclosed recipients: ;`, ""},
		{`Tomas =?utf-8?q?Toftg=C3=A5rd?= <t@E.com>`, "Tomas Toftgård <t@E.com>"},
		{`Dr. No <no@b.c>, bare@b.c; x@y.z`, "Dr. No <no@b.c>|bare@b.c|x@y.z"},
		{"Ren\xe9 <r@b.c>", "René <r@b.c>"},
		{`a@b.c,`, "a@b.c"},
		{`Only A Name`, "Only A Name"},
	} {
		var got []string
		for _, a := range parseAddresses(c.in) {
			got = append(got, addressText(a))
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%q: %q, want %q", c.in, s, c.want)
		}
	}
	if _, ok := personOf(mail.Address{Name: "Nobody"}); ok {
		t.Error("a name without an address became a person")
	}
}

func TestMailDate(t *testing.T) {
	for in, want := range map[string]string{
		"Mon, 5 Oct 2020 04:41:20 +0200":                  "2020-10-05T02:41:20Z",
		"Thu Nov  1 11:19:12 2001":                        "2001-11-01T11:19:12Z",
		"Fri, 23 Aug 2002 2:32:53 -0400":                  "2002-08-23T06:32:53Z",
		"Wed, 13 Oct 2010 07:53:04 H0500":                 "2010-10-13T07:53:04Z",
		"Wed, 13 Oct 2010 07:53:04 -0700 (PDT) (comment)": "2010-10-13T14:53:04Z",
		"Thu, 01 Jan 1970 00:00:00 +0000":                 "",
		"13 Oct 3010 07:53:04 +0000":                      "",
		"soon":                                            "",
	} {
		got := ""
		if d, ok := parseMailDate(in); ok {
			got = d.Format("2006-01-02T15:04:05Z07:00")
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestBaseSubject(t *testing.T) {
	for in, want := range map[string]string{
		"Re: AW: Fwd: Dinner": "Dinner", "RE[2]: Dinner": "Dinner", "[list] Re: Dinner": "[list] Dinner",
		"Re:": "Re:", "Regarding: x": "Regarding: x",
	} {
		if got := baseSubject(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

var (
	readmeRow   = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*) \\|$")
	readmeLeafs = regexp.MustCompile(`(\d+) leaf (?:part|bod)`)
)

// leafExceptions are the messages of the sample data whose parts are counted
// differently, and why.
var leafExceptions = map[string]string{
	"mime4j/missing-boundary.msg":                                            "what stands where parts should be is kept as text",
	"mime4j/multipartnopart.msg":                                             "an empty multipart counts as one empty text",
	"mime4j/multipartemptypart.msg":                                          "two parts of zero bytes are read as one",
	"mime4j/multipartnestedemptyparts.msg":                                   "a part of zero bytes in an embedded message is not counted",
	"ruby-mail/multipart_report_emails/multipart_report_multiple_status.eml": "status blocks without a blank line between them count once",
	"mimekit/delivery-status-no-blank-line.txt":                              "status blocks without a blank line between them count once",
	"mimekit/feedback-report.txt":                                            "the README counts it behind a byte order mark, as one text",
}

// nameExceptions are those whose named parts lie elsewhere.
var nameExceptions = map[string]string{
	"ruby-mail/attachment_emails/attachment_message_rfc822.eml":    "the PDF is in the embedded message, which is one file",
	"ruby-mail/attachment_emails/attachment_with_encoded_name.eml": "the name does not decode in its charset; the file is kept under another",
}

// TestMailCorpus reads every message of the sample data and compares the number of
// leaf parts, the subject and the names of parts with its README.
func TestMailCorpus(t *testing.T) {
	root := corpus(t, "email")
	readme := string(readCorpus(t, filepath.Dir(root), "README.md"))
	_, part, _ := strings.Cut(readme, "\n## Messages: Apache James mime4j")
	part, _, _ = strings.Cut(part, "\n## vCard")
	read := 0
	for _, row := range readmeRow.FindAllStringSubmatch(part, -1) {
		leafs := readmeLeafs.FindStringSubmatch(row[2])
		if leafs == nil {
			continue
		}
		read++
		want, err := strconv.Atoi(leafs[1])
		if err != nil {
			t.Fatal(err)
		}
		t.Run(row[1], func(t *testing.T) {
			compareMail(t, row[1], readCorpus(t, root, row[1]), row[2], want)
		})
	}
	if read < 150 {
		t.Errorf("only %d messages of the README were compared", read)
	}
}

func compareMail(t *testing.T, name string, raw []byte, truth string, leafs int) {
	recs := readAll(t, emlFormat(), name, raw)
	if len(recs) != 1 || recs[0].Err != nil {
		t.Fatalf("%d records, %v", len(recs), recs[0].Err)
	}
	rec := recs[0]
	checkRecord(t, rec, raw)
	if got := countLeafs(raw); got != leafs && leafExceptions[name] == "" {
		t.Errorf("%d leaf parts, want %d: %s", got, leafs, truth)
	} else if got == leafs && leafExceptions[name] != "" {
		t.Errorf("%d leaf parts, as the README says: no exception any more", got)
	}
	if _, s, ok := strings.Cut(truth, "Subject “"); ok {
		s, _, _ = strings.Cut(s, "”")
		// The README cuts long subjects and reads raw UTF-8 as something else.
		got, _ := rec.Items[0].Props["name"].(string)
		if !strings.HasPrefix(asciiOf(got), strings.TrimSpace(asciiOf(s))) {
			t.Errorf("subject %q, want %q", got, s)
		}
	}
	if _, s, ok := strings.Cut(truth, "named parts: "); ok && nameExceptions[name] == "" {
		for want := range strings.SplitSeq(s, ", ") {
			if !slices.ContainsFunc(rec.Items, func(d Draft) bool { return d.Type == "File" && d.Props["name"] == want }) {
				t.Errorf("no part is named %q", want)
			}
		}
	}
}

func asciiOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return -1
		}
		return r
	}, s)
}

// countLeafs counts the parts of a message that have no parts, those of embedded
// messages among them, and the blocks of delivery reports one by one.
func countLeafs(raw []byte) int {
	m := parseMail(trimSeparator(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))))
	n := m.texts
	for _, f := range m.files {
		switch f.mediaType {
		case "message/rfc822":
			n += countLeafs(f.content)
		case "message/delivery-status":
			for block := range bytes.SplitSeq(bytes.ReplaceAll(f.content, []byte("\r"), nil), []byte("\n\n")) {
				if len(bytes.TrimSpace(block)) > 0 {
					n++
				}
			}
		default:
			n++
		}
	}
	return n
}

// TestMailRecognised checks that every message of the sample data is taken by a mail
// format, whatever its file is called.
func TestMailRecognised(t *testing.T) {
	root := corpus(t, "email")
	n := 0
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		maildir := isMaildir(filepath.ToSlash(path))
		switch ext := filepath.Ext(path); {
		case !maildir && ext != ".eml" && ext != ".msg" && ext != ".raw":
			return nil
		}
		n++
		raw := readCorpus(t, "", path)
		got := choose([]Format{mboxFormat(), emlFormat()}, filepath.ToSlash(path), raw[:min(len(raw), HeadSize)]).Name
		if got != "eml" && !strings.Contains(path, "/parts/") { // parts of messages, without mail headers
			t.Errorf("%s is recognised as %s", path, got)
		}
		for _, r := range readAll(t, emlFormat(), path, raw) {
			checkRecord(t, r, raw)
		}
		return nil
	})
	if err != nil || n < 100 {
		t.Errorf("%d messages, %v", n, err)
	}
}

func FuzzMail(f *testing.F) {
	seed(f, "mail/*.eml")
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, r := range readAll(t, emlFormat(), "x.eml", raw) {
			checkRecord(t, r, raw)
		}
	})
}
