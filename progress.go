package locket

// A Progress is one report of long work. Counts are totals so far.
type Progress struct {
	Stage string `json:"stage"`           // what is being done now, e.g. "reading mail"
	Done  int64  `json:"done"`            // units finished
	Total int64  `json:"total,omitempty"` // units in all, 0 if unknown
	Unit  string `json:"unit"`            // "bytes", "records"
	Note  string `json:"note,omitempty"`  // one short line more, e.g. counts
}

// A Reporter receives progress. It is called from the working goroutine and must
// return quickly; nil means nobody watches.
type Reporter func(Progress)

// Report calls r unless it is nil.
func (r Reporter) Report(p Progress) {
	if r != nil {
		r(p)
	}
}
