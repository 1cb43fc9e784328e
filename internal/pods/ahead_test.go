package pods_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

// A crash may leave the header of a change beside the database from before it. The pod
// opens with it, and what the database was not told of can be ended and changed again.
func TestHeaderAheadOfDatabase(t *testing.T) {
	paper := secret.Random(32)
	for name, change := range map[string]func(*testing.T, *pods.Keys) error{
		"an API key": func(t *testing.T, k *pods.Keys) error {
			_, _, err := k.AddAPIKey(t.Context(), "phone", "")
			return err
		},
		"a passphrase": func(t *testing.T, k *pods.Keys) error {
			_, err := k.AddPassword(t.Context(), "spare", password("another"))
			return err
		},
		"a changed passphrase": func(t *testing.T, k *pods.Keys) error {
			_, err := k.ChangePassword(t.Context(), kindOf(t, k, keyring.KindPassword)[0], "new", password("another"))
			return err
		},
		"a renewed kit": func(t *testing.T, k *pods.Keys) error {
			_, err := k.AddRecovery(t.Context(), "paper", "", secret.Random(32), kindOf(t, k, keyring.KindRecovery), nil)
			return err
		},
		"an ended principal": func(t *testing.T, k *pods.Keys) error {
			list, err := k.List(t.Context())
			if err != nil {
				return err
			}
			for _, i := range list {
				if i.Name == "agent" {
					_, err = k.RevokePrincipal(t.Context(), i.Principal)
					return err
				}
			}
			return errors.New("there is no agent")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			f := place(t, dir, "")
			c := create(t, f)
			keys := func(fn func(*pods.Keys) error) {
				t.Helper()
				if err := f.Keys(t.Context(), c.Pod, c.Token, fn); err != nil {
					t.Fatal(err)
				}
			}
			keys(func(k *pods.Keys) error {
				_, err1 := k.AddRecovery(t.Context(), "paper", "", paper, nil, nil)
				who, _, _, err2 := k.AddPrincipal(t.Context(), locket.Principal{Kind: locket.KindAgent, Name: "agent"})
				_, _, err3 := k.AddAPIKey(t.Context(), "agent's second", who.ID)
				return errors.Join(err1, err2, err3)
			})
			path := filepath.Join(dir, string(c.Pod), "pod.db")
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			keys(func(k *pods.Keys) error { return change(t, k) })
			if err := os.WriteFile(path, before, 0o600); err != nil {
				t.Fatal(err)
			}
			keys(func(k *pods.Keys) error {
				list, err := k.List(t.Context())
				for _, i := range list {
					if err == nil && i.Name == "" {
						err = k.Revoke(t.Context(), i.ID)
					}
				}
				return err
			})
			keys(func(k *pods.Keys) error {
				_, err := k.AddPassword(t.Context(), "newest", password("yet another"))
				return err
			})
			if err := f.Do(t.Context(), c.Pod, password("yet another"), func(*store.View) error { return nil }); err != nil {
				t.Error(err)
			}
			verify(t, f, c.Pod, c.Token)
		})
	}
}

// kindOf returns the ids of the keys of a kind.
func kindOf(t *testing.T, k *pods.Keys, kind keyring.Kind) (ids []string) {
	t.Helper()
	list, err := k.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		if i.Kind == kind {
			ids = append(ids, i.ID)
		}
	}
	return ids
}

// Who came in by a key that the database was not told of is not the last owner, and can
// be kept while the others are ended.
func TestLastKeyCountsWhatTheDatabaseMissed(t *testing.T) {
	dir := t.TempDir()
	f := place(t, dir, "")
	c := create(t, f)
	path := filepath.Join(dir, string(c.Pod), "pod.db")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	err = f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error {
		_, err := k.ChangePassword(t.Context(), kindOf(t, k, keyring.KindPassword)[0], "new", password("another"))
		return err
	})
	if err == nil {
		err = os.WriteFile(path, before, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = f.Keys(t.Context(), c.Pod, password("another"), func(k *pods.Keys) error {
		if err := k.Revoke(t.Context(), c.Token.Slot.String()); err != nil {
			return err
		}
		err := k.Revoke(t.Context(), kindOf(t, k, keyring.KindPassword)[0])
		if locket.CodeOf(err) != locket.CodeConflict {
			t.Errorf("the last key was ended: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
