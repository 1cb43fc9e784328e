// Package portable is the form in which a pod leaves Locket and comes back: JSON
// Lines that hold everything but the files themselves; see docs/design/export.md.
package portable

import (
	"time"

	"github.com/locketpod/locket"
)

// Name, format and version of the file.
const (
	FileName = "locket.jsonl"
	Format   = "locket-export"
	Version  = 1
)

// MaxLine bounds one line in bytes. An item has at most 32 MiB.
const MaxLine = 72 << 20

// A Header is the first line.
type Header struct {
	Format     string       `json:"format"`
	Version    int          `json:"version"`
	Pod        locket.PodID `json:"pod"`
	Checkpoint string       `json:"checkpoint,omitempty"` // signed text; for those who may see all of the journal
	Time       time.Time    `json:"time"`
	Locket     string       `json:"locket"`          // version of the program
	Complete   bool         `json:"complete"`        // everything in the pod, without bounds and selection
	History    bool         `json:"history"`         // former values are there; else each item is as it was last
	Query      string       `json:"query,omitempty"` // what selected the items
}

// A Line is every further line; one of the fields is set. They come in this order:
// types, principals, items, edges, end. An item stands behind the blobs that it is the
// first to refer to, and is followed by its revisions, the oldest first.
type Line struct {
	Type      *locket.Type      `json:"type,omitempty"` // that the owner added, or what was added to a built-in one
	Principal *locket.Principal `json:"principal,omitempty"`
	Blob      *Blob             `json:"blob,omitempty"`
	Item      *Item             `json:"item,omitempty"`
	Revision  *Revision         `json:"revision,omitempty"`
	Edge      *locket.Edge      `json:"edge,omitempty"`
	End       *Counts           `json:"end,omitempty"`
}

// A Blob is a file, whose content lies at Path beside this one.
type Blob struct {
	locket.BlobInfo
	Path string `json:"path"` // slash-separated
}

// An Item is an item as it was last, with its external keys.
type Item struct {
	locket.Item
	Keys []string `json:"keys,omitempty"` // sorted
}

// A Revision is one change of the item before it: create, update, delete or restore. A
// value is there once: here if it was replaced since, else in the item.
type Revision struct {
	locket.Provenance
	Action locket.Action  `json:"action"`
	Was    map[string]any `json:"was,omitempty"` // values that it set and that were replaced; null: it removed one
	Is     []string       `json:"is,omitempty"`  // properties that are still as it set them, or removed them; sorted
}

// Props returns the values that a revision of the item set, nil for one that it removed.
func (r *Revision) Props(of *Item) map[string]any {
	props := make(map[string]any, len(r.Was)+len(r.Is))
	for name, v := range r.Was {
		props[name] = v
	}
	for _, name := range r.Is {
		props[name] = of.Props[name]
	}
	return props
}

// Counts is the last line: how many lines of each kind came before it. A file without
// it was cut.
type Counts struct {
	Types      int64            `json:"types"`
	Principals int64            `json:"principals"`
	Blobs      int64            `json:"blobs"`
	BlobBytes  int64            `json:"blobBytes"`
	Items      int64            `json:"items"`
	Deleted    int64            `json:"deleted"` // of the items
	Revisions  int64            `json:"revisions"`
	Edges      int64            `json:"edges"`
	ByType     map[string]int64 `json:"byType"` // of the items
}

// Add counts a line.
func (c *Counts) Add(l *Line) {
	switch {
	case l.Type != nil:
		c.Types++
	case l.Principal != nil:
		c.Principals++
	case l.Blob != nil:
		c.Blobs++
		c.BlobBytes += l.Blob.Size
	case l.Item != nil:
		if c.ByType == nil {
			c.ByType = make(map[string]int64)
		}
		c.Items++
		c.ByType[l.Item.Type]++
		if l.Item.Deleted {
			c.Deleted++
		}
	case l.Revision != nil:
		c.Revisions++
	case l.Edge != nil:
		c.Edges++
	}
}
