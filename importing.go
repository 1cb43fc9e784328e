package locket

import "time"

// An Outcome says how one record of an import ended.
type Outcome string

// The outcomes. Every record read ends in exactly one.
const (
	Imported  Outcome = "imported"
	Duplicate Outcome = "duplicate" // of the item named beside it
	Rejected  Outcome = "rejected"  // for the reason named; its raw bytes are kept where there are any
)

// A LedgerEntry is the fate of one record that an import read.
type LedgerEntry struct {
	File    string  `json:"file"`   // path within the source
	Record  string  `json:"record"` // where in the file: "byte 1024", "line 7", "" for the whole file
	Format  string  `json:"format"`
	Outcome Outcome `json:"outcome"`
	Item    ItemID  `json:"item,omitempty"`   // what it became, or what it is a duplicate of
	Reason  string  `json:"reason,omitempty"` // why it was rejected, or what was odd about it
}

// An Import is one run of an import and its counts. Read is always the sum of
// Imported, Duplicate and Rejected.
type Import struct {
	ID        string    `json:"id"`
	Source    string    `json:"source"` // name of the file or folder, without its path
	Started   time.Time `json:"started"`
	Finished  time.Time `json:"finished,omitzero"` // zero: running, or interrupted
	Read      int64     `json:"read"`
	Imported  int64     `json:"imported"`
	Duplicate int64     `json:"duplicate"`
	Rejected  int64     `json:"rejected"`
}
