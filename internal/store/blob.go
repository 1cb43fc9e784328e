package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	// orphanAge is how long a blob may stay that no item refers to.
	orphanAge = 24 * time.Hour
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

func (t *tx) insertBlob(b *stored, added time.Time) error {
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
	return t.exec(`INSERT INTO loose(blob, added) VALUES(?, ?)`, n, micros(added))
}

// PutBlob keeps the content of r as a blob of this transaction. r should be at
// hand: other writers wait while it is read.
func (w *Writer) PutBlob(r io.Reader) (locket.BlobInfo, error) {
	if err := w.v.may(locket.ActionCreate); err != nil {
		return locket.BlobInfo{}, err
	}
	b, err := w.v.s.writeBlob(r)
	if err != nil {
		return locket.BlobInfo{}, err
	}
	if b.name != "" {
		w.files = append(w.files, b.name)
	}
	return b.info, w.insertBlob(b, w.now())
}

// PutBlob keeps the content of r as a blob, streaming it without holding up
// other writers. A blob that no item refers to within a day is collected.
func (v *View) PutBlob(ctx context.Context, r io.Reader) (locket.BlobInfo, error) {
	if err := v.may(locket.ActionCreate); err != nil {
		return locket.BlobInfo{}, err
	}
	b, err := v.s.writeBlob(r)
	if err != nil {
		return locket.BlobInfo{}, err
	}
	w := &Writer{v: v}
	err = v.s.transaction(ctx, func(t *tx) error { return t.insertBlob(b, v.s.now()) })
	if err != nil && b.name != "" {
		return locket.BlobInfo{}, w.removeFiles([]string{b.name}, err)
	}
	return b.info, err
}

// RemoveBlob removes a blob that no item refers to; one that has a referrer
// stays, with CodeConflict.
func (v *View) RemoveBlob(ctx context.Context, id locket.BlobID) error {
	_, err := v.Write(ctx, func(w *Writer) error {
		if err := v.may(locket.ActionErase); err != nil {
			return err
		}
		b, ok := uuidBytes(string(id))
		if !ok {
			return notFound("blob")
		}
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

// OpenBlob returns the content of a blob.
func (v *View) OpenBlob(ctx context.Context, id locket.BlobID) (Blob, error) {
	if err := v.may(locket.ActionRead); err != nil {
		return nil, err
	}
	b, ok := uuidBytes(string(id))
	if !ok {
		return nil, notFound("blob")
	}
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

// refBlobs notes that item n refers to the blobs among props.
func (w *Writer) refBlobs(t *locket.Type, n int64, props map[string]any) error {
	for name, v := range props {
		if p, _ := t.Property(name); p.Kind != locket.Blob {
			continue
		}
		for _, id := range each(v) {
			b, _ := uuidBytes(id.(string)) // coerce has checked it
			err := w.exec(`INSERT INTO blob_refs(blob, item) SELECT n, ? FROM blobs WHERE id = ? ON CONFLICT DO NOTHING`, n, b)
			if err != nil {
				return err
			}
			if err := w.exec(`DELETE FROM loose WHERE blob = (SELECT n FROM blobs WHERE id = ?)`, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// unrefBlobs drops the references of item n, and the blobs that have no other.
func (w *Writer) unrefBlobs(n int64) error {
	blobs, err := w.numbers(`SELECT blob FROM blob_refs WHERE item = ?`, n)
	if err != nil {
		return err
	}
	for _, b := range blobs {
		if err := w.exec(`DELETE FROM blob_refs WHERE blob = ? AND item = ?`, b, n); err != nil {
			return err
		}
		var others int
		if err := w.queryRow(`SELECT count(*) FROM blob_refs WHERE blob = ?`, b).Scan(&others); err != nil {
			return err
		}
		if others == 0 {
			if err := w.dropBlob(b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Writer) dropBlob(n int64) error {
	var name *string
	if err := w.queryRow(`SELECT name FROM blobs WHERE n = ?`, n).Scan(&name); err != nil {
		return err
	}
	if name != nil {
		w.erased = append(w.erased, *name)
	}
	if err := w.exec(`DELETE FROM loose WHERE blob = ?`, n); err != nil {
		return err
	}
	return w.exec(`DELETE FROM blobs WHERE n = ?`, n)
}

// numbers runs a query that gives one column of numbers.
func (t *tx) numbers(query string, args ...any) ([]int64, error) {
	rows, err := t.conn.QueryContext(t.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ns []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		ns = append(ns, n)
	}
	return ns, rows.Err()
}

// CollectBlobs removes blobs that no item came to refer to within a day, and
// files that no blob names: the leavings of crashes. It returns how many.
func (s *Store) CollectBlobs(ctx context.Context) (int, error) {
	v := s.View(locket.Principal{Kind: locket.KindPod})
	before := s.now().Add(-orphanAge)
	removed := 0
	_, err := v.Write(ctx, func(w *Writer) error {
		orphans, err := w.numbers(`SELECT blob FROM loose WHERE added < ?`, micros(before))
		if err != nil {
			return err
		}
		for _, n := range orphans {
			if err := w.dropBlob(n); err != nil {
				return err
			}
		}
		removed = len(orphans)
		return nil
	})
	if err != nil {
		return 0, err
	}
	files, err := s.collectFiles(ctx, before)
	return removed + files, err
}

func (s *Store) collectFiles(ctx context.Context, before time.Time) (int, error) {
	removed := 0
	for f, err := range s.blobs.Entries() {
		if err != nil {
			return removed, failure("list blobs", err)
		}
		if f.ModTime.After(before) {
			continue
		}
		var n int
		if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM blobs WHERE name = ?`, f.Name).Scan(&n); err != nil {
			return removed, failure("list blobs", err)
		}
		if n > 0 {
			continue
		}
		if err := s.blobs.Remove(f.Name); err != nil {
			return removed, failure("remove blob", err)
		}
		removed++
	}
	return removed, nil
}
