package pods_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

// cheap is the least that the keyring accepts, for tests.
var cheap = keyring.Params{Memory: 19 << 10, Passes: 2, Lanes: 1}

func folder(t *testing.T, o pods.Options) *pods.Folder {
	t.Helper()
	o.KDF = cheap
	f, err := pods.Open(filepath.Join(t.TempDir(), "pods"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func password(s string) keyring.Password { return keyring.Password{Secret: secret.Take([]byte(s))} }

func create(t *testing.T, f *pods.Folder) pods.Created {
	t.Helper()
	c, err := f.Create(t.Context(), pods.New{Owner: "Anna", Password: password("correct horse"), KeyName: "laptop"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func addNote(name string) func(*store.View) error {
	return func(v *store.View) error {
		_, err := v.Write(context.Background(), func(w *store.Writer) error {
			_, err := w.Create(store.Draft{Type: "Note", Props: map[string]any{"name": name}})
			return err
		})
		return err
	}
}

func TestEveryCredentialOpensThePod(t *testing.T) {
	f := folder(t, pods.Options{})
	c := create(t, f)
	other := create(t, f)
	if err := f.Do(t.Context(), c.Pod, c.Token, addNote("by key")); err != nil {
		t.Fatal(err)
	}
	if err := f.Do(t.Context(), c.Pod, password("correct horse"), addNote("by password")); err != nil {
		t.Fatal(err)
	}
	if ids, err := f.List(); err != nil || len(ids) != 2 || !slices.Contains(ids, c.Pod) {
		t.Errorf("List: %v %v", ids, err)
	}
	var messages []string
	for name, try := range map[string]func() error{
		"wrong password":   func() error { return f.Do(t.Context(), c.Pod, password("wrong"), addNote("x")) },
		"missing pod":      func() error { return f.Do(t.Context(), locket.NewPodID(), password("correct horse"), addNote("x")) },
		"malformed pod":    func() error { return f.Do(t.Context(), "../../etc", password("correct horse"), addNote("x")) },
		"another's key":    func() error { return f.Do(t.Context(), c.Pod, other.Token, addNote("x")) },
		"key, missing pod": func() error { return f.Do(t.Context(), locket.NewPodID(), c.Token, addNote("x")) },
	} {
		err := try()
		if locket.CodeOf(err) != locket.CodeUnauthenticated || !errors.Is(err, keyring.ErrWrongSecret) {
			t.Errorf("%s: %v", name, err)
		}
		messages = append(messages, locket.MessageOf(err))
	}
	if len(slices.Compact(messages)) != 1 {
		t.Errorf("messages tell the cases apart: %q", messages)
	}
}

func TestPodIsShutAfterTheLastUser(t *testing.T) {
	shut := make(chan struct{}, 100)
	f := folder(t, pods.Options{Shut: func() { shut <- struct{}{} }})
	c := create(t, f)
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			err := f.Do(t.Context(), c.Pod, c.Token, func(v *store.View) error {
				inside <- struct{}{}
				<-leave
				_, err := v.Stats(t.Context())
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range 5 {
		<-inside
	}
	for i := range 5 {
		if len(shut) != 0 {
			t.Errorf("shut with %d users inside", 5-i)
		}
		leave <- struct{}{}
	}
	wg.Wait()
	if len(shut) != 1 {
		t.Errorf("shut %d times", len(shut))
	}
}

func TestKeepOpen(t *testing.T) {
	f := folder(t, pods.Options{})
	c := create(t, f)
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		f, err := pods.Open(f.Path(), pods.Options{KeepOpen: 30 * time.Second, Shut: func() { n.Add(1) }})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := f.Do(t.Context(), c.Pod, c.Token, addNote("n")); err != nil {
				t.Fatal(err)
			}
			<-time.After(29 * time.Second) // in the bubble's time
			if n.Load() != 0 {
				t.Fatal("shut while it was to be kept open")
			}
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if n.Load() != 1 {
			t.Errorf("shut %d times after its time", n.Load())
		}
		if err := f.Do(t.Context(), c.Pod, c.Token, addNote("n")); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil || n.Load() != 2 {
			t.Errorf("Close: %v, shut %d times", err, n.Load())
		}
		if err := f.Do(t.Context(), c.Pod, c.Token, addNote("n")); err == nil {
			t.Error("Do after Close")
		}
	})
}

func TestManyUsers(t *testing.T) {
	f := folder(t, pods.Options{Server: true})
	c := create(t, f)
	var wg sync.WaitGroup
	const users, each = 8, 10
	for range users {
		wg.Go(func() {
			for range each {
				if err := f.Do(t.Context(), c.Pod, c.Token, addNote("n")); err != nil {
					t.Errorf("%v: %v", err, errors.Unwrap(err))
				}
			}
		})
	}
	wg.Wait()
	err := f.Do(t.Context(), c.Pod, c.Token, func(v *store.View) error {
		st, err := v.Stats(t.Context())
		if err == nil && (st.Items != users*each || st.Changes != users*each+1) { // one for its key
			t.Errorf("got %+v", st)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	f := folder(t, pods.Options{})
	c := create(t, f)
	keys := func(fn func(*pods.Keys) error) {
		t.Helper()
		if err := f.Keys(t.Context(), c.Pod, c.Token, fn); err != nil {
			t.Fatal(err)
		}
	}
	var phone, guest *keyring.Token
	var guestID, passID string
	keys(func(k *pods.Keys) (err error) {
		if _, phone, err = k.AddAPIKey(t.Context(), "phone", ""); err != nil {
			return err
		}
		if guestID, guest, err = k.AddAPIKey(t.Context(), "guest", ""); err != nil {
			return err
		}
		_, err = k.AddPassword(t.Context(), "second", password("another one"))
		return err
	})
	for _, cred := range []keyring.Credential{c.Token, phone, guest, password("another one"), password("correct horse")} {
		if err := f.Do(t.Context(), c.Pod, cred, addNote("n")); err != nil {
			t.Errorf("%T: %v", cred, err)
		}
	}
	keys(func(k *pods.Keys) error { return k.Revoke(t.Context(), guestID) })
	if err := f.Do(t.Context(), c.Pod, guest, addNote("n")); locket.CodeOf(err) != locket.CodeUnauthenticated {
		t.Errorf("revoked key: %v", err)
	}
	keys(func(k *pods.Keys) error {
		list, err := k.List(t.Context())
		var names []string
		for _, i := range list {
			names = append(names, i.Name)
			if i.Kind == keyring.KindPassword {
				passID = i.ID
			}
			if i.Current != (i.Name == "laptop") || i.Created.IsZero() {
				t.Errorf("got %+v", i)
			}
		}
		if got := strings.Join(names, " "); got != "passphrase laptop phone second" {
			t.Errorf("got %q", got)
		}
		for _, id := range []string{guestID, "zz", ""} {
			if err := k.Revoke(t.Context(), id); locket.CodeOf(err) != locket.CodeNotFound {
				t.Errorf("revoke %q: %v", id, err)
			}
		}
		return err
	})
	keys(func(k *pods.Keys) error { return k.Revoke(t.Context(), passID) })
}

func TestLastKeyStays(t *testing.T) {
	f := folder(t, pods.Options{})
	c, err := f.Create(t.Context(), pods.New{KeyName: "only"})
	if err != nil {
		t.Fatal(err)
	}
	err = f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error { return k.Revoke(t.Context(), c.Token.Slot.String()) })
	if locket.CodeOf(err) != locket.CodeConflict {
		t.Errorf("got %v", err)
	}
	if _, err := f.Create(t.Context(), pods.New{Owner: "nobody"}); locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("a pod without a key: %v", err)
	}
}

func TestOldHeaderIsRefused(t *testing.T) {
	f := folder(t, pods.Options{})
	c := create(t, f)
	header := filepath.Join(f.Path(), string(c.Pod), "header")
	old, err := os.ReadFile(header)
	if err != nil {
		t.Fatal(err)
	}
	err = f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error {
		_, token, err := k.AddAPIKey(t.Context(), "phone", "")
		if err == nil {
			token.Wipe()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(header, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Do(t.Context(), c.Pod, c.Token, addNote("n")); locket.CodeOf(err) != locket.CodeTampered {
		t.Errorf("got %v", err)
	}
}

// TestCrashBetweenHeaderAndDatabase puts back the database as it was before the
// commit that the crash prevented.
func TestCrashBetweenHeaderAndDatabase(t *testing.T) {
	f := folder(t, pods.Options{})
	c := create(t, f)
	db := filepath.Join(f.Path(), string(c.Pod), "pod.db")
	before, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	err = f.Keys(t.Context(), c.Pod, c.Token, func(k *pods.Keys) error {
		_, err := k.AddPassword(t.Context(), "spare", password("spare horse"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(db, before, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, cred := range []keyring.Credential{c.Token, password("spare horse")} {
			if err := f.Do(t.Context(), c.Pod, cred, addNote("n")); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestFileModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	f := folder(t, pods.Options{})
	c := create(t, f)
	err := f.Do(t.Context(), c.Pod, c.Token, func(v *store.View) error {
		if _, err := v.PutBlob(t.Context(), strings.NewReader(strings.Repeat("x", 100_000))); err != nil {
			return err
		}
		return filepath.WalkDir(f.Path(), func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			want := os.FileMode(0o600)
			if d.IsDir() {
				want = 0o700
			}
			if err == nil && info.Mode().Perm() != want {
				t.Errorf("%s has mode %o", path, info.Mode().Perm())
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestHalfCreatedPodIsNone(t *testing.T) {
	f := folder(t, pods.Options{})
	if err := os.Mkdir(filepath.Join(f.Path(), string(locket.NewPodID())), 0o700); err != nil {
		t.Fatal(err)
	}
	if ids, err := f.List(); err != nil || len(ids) != 0 {
		t.Errorf("got %v %v", ids, err)
	}
}
