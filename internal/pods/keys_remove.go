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
	letsInOwner, err := k.letsInOwner()
	if err == nil && !slices.ContainsFunc(k.header.Slots(), letsInOwner) {
		err = locket.Errorf(locket.CodeConflict, "this is the last key of the owner's own: without it nobody could manage the pod again; add another first")
	}
	return err
}

// letsInOwner tells of a slot of the header whether who has it is the owner. The names in
// the database decide only on API keys: after a crash they may be behind the header.
func (k *Keys) letsInOwner() (func(keyring.SlotInfo) bool, error) {
	named, err := k.edit.OwnerSlots()
	return func(s keyring.SlotInfo) bool {
		return s.Opens && (s.Kind != keyring.KindAPIKey || slices.Contains(named, s.ID.String()))
	}, err
}
