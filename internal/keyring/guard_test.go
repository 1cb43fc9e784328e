package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
)

func right() error { return nil }
func wrong() error {
	return locket.Errorf(locket.CodeUnauthenticated, "no").Because(keyring.ErrWrongSecret)
}

// waits returns how long a guess has to wait now, to a tenth of a second of the
// bubble's time.
func waits(t *testing.T, g *keyring.Guard) time.Duration {
	t.Helper()
	start := time.Now()
	for time.Since(start) < time.Hour {
		err := g.Try(t.Context(), func() error { return errors.New("not a guess") })
		if locket.CodeOf(err) != locket.CodeTooMany {
			return time.Since(start)
		}
		<-time.After(time.Second / 10)
	}
	t.Error("wait without end")
	return time.Since(start)
}

// Both guards, of a pod that exists and of one that does not, behave alike.
func guards(t *testing.T) map[string]func() *keyring.Guard {
	root, _ := openRoot(t)
	memory := keyring.NewGuard(nil)
	return map[string]func() *keyring.Guard{
		"pod":    func() *keyring.Guard { return keyring.NewGuard(root) }, // each time as in a new process
		"no pod": func() *keyring.Guard { return memory },
	}
}

func TestGuardDelaysGrow(t *testing.T) {
	for name, guard := range guards(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, want := range []time.Duration{0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300} {
					if got := waits(t, guard()); got != want*time.Second {
						t.Errorf("wait %s, want %s", got, want*time.Second)
					}
					if err := guard().Try(t.Context(), wrong); locket.CodeOf(err) != locket.CodeUnauthenticated {
						t.Fatalf("got %v", err)
					}
				}
			})
		})
	}
}

func TestGuardSuccessEndsTheCount(t *testing.T) {
	for name, guard := range guards(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for range 4 {
					waits(t, guard())
					_ = guard().Try(t.Context(), wrong) // its error is what TestGuardDelaysGrow looks at
				}
				waits(t, guard())
				if err := guard().Try(t.Context(), right); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if got := waits(t, guard()); got != 0 {
						t.Errorf("wait %s after a right password", got)
					}
					_ = guard().Try(t.Context(), wrong)
				}
			})
		})
	}
}

func TestGuardDoesNotRunGuessesDuringTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, dir := openRoot(t)
		g := keyring.NewGuard(root)
		for range 3 {
			_ = g.Try(t.Context(), wrong)
		}
		before, err := os.ReadFile(filepath.Join(dir, "guesses"))
		if err != nil {
			t.Fatal(err)
		}
		err = g.Try(t.Context(), func() error { t.Error("guess ran"); return nil })
		if locket.CodeOf(err) != locket.CodeTooMany || locket.MessageOf(err) != "too many wrong passphrases; wait 1s and try again" {
			t.Errorf("got %v", err)
		}
		// Asking too early makes the delay no longer.
		if after, err := os.ReadFile(filepath.Join(dir, "guesses")); err != nil || !bytes.Equal(after, before) {
			t.Errorf("the count changed, %v", err)
		}
	})
}

// Guesses at one pod run one after another, so many at once gain nothing.
func TestGuardTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := keyring.NewGuard(nil)
		ran := 0
		for range 20 {
			go func() {
				_ = g.Try(t.Context(), func() error { ran++; <-time.After(time.Millisecond); return wrong() })
			}()
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if ran != 3 {
			t.Errorf("%d of 20 guesses at once ran, want 3", ran)
		}
		release := make(chan struct{})
		go func() { _ = g.Try(t.Context(), func() error { <-release; return nil }) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Try(ctx, right); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while another guess runs: %v", err)
		}
		close(release)
	})
}

// Failures that are not wrong passwords do not count.
func TestGuardOtherErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, dir := openRoot(t)
		g := keyring.NewGuard(root)
		for range 10 {
			if err := g.Try(t.Context(), func() error { return context.Canceled }); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		if got := waits(t, g); got != 0 {
			t.Errorf("wait %s", got)
		}
		if _, err := os.Stat(filepath.Join(dir, "guesses")); err == nil {
			t.Error("a file was left")
		}
	})
}

func TestGuardFile(t *testing.T) {
	future := func(t *testing.T) []byte {
		return marshal(t, map[string]any{"n": 3, "t": time.Now().Add(1000 * time.Hour).UnixMicro()})
	}
	for name, data := range map[string]func(t *testing.T) []byte{
		"empty":          func(*testing.T) []byte { return nil },
		"garbage":        func(*testing.T) []byte { return []byte("garbage") },
		"too long":       func(*testing.T) []byte { return make([]byte, 1<<20) },
		"count negative": func(t *testing.T) []byte { return marshal(t, map[string]any{"n": -1, "t": 0}) },
		"count zero":     func(t *testing.T) []byte { return marshal(t, map[string]any{"n": 0, "t": 0}) },
		"count too high": func(t *testing.T) []byte { return marshal(t, map[string]any{"n": 64, "t": 0}) },
		"in the future":  future,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root, dir := openRoot(t)
				path := filepath.Join(dir, "guesses")
				if err := os.WriteFile(path, data(t), 0o600); err != nil {
					t.Fatal(err)
				}
				if got := waits(t, keyring.NewGuard(root)); got != 5*time.Minute {
					t.Errorf("wait %s", got)
				}
				if err := keyring.NewGuard(root).Try(t.Context(), right); err != nil {
					t.Errorf("after the delay: %v", err)
				}
				if _, err := os.Stat(path); err == nil {
					t.Error("the file was left")
				}
			})
		})
	}
}

func TestGuardFileMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	root, dir := openRoot(t)
	_ = keyring.NewGuard(root).Try(t.Context(), wrong)
	if info, err := os.Stat(filepath.Join(dir, "guesses")); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
