package keystore_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	oskeyring "github.com/zalando/go-keyring"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keystore"
	"github.com/locketpod/locket/internal/secret"
)

const pod = "11111111-1111-4111-8111-111111111111"

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("LOCKET_CI") == "1" {
		t.Fatal(what)
	}
	t.Skip("NOT TESTED: " + what)
}

func key(text string) *secret.Key { return secret.Take([]byte(text)) }

// testStore holds a store that can be written to what all of them promise.
func testStore(t *testing.T, s keystore.Store) {
	name := fmt.Sprintf("test:%d", os.Getpid())
	t.Cleanup(func() { _ = s.Delete(name) })
	want := func(text string) {
		t.Helper()
		if got, err := s.Get(name); err != nil || string(got.Bytes()) != text {
			t.Errorf("got %d bytes and %v, want the %d that were set", got.Len(), err, len(text))
		}
	}
	if _, err := s.Get(name); !errors.Is(err, keystore.ErrNone) || locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("got %v, want ErrNone", err)
	}
	if err := s.Delete(name); !errors.Is(err, keystore.ErrNone) {
		t.Errorf("deleted what is not there: %v, want ErrNone", err)
	}
	longest := strings.Repeat("k", keystore.MaxSecret)
	for _, text := range []string{"lk_one", "~", longest, `"'\$(x)`} {
		if err := s.Set(name, key(text)); err != nil {
			t.Fatal(err)
		}
		want(text)
	}
	for _, text := range []string{"", longest + "k", "two words", "line\n", "ünicode", "\x00"} {
		if err := s.Set(name, key(text)); locket.CodeOf(err) != locket.CodeInvalid || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("set %q: %v, want invalid", text, err)
		}
	}
	want(`"'\$(x)`)
	if _, err := s.Get(name + "x"); !errors.Is(err, keystore.ErrNone) {
		t.Errorf("another name: %v, want ErrNone", err)
	}
	if err := s.Delete(name); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(name); !errors.Is(err, keystore.ErrNone) {
		t.Errorf("after deletion: %v, want ErrNone", err)
	}
}

func TestNames(t *testing.T) {
	oskeyring.MockInit()
	t.Setenv("CREDENTIALS_DIRECTORY", t.TempDir())
	stores := map[string]keystore.Store{"desktop": keystore.Desktop(), "kernel": keystore.Kernel(), "systemd": keystore.Systemd()}
	for where, s := range stores {
		for _, name := range []string{"", ".", "..", "../x", "a/b", "-a", ":a", "a b", "a\x00", "ä", strings.Repeat("a", 65)} {
			_, err := s.Get(name)
			for _, err := range []error{err, s.Set(name, key("x")), s.Delete(name)} {
				if code := locket.CodeOf(err); code != locket.CodeInvalid && !errors.Is(err, keystore.ErrUnavailable) {
					t.Errorf("%s, %q: %v, want invalid", where, name, err)
				}
			}
		}
		if _, err := s.Get(strings.Repeat("a", 64)); !errors.Is(err, keystore.ErrNone) && !errors.Is(err, keystore.ErrUnavailable) {
			t.Errorf("%s, the longest name: %v, want ErrNone", where, err)
		}
	}
}
