package locket

import "time"

// An Action is what is done, to an item or about none.
type Action string

// The actions.
const (
	ActionRead    Action = "read" // reading and searching; not part of changes
	ActionCreate  Action = "create"
	ActionUpdate  Action = "update"
	ActionDelete  Action = "delete"
	ActionRestore Action = "restore"
	ActionErase   Action = "erase"
	ActionLink    Action = "link"
	ActionUnlink  Action = "unlink"
	ActionSchema  Action = "schema"

	// Of the journal's entries that are about no item.
	ActionSearch    Action = "search"
	ActionRefuse    Action = "refuse"    // something was asked for and not permitted
	ActionPrincipal Action = "principal" // a principal was made or changed
	ActionGrant     Action = "grant"
	ActionGrantEnd  Action = "grant.end"
	ActionKey       Action = "key"
	ActionKeyEnd    Action = "key.end"
	ActionRotate    Action = "rotate" // the pod got another key
	ActionBackup    Action = "backup" // whom backups are for was changed
	ActionAsk       Action = "ask"    // something was asked for that waits for the owner; not part of changes
	ActionApprove   Action = "approve"
	ActionReject    Action = "reject"
)

// A Change is one entry of the journal: everything that one principal did, saw or
// was refused at once. It is signed over its canonical form; see
// docs/design/journal.md.
type Change struct {
	ID        int64       `json:"id,omitempty"` // position in this pod, from 1; only for those who may see all of it
	Kind      EntryKind   `json:"kind"`
	Author    PrincipalID `json:"author"`
	SignedBy  Signatory   `json:"signedBy"`
	Source    Source      `json:"source,omitzero"`
	Seq       int64       `json:"seq"` // the author's own count, from 1
	HLC       HLC         `json:"hlc"`
	Time      time.Time   `json:"time"`
	Leaves    int         `json:"leaves"` // how many actions
	Hash      string      `json:"hash"`   // SHA-256 of the canonical form, hexadecimal
	Signature string      `json:"signature"`
}

// An EntryKind says what an entry of the journal records.
type EntryKind string

// The kinds of entry.
const (
	EntryChange EntryKind = "change" // items, links, types, principals, grants or keys were changed
	EntryAccess EntryKind = "access" // something was read, or refused
)

// A Signatory says whose key an entry is signed with.
type Signatory string

// The signatories.
const (
	SignedByAuthor Signatory = "author"
	SignedByPod    Signatory = "pod" // on the author's behalf
)

// Provenance says who wrote a value, when, and what it came of.
type Provenance struct {
	Change   int64       `json:"change,omitempty"` // only for those who may see all of the journal
	Author   PrincipalID `json:"author"`
	Name     string      `json:"name"` // of the author
	Time     time.Time   `json:"time"`
	SignedBy Signatory   `json:"signedBy"`
	Trust    Trust       `json:"trust"`
	Source   Source      `json:"source,omitzero"`
}

// A Revision is one entry of an item's history, newest first in lists.
type Revision struct {
	Provenance
	Action Action         `json:"action"`
	Props  map[string]any `json:"props,omitempty"` // the values this change set; null where it removed one
}
