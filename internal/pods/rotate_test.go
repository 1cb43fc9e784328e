package pods_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

// place opens a folder of pods in dir and remembers in state.
func place(t *testing.T, dir, state string) *pods.Folder {
	t.Helper()
	f, err := pods.Open(dir, pods.Options{KDF: cheap, State: state, Sealer: keyring.NewProcessSealer(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func rotate(t *testing.T, f *pods.Folder, pod locket.PodID, cred keyring.Credential, ended ...string) (out pods.Rotated, err error) {
	t.Helper()
	err = f.Visit(t.Context(), pods.Call{Pod: pod, Credential: cred}, func(v *pods.Visit) error {
		out, err = v.Rotate(t.Context(), ended, nil)
		return err
	})
	return out, err
}

func count(t *testing.T, f *pods.Folder, pod locket.PodID, cred keyring.Credential) int64 {
	t.Helper()
	var n int64
	err := f.Do(t.Context(), pod, cred, func(v *store.View) error {
		s, err := v.Stats(t.Context())
		n = s.Items
		return err
	})
	if err != nil {
		t.Errorf("%T: %v", cred, err)
	}
	return n
}

func verify(t *testing.T, f *pods.Folder, pod locket.PodID, cred keyring.Credential) {
	t.Helper()
	err := f.Do(t.Context(), pod, cred, func(v *store.View) error {
		got, err := v.Verify(t.Context(), "", nil)
		if err == nil && got.Fault != "" {
			t.Errorf("verify: %s (entry %d)", got.Fault, got.At)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// everyKind adds a slot of each kind and returns what opens them.
func everyKind(t *testing.T, f *pods.Folder, c pods.Created) map[string]keyring.Credential {
	t.Helper()
	seed, recovery, kept := secret.Random(32), secret.Random(32), secret.Random(32)
	public, err := agekey.Public(seed)
	if err != nil {
		t.Fatal(err)
	}
	err = f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error {
		_, err1 := k.AddOwner(t.Context(), "phone", public)
		_, err2 := k.AddRecovery(t.Context(), "paper", "", recovery, nil, nil)
		_, err3 := k.AddMachine(t.Context(), "server", "kernel", kept)
		return errors.Join(err1, err2, err3)
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]keyring.Credential{
		"password": password("correct horse"), "API key": c.Token,
		"owner": keyring.Owner{Seed: seed}, "recovery": keyring.Recovery{Secret: recovery}, "machine": keyring.Machine{Secret: kept},
	}
}

func TestRotateKeepsEveryKey(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	f := place(t, dir, state)
	c := create(t, f)
	creds := everyKind(t, f, c)
	if err := f.Do(t.Context(), c.Pod, c.Token, addNote("before")); err != nil {
		t.Fatal(err)
	}
	pod := filepath.Join(dir, string(c.Pod))
	oldHeader, err := os.ReadFile(filepath.Join(pod, "header"))
	if err != nil {
		t.Fatal(err)
	}
	for round, by := range []string{"password", "owner", "recovery"} {
		out, err := rotate(t, f, c.Pod, creds[by])
		if err != nil || out.Kept != 5 || out.Epoch != int64(round+2) {
			t.Fatalf("by %s: %+v, %v", by, out, err)
		}
		for name, cred := range creds {
			if n := count(t, f, c.Pod, cred); n != int64(round+1) {
				t.Errorf("round %d, %s: %d items", round, name, n)
			}
		}
		if err := f.Do(t.Context(), c.Pod, c.Token, addNote("after")); err != nil {
			t.Fatal(err)
		}
		verify(t, f, c.Pod, creds["machine"])
	}
	entries, err := os.ReadDir(pod)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, []string{"blobs", "header", "pod.4.db", "rotate.lock"}) {
		t.Errorf("the folder has %q", names)
	}
	// An old copy of the header opens nothing.
	if err := os.WriteFile(filepath.Join(pod, "header"), oldHeader, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cred := range creds {
		if err := f.Do(t.Context(), c.Pod, cred, func(*store.View) error { return nil }); err == nil {
			t.Errorf("%s opens with the old header", name)
		}
	}
}

func TestRotateEndsKeys(t *testing.T) {
	f := place(t, t.TempDir(), t.TempDir())
	c := create(t, f)
	everyKind(t, f, c)
	var password1, own string
	err := f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error {
		list, err := k.List(t.Context())
		for _, i := range list {
			switch {
			case i.Current:
				own = i.ID
			case i.Kind == keyring.KindPassword:
				password1 = i.ID
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var session *keyring.GrantToken
	err = f.Visit(t.Context(), pods.Call{Pod: c.Pod, Credential: c.Token}, func(v *pods.Visit) error {
		_, session, err = v.Grant(t.Context(), pods.GrantRequest{Audience: "test", Life: time.Hour})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := rotate(t, f, c.Pod, c.Token, password1)
	if err != nil || out.Kept != 4 {
		t.Fatalf("%+v, %v", out, err)
	}
	err = f.Do(t.Context(), c.Pod, password("correct horse"), func(*store.View) error { return nil })
	if locket.CodeOf(err) != locket.CodeUnauthenticated {
		t.Errorf("the ended password: %v", err)
	}
	err = f.Do(t.Context(), c.Pod, keyring.Presented{Token: session, Audience: "test"}, func(*store.View) error { return nil })
	if locket.CodeOf(err) != locket.CodeExpired {
		t.Errorf("a session of the old key: %v", err)
	}
	verify(t, f, c.Pod, c.Token)
	if _, err := rotate(t, f, c.Pod, c.Token, "0123456789abcdef"); locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("no such key: %v", err)
	}
	if _, err := rotate(t, f, c.Pod, c.Token, own); err != nil {
		t.Errorf("the key at hand: %v", err)
	}
}

// Others read and write all the time, in this folder and through another that stands for
// a second process. What was acknowledged is there afterwards.
func TestRotateUnderLoad(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	f := place(t, dir, state)
	server := func() *pods.Folder {
		s, err := pods.Open(dir, pods.Options{Server: true, KeepOpen: time.Second, KDF: cheap})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}()
	c := create(t, f)
	var done atomic.Bool
	var acknowledged atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 {
		who := []*pods.Folder{f, server}[i%2]
		wg.Go(func() {
			for !done.Load() {
				switch err := who.Do(t.Context(), c.Pod, c.Token, addNote("x")); locket.CodeOf(err) {
				case "":
					acknowledged.Add(1)
				case locket.CodeBusy:
				default:
					t.Errorf("write: %v", err)
					return
				}
			}
		})
		wg.Go(func() {
			for !done.Load() {
				err := who.Do(t.Context(), c.Pod, c.Token, func(v *store.View) error {
					_, err := v.Stats(t.Context())
					return err
				})
				if err != nil && locket.CodeOf(err) != locket.CodeBusy {
					t.Errorf("read: %v", err)
					return
				}
			}
		})
	}
	for range 3 {
		if _, err := rotate(t, f, c.Pod, password("correct horse")); err != nil {
			t.Error(err)
		}
	}
	done.Store(true)
	wg.Wait()
	if n := count(t, server, c.Pod, c.Token); n != acknowledged.Load() {
		t.Errorf("%d items of %d that were acknowledged", n, acknowledged.Load())
	}
	verify(t, f, c.Pod, c.Token)
}

// A copy from before the rotation is an old copy, for whoever has seen the later key.
func TestRotatedPodIsNotPutBack(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	f := place(t, dir, state)
	c := create(t, f)
	if err := f.Do(t.Context(), c.Pod, c.Token, addNote("x")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	f = place(t, dir, state)
	if _, err := rotate(t, f, c.Pod, c.Token); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	old := place(t, copied, state)
	err := old.Do(t.Context(), c.Pod, c.Token, func(*store.View) error { return nil })
	if locket.CodeOf(err) != locket.CodeRolledBack || !strings.Contains(locket.MessageOf(err), "earlier key") {
		t.Errorf("got %v", err)
	}
	if err := old.AcceptOlder(t.Context(), c.Pod, c.Token); err != nil {
		t.Fatal(err)
	}
	if n := count(t, old, c.Pod, c.Token); n != 1 {
		t.Errorf("%d items", n)
	}
}

// A copy that was rotated apart has a key of the same epoch, but is not the pod that was seen:
// what the rotation ended may still open it.
func TestPodThatWasRotatedApart(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	f := place(t, dir, state)
	c := create(t, f)
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, copied} {
		if _, err := rotate(t, place(t, d, filepath.Join(state, filepath.Base(d))), c.Pod, c.Token); err != nil {
			t.Fatal(err)
		}
	}
	apart := place(t, copied, filepath.Join(state, filepath.Base(dir)))
	err := apart.Do(t.Context(), c.Pod, c.Token, func(*store.View) error { return nil })
	if locket.CodeOf(err) != locket.CodeRolledBack {
		t.Errorf("got %v", err)
	}
	if err := apart.AcceptOlder(t.Context(), c.Pod, c.Token); err != nil {
		t.Fatal(err)
	}
	verify(t, apart, c.Pod, c.Token)
}

func TestTriedKeys(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	f := place(t, dir, state)
	c := create(t, f)
	creds := everyKind(t, f, c)
	count(t, f, c.Pod, creds["recovery"])
	for range 2 { // by this process and by the next
		var tried []string
		err := f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error {
			list, err := k.List(t.Context())
			for _, i := range list {
				if i.Tried {
					tried = append(tried, string(i.Kind))
				}
			}
			return err
		})
		if err != nil || !slices.Equal(tried, []string{"apikey", "recovery"}) {
			t.Errorf("tried: %q, %v", tried, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		f = place(t, dir, state)
	}
}

// A pod that has as many passwords as it can lets one of them be changed.
func TestChangePasswordAmongMany(t *testing.T) {
	f := place(t, t.TempDir(), t.TempDir())
	c := create(t, f)
	err := f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error {
		for _, p := range []string{"second one", "third one", "fourth one"} {
			if _, err := k.AddPassword(t.Context(), p, password(p)); err != nil {
				return err
			}
		}
		list, err := k.List(t.Context())
		if err != nil {
			return err
		}
		_, err = k.ChangePassword(t.Context(), list[0].ID, "passphrase", password("a new one"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	count(t, f, c.Pod, password("a new one"))
	if err := f.Do(t.Context(), c.Pod, password("correct horse"), addNote("x")); locket.CodeOf(err) != locket.CodeUnauthenticated {
		t.Errorf("the changed one: %v", err)
	}
}

// However many keys come and go, what is remembered of those that were tried does not grow
// until it can't be read, with which an old copy would no more be noticed.
func TestTriedKeysAreForgotten(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	f := place(t, dir, state)
	c := create(t, f)
	for range 30 {
		err := f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error {
			id, token, err := k.AddAPIKey(t.Context(), "x", "")
			if err != nil {
				return err
			}
			defer token.Wipe()
			if err := f.Do(t.Context(), c.Pod, token, func(*store.View) error { return nil }); err != nil {
				return err
			}
			return k.Revoke(t.Context(), id)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(state, string(c.Pod)+".seen"))
	if err != nil || info.Size() > 300 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
}
