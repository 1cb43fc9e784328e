package importer

import (
	"errors"
	"io"

	"github.com/locketpod/locket"
)

// contentFirst asks that content be stored before the transaction. It undoes it.
type contentFirst struct {
	index int // of the item, or rawIndex
	open  func() (io.ReadCloser, error)
}

func (*contentFirst) Error() string { return "large content must be stored first" }

// rawIndex stands for the raw record where items are counted.
const rawIndex = -1

// An unreadable is a failure to read the source, as opposed to one of the pod.
type unreadable struct{ err error }

func (u *unreadable) Error() string { return "cannot be read: " + reasonOf(u.err) }
func (u *unreadable) Unwrap() error { return u.err }

// content is a reader of the source whose failures are told apart.
type content struct{ io.ReadCloser }

func openContent(open func() (io.ReadCloser, error)) (content, error) {
	r, err := open()
	if err != nil {
		return content{}, &unreadable{err}
	}
	return content{r}, nil
}

func (c content) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = &unreadable{err}
	}
	return n, err
}

// ofRecord reports whether an error is about what one record holds, so that the
// import goes on without it, and not about the pod, the disk or the caller.
func ofRecord(err error) bool {
	if _, ok := errors.AsType[*contentFirst](err); ok {
		return true
	}
	if _, ok := errors.AsType[*unreadable](err); ok {
		return true
	}
	switch locket.CodeOf(err) {
	case locket.CodeInvalid, locket.CodeTooLarge, locket.CodeExists, locket.CodeConflict, locket.CodeNotFound, locket.CodeUnsupported:
		return true
	}
	return false
}

// put stores content as a blob.
func (b *batchWriter) put(p *pending, index int, open func() (io.ReadCloser, error)) (locket.BlobInfo, error) {
	if info, ok := p.blobs[index]; ok {
		return info, nil
	}
	if p.large() {
		return locket.BlobInfo{}, &contentFirst{index: index, open: open}
	}
	c, err := openContent(open)
	if err != nil {
		return locket.BlobInfo{}, err
	}
	info, err := b.w.PutBlob(c)
	return info, errors.Join(err, c.Close())
}
