package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/blob"
	"github.com/locketpod/locket/internal/secret"
)

const (
	// inlineBlob is the size up to which a blob lies in the database: a row of a
	// few pages costs less than a file with two syncs.
	inlineBlob = 64 << 10
	// maxBlob bounds one blob.
	maxBlob = 64 << 30
)

// A Blob is the content of a blob. Close it before the view ends.
type Blob interface {
	io.ReadSeekCloser
	io.ReaderAt
	Info() locket.BlobInfo
}

// stored is a blob that has been written down but has no row yet.
type stored struct {
	info   locket.BlobInfo
	sha256 [32]byte
	name   string      // of its file; "" for a small one
	key    *secret.Key // of its file
	data   []byte      // of a small one
}

// writeBlob reads r to its end and keeps it in memory if it is small, in an
// encrypted file if it is not.
func (s *Store) writeBlob(r io.Reader) (*stored, error) {
	head, err := io.ReadAll(io.LimitReader(r, inlineBlob+1))
	if err != nil {
		return nil, failure("read content", err)
	}
	b := &stored{info: locket.BlobInfo{ID: locket.NewBlobID()}}
	if len(head) <= inlineBlob {
		b.data, b.info.Size, b.sha256 = head, int64(len(head)), sha256.Sum256(head)
	} else {
		f, err := s.blobs.Create(io.MultiReader(bytes.NewReader(head), r), maxBlob)
		if err != nil {
			return nil, failure("write blob", err)
		}
		b.name, b.key, b.info.Size, b.sha256 = f.Name, f.Key, f.Size, f.SHA256
	}
	b.info.SHA256 = hex.EncodeToString(b.sha256[:])
	return b, nil
}

// insertBlob adds the row of a blob that so far only owner, a principal, may use.
func (t *tx) insertBlob(b *stored, added time.Time, owner int64) error {
	id, _ := uuidBytes(string(b.info.ID))
	defer b.key.Wipe()
	var name, key, data any // NULL where they do not apply
	if b.name == "" {
		data = b.data
	} else {
		name, key = b.name, b.key.Bytes()
	}
	var n int64
	err := t.queryRow(`INSERT INTO blobs(id, size, sha256, name, key, data) VALUES(?, ?, ?, ?, ?, ?) RETURNING n`,
		id, b.info.Size, b.sha256[:], name, key, data).Scan(&n)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO loose(blob, added, owner) VALUES(?, ?, ?)`, n, micros(added), owner)
}

// PutBlob keeps the content of r as a blob of this transaction. r should be at
// hand: other writers wait while it is read.
func (w *Writer) PutBlob(r io.Reader) (locket.BlobInfo, error) {
	if err := w.v.may(locket.MayCreate); err != nil {
		return locket.BlobInfo{}, err
	}
	b, err := w.v.s.writeBlob(r)
	if err != nil {
		return locket.BlobInfo{}, err
	}
	if b.name != "" {
		w.files = append(w.files, b.name)
	}
	return b.info, w.insertBlob(b, w.now(), w.v.who.n)
}

// PutBlob keeps the content of r as a blob, streaming it without holding up
// other writers. A blob that no item refers to within a day is collected.
func (v *View) PutBlob(ctx context.Context, r io.Reader) (locket.BlobInfo, error) {
	if !v.access.May(locket.MayImport) {
		if err := v.may(locket.MayCreate); err != nil {
			return locket.BlobInfo{}, err
		}
	}
	b, err := v.s.writeBlob(r)
	if err != nil {
		return locket.BlobInfo{}, err
	}
	w := &Writer{v: v}
	err = v.s.transaction(ctx, func(t *tx) error { return t.insertBlob(b, v.s.now(), v.who.n) })
	if err != nil && b.name != "" {
		return locket.BlobInfo{}, w.removeFiles([]string{b.name}, err)
	}
	return b.info, err
}

// RemoveBlob removes a blob that the principal has put and no item refers to; one
// that has a referrer stays, with CodeConflict.
func (v *View) RemoveBlob(ctx context.Context, id locket.BlobID) error {
	_, err := v.Write(ctx, func(w *Writer) error {
		if ok, err := v.reaches(ctx, w.conn, id); err != nil || !ok {
			return errors.Join(err, notFound("blob"))
		}
		b, _ := uuidBytes(string(id))
		var n, refs int64
		err := w.queryRow(`SELECT n, (SELECT count(*) FROM blob_refs r WHERE r.blob = b.n) FROM blobs b WHERE id = ?`, b).Scan(&n, &refs)
		if err != nil {
			return err
		}
		if refs > 0 {
			return locket.Errorf(locket.CodeConflict, "the blob belongs to an item; erase the item instead")
		}
		return w.dropBlob(n)
	})
	return err
}

// OpenBlob returns the content of a blob that an item shows, or that the principal
// itself has put.
func (v *View) OpenBlob(ctx context.Context, id locket.BlobID) (Blob, error) {
	ok, err := v.reaches(ctx, v.s.db, id)
	switch {
	case err != nil:
		return nil, failure("read blob", err)
	case !ok:
		return nil, notFound("blob")
	}
	if err := v.saw(ctx, locket.ActionRead, string(id)); err != nil {
		return nil, err
	}
	return v.openBlob(ctx, id)
}

func (v *View) openBlob(ctx context.Context, id locket.BlobID) (Blob, error) {
	b, _ := uuidBytes(string(id))
	info := locket.BlobInfo{ID: id}
	var sum, key, data []byte
	var name *string
	err := v.s.db.QueryRowContext(ctx, `SELECT size, sha256, name, key, data FROM blobs WHERE id = ?`, b).
		Scan(&info.Size, &sum, &name, &key, &data)
	if locket.CodeOf(failure("", err)) == locket.CodeNotFound {
		return nil, notFound("blob")
	}
	if err != nil {
		return nil, failure("read blob", err)
	}
	info.SHA256 = hex.EncodeToString(sum)
	if name == nil {
		return &smallBlob{Reader: bytes.NewReader(data), data: data, info: info}, nil
	}
	k := secret.Take(key)
	defer k.Wipe()
	f, err := v.s.blobs.Open(*name, k, info.Size)
	if err != nil {
		return nil, failure("open blob", err)
	}
	return &largeBlob{file: f, info: info}, nil
}

type smallBlob struct {
	*bytes.Reader
	data []byte
	info locket.BlobInfo
}

func (b *smallBlob) Info() locket.BlobInfo { return b.info }

// Close wipes the content.
func (b *smallBlob) Close() error {
	clear(b.data)
	return nil
}

// A largeBlob gives the errors of its file a code.
type largeBlob struct {
	file *blob.Reader
	info locket.BlobInfo
}

func (b *largeBlob) Info() locket.BlobInfo { return b.info }

func (b *largeBlob) Read(p []byte) (int, error) {
	n, err := b.file.Read(p)
	return n, readFailure(err)
}

func (b *largeBlob) ReadAt(p []byte, off int64) (int, error) {
	n, err := b.file.ReadAt(p, off)
	return n, readFailure(err)
}

func (b *largeBlob) Seek(off int64, whence int) (int64, error) {
	n, err := b.file.Seek(off, whence)
	return n, failure("read blob", err)
}

func (b *largeBlob) Close() error { return failure("close blob", b.file.Close()) }

// readFailure leaves the end of a file as it is: readers compare it with ==.
func readFailure(err error) error {
	if err == io.EOF {
		return err
	}
	return failure("read blob", err)
}
