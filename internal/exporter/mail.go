package exporter

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// A mailFolder is a folder of mail.
type mailFolder struct {
	dir      string     // in the archive
	messages [][16]byte // ids of the items in it
}

// folderOfMail returns a folder by name, and gives it its place when first asked.
func (r *run) folderOfMail(name string) *mailFolder {
	if r.mail[name] == nil {
		dir := name
		if dir == "" {
			dir = "other"
		}
		r.mail[name] = &mailFolder{dir: r.names.unique("mail", strings.ReplaceAll(safe(dir), ".", "_"), "", "folder")}
	}
	return r.mail[name]
}

// boxes writes each folder of mail as an mbox.
func (r *run) boxes(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(r.mail)) {
		f := r.mail[name]
		if len(f.messages) == 0 {
			continue
		}
		err := r.twice(r.names.unique("mail", path.Base(f.dir), ".mbox", "folder"), r.header.Time, func(w io.Writer) error { return r.box(ctx, f, w) })
		if err != nil {
			return err
		}
	}
	return nil
}

// box writes a folder as mboxrd (RFC 4155 and, for lines that begin with From, the
// quoting that can be undone).
func (r *run) box(ctx context.Context, f *mailFolder, w io.Writer) error {
	for _, id := range f.messages {
		it, err := r.x.Item(ctx, locket.ItemID(locket.FormatUUID(id)))
		if err != nil {
			return err
		}
		if err := r.boxed(ctx, &it, w); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) boxed(ctx context.Context, it *locket.Item, w io.Writer) error {
	sender := "MAILER-DAEMON"
	if a, err := mail.ParseAddress(it.Text("sender")); err == nil && !strings.ContainsAny(a.Address, " \t\"") {
		sender = a.Address
	}
	sent, ok := it.Props["dateSent"].(time.Time)
	if !ok {
		sent = time.Unix(0, 0)
	}
	if _, err := io.WriteString(w, "From "+sender+" "+sent.UTC().Format(time.ANSIC)+"\n"); err != nil {
		return err
	}
	q := &fromQuoter{w: w}
	if err := r.message(ctx, it, q); err != nil {
		return err
	}
	return q.end()
}

// message writes a message as it came, or, if that was not kept, as the pod knows it.
func (r *run) message(ctx context.Context, it *locket.Item, w io.Writer) error {
	if raw, ok := it.Props["rawBlob"].(locket.BlobID); ok {
		return r.copyBlob(ctx, raw, w)
	}
	b, err := compose(it)
	if err == nil {
		_, err = w.Write(b)
	}
	return err
}

// compose makes a message of what the pod knows of one (RFC 5322).
func compose(it *locket.Item) ([]byte, error) {
	var b bytes.Buffer
	header := func(name, value string) {
		if value != "" {
			b.WriteString(name + ": " + strings.NewReplacer("\r", " ", "\n", " ").Replace(value) + "\n")
		}
	}
	header("From", addresses([]string{it.Text("sender")}))
	header("To", addresses(textsIn(it, "toRecipient")))
	header("Cc", addresses(textsIn(it, "ccRecipient")))
	header("Bcc", addresses(textsIn(it, "bccRecipient")))
	header("Reply-To", addresses(nonEmpty(it.Text("replyTo"))))
	header("Subject", mime.QEncoding.Encode("utf-8", it.Text("name")))
	if t, ok := it.Props["dateSent"].(time.Time); ok {
		header("Date", t.UTC().Format(time.RFC1123Z))
	}
	header("Message-ID", bracketed(it.Text("identifier")))
	header("In-Reply-To", bracketed(it.Text("inReplyTo")))
	var refs []string
	for _, ref := range textsIn(it, "references") {
		refs = append(refs, bracketed(ref))
	}
	header("References", strings.Join(refs, " "))
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\n")
	q := quotedprintable.NewWriter(&b)
	_, err := io.WriteString(q, it.Text("text"))
	err = errors.Join(err, q.Close())
	return bytes.ReplaceAll(b.Bytes(), []byte("\r\n"), []byte("\n")), err
}

func bracketed(id string) string {
	if id == "" || strings.HasPrefix(id, "<") {
		return id
	}
	return "<" + id + ">"
}

// addresses are those that can be read, with their names encoded; others as text.
func addresses(list []string) string {
	var out []string
	for _, s := range list {
		if a, err := mail.ParseAddress(s); err == nil {
			out = append(out, a.String())
		} else if s != "" {
			out = append(out, mime.QEncoding.Encode("utf-8", s))
		}
	}
	return strings.Join(out, ", ")
}

// A fromQuoter puts ">" before lines that begin with "From " or with ">"s and that.
type fromQuoter struct {
	w    io.Writer
	line []byte // the beginning of a line, which may need it; at most a few bytes
	in   bool   // in a line that was judged
	last byte
}

func (q *fromQuoter) Write(p []byte) (int, error) {
	out := bufio.NewWriter(q.w)
	for _, c := range p {
		q.last = c
		if q.in {
			_ = out.WriteByte(c) // errors stay in the writer
			q.in = c != '\n'
			continue
		}
		q.line = append(q.line, c)
		rest := bytes.TrimLeft(q.line, ">")
		switch whole := string(rest) == "From "; {
		case whole, !strings.HasPrefix("From ", string(rest)), len(q.line) > 1000:
			if whole {
				_ = out.WriteByte('>')
			}
			_, _ = out.Write(q.line)
			q.in, q.line = c != '\n', q.line[:0]
		}
	}
	return len(p), out.Flush()
}

// end ends the message with an empty line.
func (q *fromQuoter) end() error {
	tail := string(q.line) + "\n\n"
	if q.last == '\n' {
		tail = "\n"
	}
	_, err := io.WriteString(q.w, tail)
	return err
}
