package main

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/exporter"
	"github.com/locketpod/locket/internal/portable"
)

// exported is what "export --json" prints.
type exported struct {
	Output    string          `json:"output"`
	Encrypted bool            `json:"encrypted"`
	Complete  bool            `json:"complete"` // all of the pod
	Files     int64           `json:"files"`    // in the archive
	Bytes     int64           `json:"bytes"`    // of these
	Counts    portable.Counts `json:"counts"`   // of the lines of locket.jsonl
}

func (c *cli) exportCommand() *cobra.Command {
	e := exportRun{c: c}
	cmd := &cobra.Command{
		Use:   "export TARGET",
		Short: "Write everything to a folder, a tar archive or an age file",
		Long: `Write everything to a new folder, or to a tar archive if TARGET ends in .tar or is "-"
for standard output: locket.jsonl, which holds all of the pod and can be imported again,
the files that items hold, and the same as Markdown, mail, contacts, calendar entries and
files with what is known of them, for people and other programs.

With --age-recipient, --age-recipients-file or --age-passphrase-file it becomes one age
file and nothing is written to disk in the clear; else it is not encrypted. Nothing is
ever overwritten.`,
		Example: `  locket export leaving
  locket export pod.tar.age --age-recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
  locket export work.tar --query 'in:work after:2026' --format markdown,mail
  locket export - --only jsonl | tar -t`,
		Args: takes("TARGET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e.target = args[0]
			return e.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&e.formats, "format", nil, "open formats to write, of "+strings.Join(exporter.Formats(), ", ")+"; default all")
	f.StringVar(&e.only, "only", "", "jsonl: no open formats, only locket.jsonl and the files")
	f.StringVar(&e.query, "query", "", "only items that a search for this finds; the export is not complete then")
	f.StringArrayVar(&e.age.recipients, "age-recipient", nil, "encrypt to this recipient, age1…; may be repeated")
	f.StringVar(&e.age.recipientsFile, "age-recipients-file", "", "encrypt to the recipients in this file, one on each line")
	f.StringVar(&e.age.passphraseFile, "age-passphrase-file", "", "encrypt with the passphrase on the first line of this file")
	cmd.MarkFlagsMutuallyExclusive("format", "only")
	return cmd
}

// An exportRun is one run of export.
type exportRun struct {
	c       *cli
	target  string
	formats []string
	only    string
	query   string
	age     ageFlags

	bar *progress
	out exported
}

func (e *exportRun) run(ctx context.Context) error {
	fields, err := e.fields()
	if err != nil {
		return err
	}
	place, err := e.place()
	if err != nil {
		return err
	}
	e.bar = e.c.newProgress()
	defer e.bar.end()
	err = e.c.withPod(ctx, func(p pod) error {
		stream, err := openExport(ctx, p, fields)
		if err != nil {
			return err
		}
		return errors.Join(place(ctx, stream), stream.Close())
	})
	e.bar.end()
	if err != nil {
		return plainFailure(err)
	}
	return e.tell()
}

// plainFailure takes the error with a code out of several that are joined.
func plainFailure(err error) error {
	if coded, ok := errors.AsType[*locket.Error](err); ok {
		return coded
	}
	return err
}

func (e *exportRun) fields() (map[string]string, error) {
	fields := map[string]string{"q": e.query, "formats": strings.Join(e.formats, ",")}
	switch e.only {
	case "":
	case "jsonl":
		fields["formats"] = "none"
	default:
		return nil, locket.Errorf(locket.CodeInvalid, "--only takes jsonl; --format chooses open formats")
	}
	return fields, exporter.CheckFormats(e.formats)
}

// tell prints the summary, on standard error if the export itself went to standard output.
func (e *exportRun) tell() error {
	note := "It is not encrypted: whoever has it can read it."
	if e.out.Encrypted {
		note = "It is encrypted with age."
	}
	if e.target == "-" {
		if !e.out.Encrypted {
			fmt.Fprintln(e.c.err, note)
		}
		return nil
	}
	return e.c.print(e.out, func(p *printer) {
		n := e.out.Counts
		p.line("exported %d items, %d links and %d files to %s, %s in all", n.Items, n.Edges, n.Blobs, clean(e.target, false), size(e.out.Bytes))
		if !e.out.Complete {
			p.line("It is a part of the pod.")
		}
		p.line("%s", note)
	})
}

// place says where the export goes to, and refuses what is there already.
func (e *exportRun) place() (func(context.Context, io.Reader) error, error) {
	encrypt, err := e.age.encrypter()
	if err != nil {
		return nil, err
	}
	e.out.Output, e.out.Encrypted = e.target, encrypt != nil
	if e.target == "-" {
		return func(ctx context.Context, in io.Reader) error { return e.stream(ctx, in, e.c.out, encrypt) }, nil
	}
	if _, err := os.Lstat(e.target); err == nil {
		return nil, locket.Errorf(locket.CodeExists, "%s exists already; choose another name", e.target)
	}
	switch ext := strings.ToLower(filepath.Ext(e.target)); {
	case encrypt != nil, ext == ".tar":
		return func(ctx context.Context, in io.Reader) error {
			return writeWhole(e.target, func(w io.Writer) error { return e.stream(ctx, in, w, encrypt) })
		}, nil
	case ext == ".age":
		return nil, locket.Errorf(locket.CodeInvalid, "to whom should %s be encrypted? Say --age-recipient, --age-recipients-file or --age-passphrase-file", e.target)
	case slices.Contains([]string{".jsonl", ".json", ".zip", ".tgz", ".gz"}, ext):
		return nil, locket.Errorf(locket.CodeUnsupported, "an export is a folder, a .tar archive or an age file; choose a name for one of these")
	}
	return e.folder, nil
}

// stream passes the archive on to w, encrypted if encrypt is given.
func (e *exportRun) stream(ctx context.Context, in io.Reader, w io.Writer, encrypt encrypter) error {
	out := bufio.NewWriterSize(w, 256<<10)
	if encrypt == nil {
		return errors.Join(e.read(ctx, io.TeeReader(in, out), nil), out.Flush())
	}
	sealed, err := encrypt(out)
	if err != nil {
		return err
	}
	if err := e.read(ctx, io.TeeReader(in, sealed), nil); err != nil {
		return err // the file is not closed, and so no valid one
	}
	return errors.Join(sealed.Close(), out.Flush())
}

// read reads the archive to its end, counts what is in it, and hands each file to
// visit if that is given.
func (e *exportRun) read(ctx context.Context, in io.Reader, visit func(*tar.Header, io.Reader) error) error {
	t := tar.NewReader(in)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, in) // the padding behind the last file
			return err
		} else if err != nil {
			return err
		}
		var content io.Reader = t
		var lines edges
		if h.Name == portable.FileName {
			content = io.TeeReader(t, &lines)
		}
		if visit == nil {
			_, err = io.Copy(io.Discard, content)
		} else {
			err = visit(h, content)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if h.Name == portable.FileName {
			e.out.Complete, e.out.Counts = lines.summary()
		}
		e.out.Files++
		e.out.Bytes += h.Size
		e.bar.report(locket.Progress{Stage: "exporting", Done: e.out.Bytes, Unit: "bytes", Note: fmt.Sprintf("%d files", e.out.Files)})
	}
}
