package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
)

// guess logs in at h from an address and returns the status and Retry-After.
func guess(ctx context.Context, h http.Handler, pod locket.PodID, passphrase, remote string) (status int, after string) {
	body := `{"pod":"` + string(pod) + `","passphrase":"` + passphrase + `"}`
	r := httptest.NewRequestWithContext(ctx, "POST", "/v1/session", strings.NewReader(body))
	r.Host, r.RemoteAddr = "localhost", remote
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Header().Get("Retry-After")
}

// The pod's guard slows guesses from wherever they come, and over a restart.
func TestGuessesArePacedByPod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "pods")
		start := func() (http.Handler, *pods.Folder, func()) {
			sealer := keyring.NewProcessSealer(time.Now)
			folder, err := pods.Open(dir, pods.Options{KDF: cheap, Sealer: sealer})
			if err != nil {
				t.Fatal(err)
			}
			h := api.New(api.Config{Doer: folder, Log: slog.New(slog.DiscardHandler)})
			return h, folder, func() {
				if err := errors.Join(folder.Close(), sealer.Close()); err != nil {
					t.Error(err)
				}
			}
		}
		h, folder, stop := start()
		var ids []locket.PodID
		for range 2 {
			made, err := folder.Create(t.Context(), pods.New{Password: keyring.Password{Secret: secret.Take([]byte(passphrase))}})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, made.Pod)
		}
		expect := func(when string, pod locket.PodID, with, remote string, status int) {
			t.Helper()
			got, after := guess(t.Context(), h, pod, with, remote)
			if got != status || (got == 429) != (after != "") {
				t.Errorf("%s: got status %d and Retry-After %q, want %d", when, got, after, status)
			}
		}
		for range 3 {
			expect("a free guess", ids[0], "wrong", "192.0.2.1:1", 401)
		}
		expect("the fourth", ids[0], "wrong", "192.0.2.1:1", 429)
		expect("the right one, from elsewhere", ids[0], passphrase, "192.0.2.2:1", 429)
		expect("another pod", ids[1], passphrase, "192.0.2.1:1", 201)
		stop()
		h, _, stop = start()
		defer stop()
		expect("after a restart", ids[0], passphrase, "192.0.2.1:1", 429)
		time.Sleep(time.Second)
		expect("a second later", ids[0], "wrong", "192.0.2.1:1", 401)
		time.Sleep(time.Second)
		expect("one second of two later", ids[0], passphrase, "192.0.2.1:1", 429)
		time.Sleep(time.Second)
		expect("in time", ids[0], passphrase, "192.0.2.1:1", 201)
		missing := locket.NewPodID()
		for range 3 {
			expect("a free guess at no pod", missing, "wrong", "192.0.2.1:1", 401)
		}
		expect("the fourth at no pod", missing, "wrong", "192.0.2.1:1", 429)
	})
}

// One address can't go from pod to pod.
func TestGuessesArePacedByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(func(context.Context) error { return locket.Errorf(locket.CodeUnauthenticated, "opens nothing") }, nil)
		for i := range 20 {
			if got, _ := guess(t.Context(), h, locket.NewPodID(), "wrong", "192.0.2.1:1"); got != 401 {
				t.Fatalf("guess %d: got status %d, want 401", i+1, got)
			}
		}
		if got, after := guess(t.Context(), h, locket.NewPodID(), "wrong", "192.0.2.1:2"); got != 429 || after == "" {
			t.Errorf("guess 21: got status %d, want 429 with Retry-After", got)
		}
		if got := ask(t.Context(), h, "/v1/stats", "Bearer "+token(t), "192.0.2.1:1").Code; got != 429 {
			t.Errorf("a key from the same address: got status %d, want 429", got)
		}
		if got, _ := guess(t.Context(), h, locket.NewPodID(), "wrong", "192.0.2.2:1"); got != 401 {
			t.Errorf("another address: got status %d, want 401", got)
		}
	})
}

// waiting is an error that says how long to wait.
type waiting time.Duration

func (waiting) Error() string               { return "wait" }
func (w waiting) RetryAfter() time.Duration { return time.Duration(w) }

func TestRetryAfterIsTheGuards(t *testing.T) {
	for wait, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", 1500 * time.Millisecond: "2", 5 * time.Minute: "300"} {
		h := newHandler(func(context.Context) error {
			return locket.Errorf(locket.CodeTooMany, "too many wrong passphrases").Because(waiting(wait))
		}, nil)
		if status, got := guess(t.Context(), h, idNone, "wrong", "192.0.2.1:1"); status != 429 || got != want {
			t.Errorf("to wait %v: got status %d and Retry-After %q, want 429 and %q", wait, status, got, want)
		}
	}
}

// Whoever waits for their turn too long is told to try again, and counts as nobody's
// wrong guess.
func TestLoginTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, nil)
		began := time.Now()
		status, _ := guess(t.Context(), h, idNone, "x", "192.0.2.1:1")
		if took := time.Since(began); status != 503 || took != time.Minute {
			t.Errorf("got status %d after %v, want 503 after a minute", status, took)
		}
	})
}

// However many log in at once, only two passphrases are tried at a time: each takes
// 64 MiB.
func TestLoginsAtOnceAreBounded(t *testing.T) {
	const logins, bound = 6, 256 << 20 // bytes; 6 at once would take 384 MiB
	folder, err := pods.Open(filepath.Join(t.TempDir(), "pods"), pods.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	h := api.New(api.Config{Doer: folder, Log: slog.New(slog.DiscardHandler)})
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // so that little of what is seen is garbage
	before, done := heap(), make(chan struct{})
	var peak atomic.Uint64
	var watching, running sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			peak.Store(max(peak.Load(), heap()))
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	for range logins {
		running.Go(func() {
			if got, _ := guess(t.Context(), h, locket.NewPodID(), "wrong", "192.0.2.1:1"); got != 401 {
				t.Errorf("got status %d, want 401", got)
			}
		})
	}
	running.Wait()
	close(done)
	watching.Wait()
	took := peak.Load() - min(before, peak.Load())
	t.Logf("%d logins at once took %d MiB", logins, took>>20)
	if took < 64<<20 || took > bound {
		t.Errorf("%d logins at once took %d MiB, want 64 to %d", logins, took>>20, bound>>20)
	}
}

// heap is the bytes of objects on the heap, dead ones that are not yet swept included.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
