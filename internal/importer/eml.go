package importer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
)

// emlFormat reads files that hold one message each: .eml, text .msg, and the
// files of a Maildir. Outlook's own binary .msg is not one of them.
func emlFormat() Format {
	return Format{Name: "eml", Title: "Mail message (eml)", Recognise: recogniseEml, Read: readEml}
}

func recogniseEml(name string, head []byte) int {
	if bytes.IndexByte(head, 0) >= 0 {
		return 0
	}
	known := mailHeaders(head)
	switch ext := strings.ToLower(path.Ext(name)); {
	case ext == ".eml" || ext == ".msg" || ext == ".mht" || ext == ".mhtml":
		if known > 0 {
			return 90
		}
		if ext == ".eml" || ext == ".msg" {
			return 50 // the name says it, whatever became of the headers
		}
	case isMaildir(name) && (known > 0 || maildirName.MatchString(path.Base(name))):
		return 85
	case known > 1:
		return 60
	}
	return 0
}

// isMaildir says whether the path is that of a message in a Maildir, where new and
// read messages lie in folders with these names.
func isMaildir(name string) bool {
	dir := path.Base(path.Dir(name))
	return dir == "cur" || dir == "new"
}

// maildirName is how Maildir names files: seconds, a unique name, the host.
var maildirName = regexp.MustCompile(`^\d{9,}\.[^/]+\.[^/]*$`)

// mailHeaders counts the lines at the top of a file that are headers which nearly
// only mail has. It stops at the first line that cannot be part of a header.
func mailHeaders(head []byte) int {
	head = trimSeparator(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
	n := 0
	for line := range bytes.Lines(head) {
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		if !headLine.Match(line) {
			break
		}
		name, _, _ := bytes.Cut(line, []byte(":"))
		switch strings.ToLower(string(bytes.TrimSpace(name))) {
		case "from", "to", "cc", "subject", "date", "message-id", "received", "return-path", "delivered-to",
			"reply-to", "mime-version", "content-type", "content-transfer-encoding", "in-reply-to", "references":
			n++
		}
	}
	return n
}

func readEml(ctx context.Context, f *File, emit func(Record) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.Size > maxMessage {
		return emit(Record{
			Err:  fmt.Errorf("the message is %d bytes long; the limit is %d", f.Size, maxMessage),
			Raw:  f.Open,
			Done: f.Size,
		})
	}
	src, err := f.Open()
	if err != nil {
		return err
	}
	defer src.Close()
	raw, err := io.ReadAll(io.LimitReader(src, maxMessage))
	if err != nil {
		return err
	}
	rec := newMailReader(mailFolder(f.Path)).record(raw, trimSeparator(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))))
	rec.Done = int64(len(raw))
	return emit(rec)
}

// mailFolder names the folder of a message file: where it lies, without the cur
// and new of a Maildir and the dot of its subfolders.
func mailFolder(name string) string {
	dir := path.Dir(name)
	if isMaildir(name) {
		dir = path.Dir(dir)
	}
	if dir == "." {
		return ""
	}
	return strings.TrimPrefix(path.Base(dir), ".")
}

// trimSeparator takes the mbox separator off a message that was saved with it.
func trimSeparator(raw []byte) []byte {
	line, rest, ok := bytes.Cut(raw, []byte("\n"))
	if ok && isMboxSeparator(line, rest, true) {
		return rest
	}
	return raw
}
