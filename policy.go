package locket

import "time"

// A Permission is a sort of thing that a policy can permit.
type Permission string

// The permissions.
const (
	MayRead   Permission = "read"   // get and list items, their links, history and files
	MaySearch Permission = "search" // find items that may be read by their words
	MayCreate Permission = "create"
	MayUpdate Permission = "update"
	MayDelete Permission = "delete" // hide items, and bring them back
	MayLink   Permission = "link"   // link from an item to others that may be read
	MayImport Permission = "import"
	MayExport Permission = "export"
	MayManage Permission = "manage" // principals, grants, types; erasing; the journal
)

// Permissions lists all.
func Permissions() []Permission {
	return []Permission{MayRead, MaySearch, MayCreate, MayUpdate, MayDelete, MayLink, MayImport, MayExport, MayManage}
}

// Reviewable lists the permissions for which a rule may ask for review: those to change
// items.
func Reviewable() []Permission { return []Permission{MayCreate, MayUpdate, MayDelete, MayLink} }

// A Policy says what a principal may do: what any of its rules permits, and
// nothing else. See docs/design/policy.md.
type Policy struct {
	Rules   []Rule    `json:"rules"`
	Limits  []Limit   `json:"limits,omitempty"`
	Expires time.Time `json:"expires,omitzero"` // from then on it permits nothing
}

// A Rule permits actions on the items that all its parts fit. A part that is
// absent fits every item.
type Rule struct {
	Name    string           `json:"name,omitempty"` // what explanations call it
	Actions []Permission     `json:"actions"`
	Types   []string         `json:"types,omitempty"`
	Where   map[string]Match `json:"where,omitempty"` // tests of properties by name, which must all hold
	Items   []ItemID         `json:"items,omitempty"`
	After   time.Time        `json:"after,omitzero"`  // the item's own time is then or later
	Before  time.Time        `json:"before,omitzero"` // the item's own time is earlier
	// Properties are the ones that may be seen or set; absent means all. Those of
	// several rules that fit the same item add up.
	Properties []string  `json:"properties,omitempty"`
	Expires    time.Time `json:"expires,omitzero"`
	// Review makes what only such rules permit wait until the owner approves it. Their
	// actions are among [Reviewable].
	Review bool `json:"review,omitempty"`
}

// A Match is a test of a property: one of its values is among In, or begins with
// Prefix. In JSON it is a value, a list of values or {"prefix": "text"}.
type Match struct {
	In     []any  // string, bool, or json.Number
	Prefix string // text properties only; if In is empty
}

// A Limit bounds how often a principal may act.
type Limit struct {
	Actions []Permission `json:"actions,omitempty"` // absent: all
	Count   int          `json:"count"`             // requests
	Per     string       `json:"per"`               // "minute", "hour" or "day"
}
