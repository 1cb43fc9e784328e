package store

import (
	"context"
	"encoding/hex"
	"errors"
	"io"

	"github.com/locketpod/locket"
)

// ReplayBlob keeps the content of r as the blob of another pod that info describes, in
// this transaction. CodeInvalid if the content is another; CodeConflict if the pod has
// a blob with this id and other content. If it has the blob, r is not read.
func (w *Writer) ReplayBlob(info locket.BlobInfo, r io.Reader) error {
	if there, err := w.hasBlob(info); there || err != nil {
		return err
	}
	b, err := w.v.writeBlobAs(info, r)
	if err != nil {
		return err
	}
	if b.name != "" {
		w.files = append(w.files, b.name)
	}
	return w.insertBlob(b, w.now(), w.v.who.n)
}

// ReplayBlob is the same in a transaction of its own, which does not hold up other
// writers while r is read.
func (v *View) ReplayBlob(ctx context.Context, info locket.BlobInfo, r io.Reader) error {
	there := false
	_, err := v.Write(ctx, func(w *Writer) (err error) {
		there, err = w.hasBlob(info)
		return err
	})
	if there || err != nil {
		return err
	}
	b, err := v.writeBlobAs(info, r)
	if err != nil {
		return err
	}
	err = v.s.transaction(ctx, func(t *tx) error { return t.insertBlob(b, v.s.now(), v.who.n) })
	if err != nil && b.name != "" {
		err = errors.Join(err, v.s.blobs.Remove(b.name))
	}
	return err
}

func (w *Writer) hasBlob(info locket.BlobInfo) (bool, error) {
	if !w.v.access.Whole() {
		return false, locket.Errorf(locket.CodeDenied, "only the owner may import an export of a pod")
	}
	id, ok := uuidBytes(string(info.ID))
	if !ok {
		return false, locket.Errorf(locket.CodeInvalid, "the id of a file is no UUID")
	}
	var size int64
	var sum []byte
	err := w.queryRow(`SELECT size, sha256 FROM blobs WHERE id = ?`, id).Scan(&size, &sum)
	switch {
	case locket.CodeOf(failure("", err)) == locket.CodeNotFound:
		return false, nil
	case err != nil:
		return false, err
	case size != info.Size || hex.EncodeToString(sum) != info.SHA256:
		return false, locket.Errorf(locket.CodeConflict, "the pod has a file with this id and other content")
	}
	return true, nil
}

// writeBlobAs writes content down if it is the one that info describes.
func (v *View) writeBlobAs(info locket.BlobInfo, r io.Reader) (*stored, error) {
	b, err := v.s.writeBlob(r)
	if err != nil {
		return nil, err
	}
	if b.info.Size == info.Size && b.info.SHA256 == info.SHA256 {
		b.info.ID = info.ID
		return b, nil
	}
	b.key.Wipe()
	err = locket.Errorf(locket.CodeInvalid, "a file of it is not the one that was exported: its size or SHA-256 is another")
	if b.name != "" {
		err = errors.Join(err, v.s.blobs.Remove(b.name))
	}
	return nil, err
}
