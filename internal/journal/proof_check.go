package journal

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
)

// A Proven action is what a proof shows. Whose keys PodKey and Key are is for the
// reader to compare with what they know.
type Proven struct {
	N        int64              `json:"n"` // the entry, from 1
	Kind     locket.EntryKind   `json:"kind"`
	Author   locket.PrincipalID `json:"author"`
	SignedBy locket.Signatory   `json:"signedBy"`
	Key      string             `json:"key"` // that the entry is signed with, hexadecimal
	HLC      locket.HLC         `json:"hlc"`
	Time     time.Time          `json:"time"`
	Source   locket.Source      `json:"source,omitzero"`
	Erased   bool               `json:"erased,omitempty"` // what follows is not known any more
	Action   locket.Action      `json:"action,omitempty"`
	Item     locket.ItemID      `json:"item,omitempty"` // empty where it is about none
	Type     string             `json:"type,omitempty"`
	Props    map[string]any     `json:"props,omitempty"` // as in Leaf
}

// Check returns what the proof shows, one by one of its actions. A proof that shows
// not all of it is an error of code tampered.
func (p *Proof) Check() ([]Proven, error) {
	podKey, err := parseKey(p.PodKey)
	if err != nil {
		return nil, locket.Errorf(locket.CodeTampered, "the proof does not hold: its pod key is none").Because(err)
	}
	c, err := OpenCheckpoint([]byte(p.Checkpoint), podKey)
	if err == nil && c.Pod != p.Pod {
		err = errors.New("of another pod")
	}
	var keys *Keys
	if err == nil {
		keys, err = NewKeys(p.Pod, podKey, p.Earlier)
	}
	if err != nil {
		return nil, locket.Errorf(locket.CodeTampered, "the proof does not hold: its checkpoint is not one of this pod and key").Because(err)
	}
	proven := make([]Proven, len(p.Actions))
	for i := range p.Actions {
		if proven[i], err = p.Actions[i].check(c, keys); err != nil {
			return nil, locket.Errorf(locket.CodeTampered, "the proof does not hold: its %s action: %s", ordinal(i+1), err).Because(err)
		}
	}
	return proven, nil
}

// check returns errors whose text is safe to show.
func (a *ProvedAction) check(c Checkpoint, keys *Keys) (Proven, error) {
	var e Entry
	if canon.Unmarshal(a.Entry, &e) != nil || e.Version != Version {
		return Proven{}, errors.New("the entry cannot be read")
	}
	if locket.FormatUUID(e.Pod) != string(c.Pod) {
		return Proven{}, errors.New("the entry is of another pod")
	}
	key, err := a.key(&e, keys)
	if err != nil {
		return Proven{}, err
	}
	hash := hashOf(a.Entry)
	if !ed25519.Verify(key, signed(hash), a.Signature) {
		return Proven{}, errors.New("the signature does not fit the entry")
	}
	if tlog.CheckRecord(a.EntryPath, c.Size, c.Root, a.EntryIndex, RecordHash(hash, a.Signature)) != nil {
		return Proven{}, errors.New("the entry is not in the journal of the checkpoint")
	}
	out := Proven{
		N: a.EntryIndex + 1, Kind: locket.EntryKind(e.Kind), Author: locket.PrincipalID(locket.FormatUUID(e.Author)),
		SignedBy: locket.SignedByAuthor, Key: hex.EncodeToString(key), HLC: e.HLC, Time: e.HLC.Time(),
		Source: locket.Source{Import: e.Source.Import, Session: e.Source.Session, Item: locket.ItemID(e.Source.Item)},
	}
	if e.ByPod {
		out.SignedBy = locket.SignedByPod
	}
	return out, a.checkLeaf(&e, &out)
}

// key returns the key that the entry is to be signed with.
func (a *ProvedAction) key(e *Entry, keys *Keys) (ed25519.PublicKey, error) {
	if e.ByPod {
		if a.AuthorKey != "" {
			return nil, errors.New("the pod signed the entry, and the proof has a key of its author")
		}
		return keys.At(a.EntryIndex + 1), nil
	}
	key, err := parseKey(a.AuthorKey)
	if err != nil {
		return nil, errors.New("the key of the entry's author is missing or malformed")
	}
	return key, nil
}

// checkLeaf checks that the action is one of the entry's, and adds what it was.
func (a *ProvedAction) checkLeaf(e *Entry, out *Proven) error {
	var hash Hash
	switch {
	case a.LeafHash != nil && len(a.Leaf) == 0:
		hash, out.Erased = *a.LeafHash, true
	case a.LeafHash == nil && len(a.Leaf) > 0:
		var l Leaf
		if canon.Unmarshal(a.Leaf, &l) != nil {
			return errors.New("the action cannot be read")
		}
		hash = tlog.RecordHash(a.Leaf)
		out.Action, out.Type, out.Props = locket.Action(l.Action), l.Type, l.Props
		if l.Item != [16]byte{} {
			out.Item = locket.ItemID(locket.FormatUUID(l.Item))
		}
	default:
		return errors.New("it has to have either its content or, where that was erased, its hash")
	}
	if len(e.Root) != len(hash) || int64(e.Leaves) > maxSize ||
		tlog.CheckRecord(a.LeafPath, int64(e.Leaves), Hash(e.Root), a.LeafIndex, hash) != nil {
		return errors.New("it is not one of those that the entry was signed for")
	}
	return nil
}
