package locket

import "time"

// A PrincipalKind says what sort of actor a [Principal] is.
type PrincipalKind string

// The kinds of principal.
const (
	KindOwner  PrincipalKind = "owner"
	KindDevice PrincipalKind = "device" // of the owner's
	KindAgent  PrincipalKind = "agent"  // an AI agent
	KindPlugin PrincipalKind = "plugin"
	KindPeer   PrincipalKind = "peer" // another pod
	KindPod    PrincipalKind = "pod"  // the pod itself: upkeep, merges
)

// A PrincipalState says whether a principal may act.
type PrincipalState string

// The states.
const (
	StateActive  PrincipalState = "active"
	StatePaused  PrincipalState = "paused"  // refused until it is resumed
	StateRevoked PrincipalState = "revoked" // refused for good; its keys and grants are gone
)

// A Principal is who acts. The owner has no policy and may do everything; all
// others may do what their policy permits, and nothing without one.
type Principal struct {
	ID        PrincipalID    `json:"id"`
	Kind      PrincipalKind  `json:"kind"`
	Name      string         `json:"name"`
	State     PrincipalState `json:"state"`
	PublicKey string         `json:"publicKey,omitempty"` // Ed25519, hexadecimal; empty: the pod signs on its behalf
	Maker     PrincipalID    `json:"maker,omitempty"`     // who made it, and beyond whose policy its own never reaches
	Policy    *Policy        `json:"policy,omitempty"`
	Created   time.Time      `json:"created,omitzero"`
	Seen      time.Time      `json:"seen,omitzero"` // its latest entry in the journal
}

// A Trust says how far what somebody wrote is to be relied on: by who wrote it,
// and whether it came from outside.
type Trust string

// The levels of trust, the highest first. An item's is the lowest among its
// current values.
const (
	TrustOwner  Trust = "owner"
	TrustDevice Trust = "device"
	TrustAgent  Trust = "agent"
	TrustPlugin Trust = "plugin"
	TrustPeer   Trust = "peer"
	TrustImport Trust = "import" // read from a file or archive, whoever imported it
)

// Trusts lists the levels, the highest first.
func Trusts() []Trust {
	return []Trust{TrustOwner, TrustDevice, TrustAgent, TrustPlugin, TrustPeer, TrustImport}
}

// TrustOf returns the level of what a principal of a kind writes. The pod acts for
// its owner.
func TrustOf(k PrincipalKind, s Source) Trust {
	switch {
	case s.Import != "":
		return TrustImport
	case k == KindOwner || k == KindPod:
		return TrustOwner
	}
	return Trust(k)
}

// A Source says what a change came of, beside who made it.
type Source struct {
	Import  string `json:"import,omitempty"`  // id of an import run
	Session string `json:"session,omitempty"` // id of a session of the author's
	Item    ItemID `json:"item,omitempty"`    // the item, such as a message, that it was taken from
}
