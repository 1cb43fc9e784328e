package pods_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// edited runs fn with the keys of a pod, and then takes back what the database has of it: a
// crash does that after the header was saved.
func edited(t *testing.T, dir string, c pods.Created, fn func(*pods.Keys) error) {
	t.Helper()
	f := place(t, dir, "")
	path := filepath.Join(dir, string(c.Pod), "pod.db")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Keys(t.Context(), c.Pod, c.Token, fn); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
}

func slotOf(t *testing.T, f *pods.Folder, pod locket.PodID, kind keyring.Kind) string {
	t.Helper()
	slots, err := f.Slots(pod)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slots {
		if s.Kind == kind {
			return s.ID.String()
		}
	}
	return ""
}

// A slot that a crash left without a name opens the pod. The owner can end it in both ways.
func TestUnnamedSlotIsEnded(t *testing.T) {
	for name, end := range map[string]func(f *pods.Folder, c pods.Created, id string) error{
		"revoke": func(f *pods.Folder, c pods.Created, id string) error {
			return f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error { return k.Revoke(t.Context(), id) })
		},
		"rotate": func(f *pods.Folder, c pods.Created, id string) error {
			_, err := rotate(t, f, c.Pod, c.Token, id)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			f := place(t, dir, "")
			c := create(t, f)
			machine := keyring.Machine{Secret: keyring.NewSecret()}
			edited(t, dir, c, func(k *pods.Keys) error {
				_, err := k.AddMachine(t.Context(), "server", "kernel", machine.Secret)
				return err
			})
			count(t, f, c.Pod, machine)
			if err := end(f, c, slotOf(t, f, c.Pod, keyring.KindKeyring)); err != nil {
				t.Fatal(err)
			}
			err := f.Do(t.Context(), c.Pod, machine, func(*store.View) error { return nil })
			if locket.CodeOf(err) != locket.CodeUnauthenticated {
				t.Errorf("the ended key: %v", err)
			}
			verify(t, f, c.Pod, c.Token)
		})
	}
}

// The database has the name of a slot that is not there any more. That is no key of the
// owner's.
func TestNameWithoutSlotIsNoKey(t *testing.T) {
	dir := t.TempDir()
	f := place(t, dir, "")
	c := create(t, f)
	own := c.Token.Slot.String()
	agent(t, f, c)
	edited(t, dir, c, func(k *pods.Keys) error {
		return k.Revoke(t.Context(), slotOf(t, f, c.Pod, keyring.KindPassword))
	})
	err := f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error { return k.Revoke(t.Context(), own) })
	if locket.CodeOf(err) != locket.CodeConflict {
		t.Errorf("the owner's last key was ended: %v", err)
	}
	count(t, f, c.Pod, c.Token)
}

func agent(t *testing.T, f *pods.Folder, c pods.Created) {
	t.Helper()
	err := f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error {
		_, _, _, err := k.AddPrincipal(t.Context(), locket.Principal{Kind: locket.KindAgent, Name: "agent"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// With an agent's key alone nobody could manage the pod.
func TestRotateKeepsAnOwner(t *testing.T) {
	f := place(t, t.TempDir(), "")
	c := create(t, f)
	agent(t, f, c)
	_, err := rotate(t, f, c.Pod, c.Token, c.Token.Slot.String(), slotOf(t, f, c.Pod, keyring.KindPassword))
	if locket.CodeOf(err) != locket.CodeConflict {
		t.Errorf("the owner's last keys were ended: %v", err)
	}
	count(t, f, c.Pod, c.Token)
}
