package locket

// An Operator compares a property with a value.
type Operator string

// The operators. Ranges work on text, integer, real and time properties.
const (
	OpEqual    Operator = "eq"
	OpNotEqual Operator = "ne"
	OpLess     Operator = "lt"
	OpAtMost   Operator = "le"
	OpMore     Operator = "gt"
	OpAtLeast  Operator = "ge"
	OpPrefix   Operator = "prefix" // text only
	OpUnder    Operator = "under"  // text only: "a/b" itself, and all that begins with "a/b/"
	OpIn       Operator = "in"     // Value is a list
	OpExists   Operator = "exists" // Value is true or false
)

// A Condition is one test on a property. On a property with many values it holds
// if any of them fits.
type Condition struct {
	Property string   `json:"property"`
	Op       Operator `json:"op"`
	Value    any      `json:"value"`
}

// A Query selects items by type and property. The zero Query selects all.
type Query struct {
	Type  string      `json:"type,omitempty"`
	Where []Condition `json:"where,omitempty"`
	// Order is "updated", "created", "time" (the item's own time: when a message
	// was sent, when an event starts) or a property; a leading "-" reverses.
	// Default "-updated". Equal keys are ordered by id.
	Order   string `json:"order,omitempty"`
	Limit   int    `json:"limit,omitempty"` // 1 to 1000, default 50
	Cursor  string `json:"cursor,omitempty"`
	Deleted bool   `json:"deleted,omitempty"` // deleted items instead of living ones
	// Trust leaves only items of these levels; none means all.
	Trust []Trust `json:"trust,omitempty"`
}

// A Search finds items by words; see docs/design/search.md for the language.
// Any text is a valid search.
type Search struct {
	Text   string `json:"text"`
	Order  string `json:"order,omitempty"` // "relevance" (default), "newest", "oldest"
	Limit  int    `json:"limit,omitempty"` // 1 to 200, default 20
	Cursor string `json:"cursor,omitempty"`
}
