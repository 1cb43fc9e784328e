package pods

import (
	"context"
	"errors"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
)

// AddAPIKey makes an API key for a principal, "" for the visitor. The receiver wipes the
// token, which can't be had again.
func (k *Keys) AddAPIKey(ctx context.Context, name string, who locket.PrincipalID) (id string, token *keyring.Token, err error) {
	err = k.change(ctx, func() (err error) {
		id, token, err = k.addAPIKey(name, who)
		return err
	})
	if err != nil && token != nil {
		token.Wipe()
		token = nil
	}
	return id, token, err
}

// RenewKey puts a new API key in the place of the one that the visitor came with: for the
// same principal, under the same name. Everybody may, since nobody gains by it. The
// receiver wipes the token, which can't be had again.
func (v *Visit) RenewKey(ctx context.Context) (id string, token *keyring.Token, err error) {
	if _, ok := v.call.Credential.(*keyring.Token); !ok {
		return "", nil, locket.Errorf(locket.CodeConflict, "only an API key can be renewed, by who comes with it")
	}
	k := v.Keys()
	err = k.change(ctx, func() error {
		if err := k.header.Remove(k.podKey, k.slot); errors.Is(err, keyring.ErrLastSlot) {
			return lastOfOwner()
		} else if err != nil {
			return err
		}
		slot, t, err := k.header.AddAPIKey(k.podKey)
		if err != nil {
			return err
		}
		id, token = slot.String(), t
		return k.edit.Replace(k.slot.String(), id)
	})
	if err != nil && token != nil {
		token.Wipe()
		token = nil
	}
	return id, token, err
}

// AddPassword adds a password of the owner's.
func (k *Keys) AddPassword(ctx context.Context, name string, password keyring.Password) (id string, err error) {
	if err := k.ownersOnly(); err != nil {
		return "", err
	}
	err = k.change(ctx, func() (err error) {
		id, err = k.addPassword(ctx, name, password)
		return err
	})
	return id, err
}

// AddOwner adds a key of the owner's of which only the public half, a hybrid age
// recipient, is here.
func (k *Keys) AddOwner(ctx context.Context, name string, public []byte) (id string, err error) {
	return k.addOwners(ctx, name, "", func() (keyring.SlotID, error) { return k.header.AddOwner(k.podKey, public) })
}

// A RecoveryInfo says what is to be printed on what holds a recovery secret.
type RecoveryInfo struct {
	Slot  keyring.SlotID
	Epoch int64 // of later ones it is larger
}

// AddRecovery adds a recovery secret and ends the keys named in ended with it, all or
// nothing. about says how the secret is shared out. deliver, which may be nil, hands the
// secret over, and is called before the pod is changed: an earlier secret does not end
// before there is another on paper.
func (k *Keys) AddRecovery(ctx context.Context, name, about string, recovery *secret.Key, ended []string, deliver func(RecoveryInfo) error) (made RecoveryInfo, err error) {
	_, err = k.addOwners(ctx, name, about, func() (keyring.SlotID, error) {
		made.Slot, made.Epoch, err = k.header.AddRecovery(k.podKey, recovery)
		if err == nil {
			err = k.removeAll(ended)
		}
		if err == nil && deliver != nil {
			err = deliver(made)
		}
		return made.Slot, err
	})
	return made, err
}

// AddMachine adds a secret that a machine keeps for unattended starts.
func (k *Keys) AddMachine(ctx context.Context, name, store string, kept *secret.Key) (id string, err error) {
	return k.addOwners(ctx, name, "", func() (keyring.SlotID, error) { return k.header.AddMachine(k.podKey, kept, store) })
}

// ChangePassword puts a password in the place of another, which is ended with it.
func (k *Keys) ChangePassword(ctx context.Context, old, name string, password keyring.Password) (id string, err error) {
	if err := k.ownersOnly(); err != nil {
		return "", err
	}
	err = k.change(ctx, func() (err error) {
		id, err = k.addPassword(ctx, name, password)
		if errors.Is(err, keyring.ErrTooManySlots) { // then the old one is not the last
			if err := k.removeAll([]string{old}); err != nil {
				return err
			}
			id, err = k.addPassword(ctx, name, password)
			return err
		} else if err != nil {
			return err
		}
		return k.removeAll([]string{old})
	})
	return id, err
}

// addOwners adds a slot that lets in the owner.
func (k *Keys) addOwners(ctx context.Context, name, about string, add func() (keyring.SlotID, error)) (id string, err error) {
	if err := k.ownersOnly(); err != nil {
		return "", err
	}
	err = k.change(ctx, func() error {
		slot, err := add()
		if err != nil {
			return tooMany(err)
		}
		id = slot.String()
		return k.edit.Name(id, name, about, "")
	})
	return id, err
}

func (k *Keys) addAPIKey(name string, who locket.PrincipalID) (string, *keyring.Token, error) {
	id, token, err := k.header.AddAPIKey(k.podKey)
	if err != nil {
		return "", nil, tooMany(err)
	}
	return id.String(), token, k.edit.Name(id.String(), name, "", who)
}

func (k *Keys) addPassword(ctx context.Context, name string, password keyring.Password) (string, error) {
	id, err := k.header.AddPassword(ctx, k.f.kdf, k.podKey, password, k.f.opts.KDF)
	if err != nil {
		return "", tooMany(err)
	}
	return id.String(), k.edit.Name(id.String(), name, "", "")
}

func tooMany(err error) error {
	if errors.Is(err, keyring.ErrTooManySlots) {
		return locket.Errorf(locket.CodeTooLarge, "the pod has as many keys as it can hold; revoke one first").Because(err)
	}
	return err
}
