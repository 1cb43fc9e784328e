package pods_test

import (
	"slices"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// TestRenewKey: an agent that may do nothing exchanges its key for another, and gains
// and loses nothing by it.
func TestRenewKey(t *testing.T) {
	f := folder(t, pods.Options{})
	c := create(t, f)
	var agent locket.Principal
	var first *keyring.Token
	err := f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) (err error) {
		agent, _, first, err = k.AddPrincipal(t.Context(), locket.Principal{Kind: locket.KindAgent, Name: "assistant"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	renew := func(token keyring.Credential) (id string, next *keyring.Token, err error) {
		err = f.Visit(t.Context(), pods.Call{Pod: c.Pod, Credential: token}, func(v *pods.Visit) (err error) {
			id, next, err = v.RenewKey(t.Context())
			return err
		})
		return id, next, err
	}
	id, second, err := renew(first)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := renew(first); locket.CodeOf(err) != locket.CodeUnauthenticated {
		t.Errorf("the key that was replaced: %v", err)
	}
	if _, _, err := renew(password("correct horse")); locket.CodeOf(err) != locket.CodeConflict {
		t.Errorf("with the passphrase: %v", err)
	}
	err = f.Do(t.Context(), c.Pod, second, func(v *store.View) error {
		self, err := v.Self(t.Context())
		if self.ID != agent.ID {
			t.Errorf("the new key lets in %s, want %s", self.Name, agent.Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error {
		list, err := k.List(t.Context())
		n := slices.IndexFunc(list, func(i pods.KeyInfo) bool { return i.ID == id })
		if len(list) != 3 || n < 0 || list[n].Name != "assistant" || list[n].Principal != agent.ID {
			t.Errorf("keys: %+v", list)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLastKeyIsNotRenewed, since there would be a moment without any.
func TestLastKeyIsNotRenewed(t *testing.T) {
	f := folder(t, pods.Options{})
	c, err := f.Create(t.Context(), pods.New{KeyName: "only"})
	if err != nil {
		t.Fatal(err)
	}
	err = f.Visit(t.Context(), pods.Call{Pod: c.Pod, Credential: c.Token}, func(v *pods.Visit) error {
		_, _, err := v.RenewKey(t.Context())
		return err
	})
	if locket.CodeOf(err) != locket.CodeConflict {
		t.Errorf("got %v, want a conflict", err)
	}
	if err := f.Do(t.Context(), c.Pod, c.Token, func(*store.View) error { return nil }); err != nil {
		t.Errorf("the key afterwards: %v", err)
	}
}
