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
func (r *run) open(ctx context.Context, it *locket.Item) error {
	switch {
	case it.Type == "Note" && r.has("markdown"):
		return r.note(ctx, it)
	case it.Type == "Message" && r.has("mail"):
		f := r.folderOfMail(it.Text("folder"))
		id, _ := locket.ParseUUID(string(it.ID))
		f.messages = append(f.messages, id)
	case it.Type == "Person" && r.has("contacts"):
		return r.contact(it)
	case it.Type == "Event" && r.has("calendar"):
		return r.event(it)
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
	dir, name := path.Split(content)
	if dir == "blobs/" { // another item has had it first
		dir, name = map[string]string{"File": "files", "Photo": "photos"}[it.Type], fileName(it)
	}
	return r.small(r.names.unique(dir, name, ".json", string(it.ID)), it.Updated, append(b, '\n'))
}

// small writes a file of the archive from memory.
func (r *run) small(name string, modified time.Time, data []byte) error {
	return r.entry(name, int64(len(data)), modified, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(data))
		return err
	})
}
