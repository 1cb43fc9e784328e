package locket

import "time"

// An Item is one typed thing. Its properties hold, by kind (see [Kind]):
// string, int64, float64, bool, time.Time, [ItemID] and [BlobID], or for a property that
// may have many values a slice []any of those.
type Item struct {
	ID      ItemID         `json:"id"`
	Type    string         `json:"type"`
	Props   map[string]any `json:"props"`
	Created time.Time      `json:"created"` // wall time of the first change
	Updated time.Time      `json:"updated"` // wall time of the latest change
	Version int64          `json:"version"` // 1 at creation, one more with every change
	Trust   Trust          `json:"trust"`   // the lowest of its current values
	Deleted bool           `json:"deleted,omitempty"`
}

// Text returns the string value of a property, "" if it has none.
func (it Item) Text(property string) string {
	s, _ := it.Props[property].(string)
	return s
}

// An Edge is a named, directed link between two items. There is at most one of
// each name between the same two, in the same direction.
type Edge struct {
	Source ItemID `json:"source"`
	Name   string `json:"name"`
	Target ItemID `json:"target"`
}

// A Linked is one end of an edge as seen from the other: the edge and the item
// it leads to.
type Linked struct {
	Edge Edge `json:"edge"`
	Item Item `json:"item"`
}

// A BlobInfo describes a blob.
type BlobInfo struct {
	ID     BlobID `json:"id"`
	Size   int64  `json:"size"`   // bytes of content
	SHA256 string `json:"sha256"` // of the content, hexadecimal
}

// A Page is one page of a list in a stable order. Next is the cursor of the page
// after it, "" on the last. Cursors are opaque.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// A Hit is one result of a search.
type Hit struct {
	Item    Item   `json:"item"`
	Snippet string `json:"snippet,omitempty"` // text around the first match, plain
}

// Stats counts what a principal may see.
type Stats struct {
	Items     int64            `json:"items"`
	Deleted   int64            `json:"deleted"`
	ByType    map[string]int64 `json:"byType"`
	Edges     int64            `json:"edges"`
	Blobs     int64            `json:"blobs"`
	BlobBytes int64            `json:"blobBytes"`
	Changes   int64            `json:"changes"`
	FileBytes int64            `json:"fileBytes"` // database on disk, without blobs
}
