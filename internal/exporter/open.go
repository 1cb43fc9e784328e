package exporter

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path"
	"time"

	"github.com/locketpod/locket"
)

// open writes an item in the open format of its type, if it has one.
func (r *run) open(_ context.Context, it *locket.Item) error {
	switch {
	case it.Type == "File" && r.has("files"), it.Type == "Photo" && r.has("photos"):
		return r.sidecar(it)
	}
	return nil
}

// sidecar writes what is known of a file beside it.
func (r *run) sidecar(it *locket.Item) error {
	id, _ := it.Props["blob"].(locket.BlobID)
	content := r.paths[id]
	if content == "" {
		return nil
	}
	b, err := json.MarshalIndent(struct {
		Content string `json:"content"` // path in the archive
		*locket.Item
	}{content, it}, "", "  ")
	if err != nil {
		return err
	}
	return r.small(r.names.unique(path.Dir(content), path.Base(content), ".json", string(it.ID)), it.Updated, append(b, '\n'))
}

// small writes a file of the archive from memory.
func (r *run) small(name string, modified time.Time, data []byte) error {
	return r.entry(name, int64(len(data)), modified, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(data))
		return err
	})
}
