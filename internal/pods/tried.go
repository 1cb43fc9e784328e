package pods

import (
	"maps"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
)

// triedSlots are the slots of one pod that have opened it on this machine: keys that are
// known to work. The value tells whether the witness has it.
type triedSlots map[keyring.SlotID]bool

func (t triedSlots) bytes() []byte {
	b := []byte{}
	for _, id := range slices.SortedFunc(maps.Keys(t), func(a, b keyring.SlotID) int { return slices.Compare(a[:], b[:]) }) {
		b = append(b, id[:]...)
	}
	return b
}

// noteTried notes the slot that has just opened a pod. Slots that have been ended since
// are forgotten with it: what the witness keeps stays as small as a header.
func (f *Folder) noteTried(k *unlocked) {
	if k.grant != nil || f.witness.dir == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	tried := f.tries(k.pod)
	if _, known := tried[k.slot]; known {
		return
	}
	there := k.header.Slots()
	maps.DeleteFunc(tried, func(id keyring.SlotID, _ bool) bool {
		return !slices.ContainsFunc(there, func(s keyring.SlotInfo) bool { return s.ID == id })
	})
	tried[k.slot] = false
}

// tries returns the set of a pod. The caller holds mu.
func (f *Folder) tries(pod locket.PodID) triedSlots {
	if f.tried[pod] == nil {
		f.tried[pod] = make(triedSlots)
	}
	return f.tried[pod]
}

// recallTried takes in what the witness has.
func (f *Folder) recallTried(pod locket.PodID, ids []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range slices.Chunk(ids, len(keyring.SlotID{})) {
		f.tries(pod)[keyring.SlotID(id)] = true
	}
}

func (f *Folder) triedSlots(pod locket.PodID) triedSlots {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.tried[pod])
}

// newlyTried tells whether there are slots that the witness has not, and counts them as
// there from now on.
func (f *Folder) newlyTried(pod locket.PodID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := false
	for id, kept := range f.tried[pod] {
		found = found || !kept
		f.tried[pod][id] = true
	}
	return found
}
