package locket

import "time"

// A PrincipalKind says what sort of actor a [Principal] is.
type PrincipalKind string

// The kinds of principal.
const (
	KindOwner PrincipalKind = "owner"
	KindPod   PrincipalKind = "pod" // the pod itself: upkeep, merges
)

// A Principal is who acts.
type Principal struct {
	ID   PrincipalID   `json:"id"`
	Kind PrincipalKind `json:"kind"`
	Name string        `json:"name"`
}

// An Action is what is done to an item.
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
)

// A Change is one committed transaction: everything that one principal did at
// once. It is signed over its canonical form; see docs/design/changes.md.
type Change struct {
	ID        int64       `json:"id"` // position in this pod, from 1
	Author    PrincipalID `json:"author"`
	Seq       int64       `json:"seq"` // the author's own count, from 1
	HLC       HLC         `json:"hlc"`
	Time      time.Time   `json:"time"`
	Leaves    int         `json:"leaves"` // how many items and edges it touched
	Hash      string      `json:"hash"`   // SHA-256 of the canonical form, hexadecimal
	Signature string      `json:"signature"`
}

// A Revision is one entry of an item's history, newest first in lists.
type Revision struct {
	Change int64          `json:"change"`
	Author PrincipalID    `json:"author"`
	Time   time.Time      `json:"time"`
	Action Action         `json:"action"`
	Props  map[string]any `json:"props,omitempty"` // the values this change set; null where it removed one
}
