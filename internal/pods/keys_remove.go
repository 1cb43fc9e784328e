package pods

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/store"
)

// Rename calls a key something else.
func (k *Keys) Rename(ctx context.Context, id, name string) error {
	return k.view.EditSlots(ctx, func(e *store.SlotEditor) error {
		err := e.Rename(id, name)
		if locket.CodeOf(err) == locket.CodeNotFound {
			return noKey()
		}
		return err
	})
}

// Revoke removes a key. The last one can't be removed.
func (k *Keys) Revoke(ctx context.Context, id string) error {
	return k.change(ctx, func() error { return k.removeAll([]string{id}) })
}

func (k *Keys) removeAll(ids []string) error {
	slots, err := slotIDs(ids)
	for _, id := range slots {
		if err := k.remove(id); err != nil {
			return err
		}
	}
	return err
}

func slotIDs(ids []string) ([]keyring.SlotID, error) {
	slots := make([]keyring.SlotID, len(ids))
	for i, id := range ids {
		raw, err := hex.DecodeString(id)
		if err != nil || len(raw) != len(keyring.SlotID{}) {
			return nil, noKey()
		}
		slots[i] = keyring.SlotID(raw)
	}
	return slots, nil
}

func (k *Keys) remove(id keyring.SlotID) error {
	if err := k.edit.Forget(id.String()); locket.CodeOf(err) == locket.CodeNotFound {
		return noKey()
	} else if err != nil {
		return err
	}
	err := k.header.Remove(k.podKey, id)
	switch {
	case errors.Is(err, keyring.ErrNoSlot):
		return noKey()
	case errors.Is(err, keyring.ErrLastSlot):
		return locket.Errorf(locket.CodeConflict, "this is the last key: without it nobody could open the pod again; add another first").Because(err)
	case err != nil:
		return err
	}
	named, err := k.edit.OwnerSlots()
	if err == nil && !letInOwner(k.header.Slots(), named) {
		err = lastOfOwner()
	}
	return err
}

// letInOwner tells whether one of the slots lets in the owner. named are those of which
// the database says so; of the others only API keys need a name. The database may name
// slots that are not in the header any more, since a crash.
func letInOwner(slots []keyring.SlotInfo, named []string) bool {
	return slices.ContainsFunc(slots, func(s keyring.SlotInfo) bool {
		return s.Opens && (s.Kind != keyring.KindAPIKey || slices.Contains(named, s.ID.String()))
	})
}

func lastOfOwner() error {
	return locket.Errorf(locket.CodeConflict, "this is the last key of the owner's own: without it nobody could manage the pod again; add another first")
}
