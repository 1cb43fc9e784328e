package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// keepRaw keeps the bytes of a rejected record as a File of its own, so that
// nothing is lost to a record that is not understood. It returns "" if there are
// none. The same bytes are kept once.
func (b *batchWriter) keepRaw(p *pending) (locket.ItemID, error) {
	if p.rec.Raw == nil {
		return "", nil
	}
	sum, err := hashOf(p.rec.Raw)
	if err != nil {
		return "", err
	}
	name := path.Base(p.file.Path)
	if p.rec.Where != "" {
		name += " (" + p.rec.Where + ")"
	}
	key := fileKey(sum, name)
	if id, there, err := b.find(key); there || err != nil {
		return id, err
	}
	info, err := b.put(p, rawIndex, p.rec.Raw)
	if err != nil {
		return "", err
	}
	it, err := b.w.Create(store.Draft{Type: "File", Keys: []string{key}, Props: map[string]any{
		"name": name, "blobName": name, "blob": info.ID, "contentSize": info.Size, "sha256": info.SHA256,
		"folder": p.file.folder(), "path": p.file.Path,
	}})
	b.ids[key] = it.ID
	return it.ID, err
}

// hashOf returns the SHA-256 of content in hexadecimal.
func hashOf(open func() (io.ReadCloser, error)) (sum string, err error) {
	c, err := openContent(open)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, c); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
