package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/portable"
)

// An exportStream is the archive of a pod, made while it is read.
type exportStream struct {
	*io.PipeReader
	done chan struct{} // closed when the writing goroutine has ended
}

func openExport(ctx context.Context, p pod, fields map[string]string) (*exportStream, error) {
	o, in, err := input("export.get", fields)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	s := &exportStream{r, make(chan struct{})}
	go func() {
		defer close(s.done)
		_ = w.CloseWithError(p.fetch(ctx, o, in, w)) // never fails
	}()
	return s, nil
}

// Close ends the stream, read to its end or not.
func (s *exportStream) Close() error {
	err := s.PipeReader.Close()
	<-s.done
	return err
}

// writeWhole is writeNew for long work: the file has its name only when it is whole.
func writeWhole(name string, write func(io.Writer) error) (err error) {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return locket.Errorf(locket.CodeInvalid, "%s cannot be written", name).Because(err)
	}
	defer closing(root, &err)
	f, err := durable.Create(root, filepath.Base(name))
	if err != nil {
		return locket.Errorf(locket.CodeInvalid, "%s cannot be written", name).Because(err)
	}
	if err := write(f); err != nil {
		return errors.Join(err, f.Discard())
	}
	if _, err := root.Lstat(filepath.Base(name)); err == nil {
		return errors.Join(locket.Errorf(locket.CodeExists, "%s was made meanwhile; choose another name", name), f.Discard())
	}
	return f.Commit()
}

// folder unpacks the archive into a new folder, which has its name only when it is
// whole.
func (e *exportRun) folder(ctx context.Context, in io.Reader) (err error) {
	parent, err := os.OpenRoot(filepath.Dir(e.target))
	if err != nil {
		return locket.Errorf(locket.CodeInvalid, "%s cannot be made", e.target).Because(err)
	}
	defer closing(parent, &err)
	name := filepath.Base(e.target)
	temp := name + ".part"
	if err := parent.Mkdir(temp, 0o700); err != nil {
		return locket.Errorf(locket.CodeExists, "the folder %s.part must not exist; if an export was cut short, remove it", e.target).Because(err)
	}
	if err := e.unpack(ctx, parent, temp, in); err != nil {
		return errors.Join(err, parent.RemoveAll(temp))
	}
	if _, err := parent.Lstat(name); err == nil {
		return errors.Join(locket.Errorf(locket.CodeExists, "%s was made meanwhile; choose another name", e.target), parent.RemoveAll(temp))
	}
	if err := parent.Rename(temp, name); err != nil {
		return err
	}
	return durable.SyncDir(parent, ".")
}

func (e *exportRun) unpack(ctx context.Context, parent *os.Root, name string, in io.Reader) (err error) {
	root, err := parent.OpenRoot(name)
	if err != nil {
		return err
	}
	defer closing(root, &err)
	return e.read(ctx, in, func(h *tar.Header, content io.Reader) error {
		if h.Typeflag != tar.TypeReg {
			return locket.Errorf(locket.CodeInvalid, "the archive holds something that is no file")
		}
		if err := root.MkdirAll(filepath.FromSlash(path.Dir(h.Name)), 0o700); err != nil {
			return err
		}
		return unpackFile(root, h, content)
	})
}

func unpackFile(root *os.Root, h *tar.Header, content io.Reader) error {
	name := filepath.FromSlash(h.Name)
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return root.Chtimes(name, h.ModTime, h.ModTime)
}

// edges keeps the first and the last bytes of what is written to it.
type edges struct{ head, tail []byte }

const edgeBytes = 256 << 10

func (x *edges) Write(p []byte) (int, error) {
	if room := edgeBytes - len(x.head); room > 0 {
		x.head = append(x.head, p[:min(room, len(p))]...)
	}
	x.tail = append(x.tail, p...)
	if len(x.tail) > 2*edgeBytes {
		x.tail = append([]byte(nil), x.tail[len(x.tail)-edgeBytes:]...)
	}
	return len(p), nil
}

// summary is what the first and the last line of locket.jsonl say.
func (x *edges) summary() (complete bool, n portable.Counts) {
	var h portable.Header
	first, _, _ := bytes.Cut(x.head, []byte("\n"))
	last := bytes.TrimSuffix(x.tail, []byte("\n"))
	last = last[bytes.LastIndexByte(last, '\n')+1:]
	l := portable.Line{End: &n}
	if json.Unmarshal(first, &h) != nil || json.Unmarshal(last, &l) != nil {
		return false, n // it is only told to a person
	}
	return h.Complete, n
}
