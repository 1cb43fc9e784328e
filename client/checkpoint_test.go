package client_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/client"
	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/journal"
	"github.com/locketpod/locket/internal/pods"
)

// A history is a journal that a server can pretend to have.
type history struct {
	pod    locket.PodID
	key    ed25519.PrivateKey
	hashes []tlog.Hash
}

func newHistory(seed byte, entries ...string) *history {
	h := &history{pod: "11111111-1111-4111-8111-111111111111", key: ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), 32)))}
	for i, e := range entries {
		more, err := tlog.StoredHashes(int64(i), []byte(e), h)
		if err != nil {
			panic(err)
		}
		h.hashes = append(h.hashes, more...)
	}
	return h
}

// ReadHashes makes it a tlog.HashReader.
func (h *history) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		out[i] = h.hashes[n]
	}
	return out, nil
}

// note is the checkpoint of the first size entries.
func (h *history) note(t *testing.T, size int64) string {
	t.Helper()
	root, err := journal.RootAt(size, h)
	if err != nil {
		t.Fatal(err)
	}
	text, err := journal.Checkpoint{Pod: h.pod, Size: size, Root: root}.Sign(h.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (h *history) publicKey() string { return hex.EncodeToString(h.key.Public().(ed25519.PublicKey)) }

func (h *history) proof(t *testing.T, from, to int64) string {
	t.Helper()
	hashes, err := journal.ProveGrowth(from, to, h)
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, p := range hashes {
		parts = append(parts, base64.RawURLEncoding.EncodeToString(p[:]))
	}
	return strings.Join(parts, ",")
}

func url64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// TestServerMustShowGrowth plays servers to a client that saw three entries.
func TestServerMustShowGrowth(t *testing.T) {
	ours, fake, foreign := newHistory('a', "1", "2", "3", "4", "5"), newHistory('a', "1", "2", "x", "4", "5"), newHistory('b', "1", "2", "3", "4", "5")
	for _, tt := range []struct {
		name            string
		checkpoint, key string
		growth          string
		want            locket.Code
		remembered      bool
	}{
		{name: "grown", checkpoint: url64(ours.note(t, 5)), key: ours.publicKey(), growth: ours.proof(t, 3, 5), remembered: true},
		{name: "the same", checkpoint: url64(ours.note(t, 3)), key: ours.publicKey()},
		{name: "says nothing"},
		{name: "without proof", checkpoint: url64(ours.note(t, 5)), key: ours.publicKey(), want: locket.CodeRolledBack},
		{name: "proof of less", checkpoint: url64(ours.note(t, 5)), key: ours.publicKey(), growth: ours.proof(t, 2, 5), want: locket.CodeRolledBack},
		{name: "shorter", checkpoint: url64(ours.note(t, 2)), key: ours.publicKey(), growth: ours.proof(t, 2, 3), want: locket.CodeRolledBack},
		{name: "rewritten", checkpoint: url64(fake.note(t, 5)), key: ours.publicKey(), growth: fake.proof(t, 3, 5), want: locket.CodeRolledBack},
		{name: "rewritten, the same size", checkpoint: url64(fake.note(t, 3)), key: ours.publicKey(), want: locket.CodeRolledBack},
		{name: "another key", checkpoint: url64(foreign.note(t, 5)), key: foreign.publicKey(), growth: foreign.proof(t, 3, 5), want: locket.CodeRolledBack},
		{name: "signed by another key", checkpoint: url64(foreign.note(t, 5)), key: ours.publicKey(), growth: ours.proof(t, 3, 5), want: locket.CodeRolledBack},
		{name: "no key", checkpoint: url64(ours.note(t, 5)), growth: ours.proof(t, 3, 5), want: locket.CodeRolledBack},
		{name: "no note", checkpoint: url64("hello"), key: ours.publicKey(), want: locket.CodeRolledBack},
		{name: "no base64", checkpoint: "*", key: ours.publicKey(), want: locket.CodeRolledBack},
		{name: "no hash", checkpoint: url64(ours.note(t, 5)), key: ours.publicKey(), growth: "x", want: locket.CodeRolledBack},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var told string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				told = r.Header.Get("Locket-Checkpoint")
				for name, value := range map[string]string{"Locket-Checkpoint": tt.checkpoint, "Locket-Pod-Key": tt.key, "Locket-Growth": tt.growth} {
					if value != "" {
						w.Header().Set(name, value)
					}
				}
				_, _ = io.WriteString(w, `{"items":7}`)
			}))
			defer s.Close()
			c, err := client.New(s.URL, []byte("lk_x"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.Expect(ours.note(t, 3), ours.publicKey()); err != nil {
				t.Fatal(err)
			}
			st, err := c.Stats(t.Context())
			if locket.CodeOf(err) != tt.want || told != url64(ours.note(t, 3)) {
				t.Errorf("got %v for a request with the checkpoint %q, want code %q", err, told, tt.want)
			}
			if err != nil && st.Items != 0 {
				t.Error("the refused answer is returned")
			}
			want := ours.note(t, 3)
			if tt.remembered {
				want = ours.note(t, 5)
			}
			if note, key := c.Checkpoint(); note != want || key != ours.publicKey() {
				t.Errorf("the client remembers\n%s(%s), want\n%s", note, key, want)
			}
		})
	}
}

func TestExpectRefuses(t *testing.T) {
	h, other := newHistory('a', "1"), newHistory('b', "1")
	c, err := client.New("http://localhost", []byte("lk_x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string][2]string{
		"no key": {h.note(t, 1), ""}, "short key": {"", "ab"}, "no hexadecimal": {"", strings.Repeat("x", 64)}, "another key": {h.note(t, 1), other.publicKey()}, "no note": {"hello", h.publicKey()},
	} {
		if err := c.Expect(tt[0], tt[1]); locket.CodeOf(err) != locket.CodeInvalid {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
	if err := c.Expect("", h.publicKey()); err != nil {
		t.Error(err)
	}
	if note, key := c.Checkpoint(); note != "" || key != h.publicKey() {
		t.Errorf("got %q and %q, want the key alone", note, key)
	}
}

// TestRollback puts an old copy of a real pod back under a real server.
func TestRollback(t *testing.T) {
	dir, copied := filepath.Join(t.TempDir(), "pods"), filepath.Join(t.TempDir(), "copy")
	folder, err := pods.Open(dir, pods.Options{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := folder.Create(t.Context(), pods.New{Owner: "Anna", KeyName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(api.New(api.Config{Doer: folder, Log: slog.New(slog.DiscardHandler)}))
	defer func() {
		s.Close()
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	}()
	connect := func() *client.Client {
		c, err := client.New(s.URL, made.Token.Text().Bytes(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	add := func(c *client.Client) error {
		_, err := c.Create(t.Context(), "Note", map[string]any{"name": "Tea"})
		return err
	}
	c := connect()
	if err := add(c); err != nil {
		t.Fatal(err)
	}
	pod := filepath.Join(dir, string(made.Pod))
	if err := os.CopyFS(copied, os.DirFS(pod)); err != nil {
		t.Fatal(err)
	}
	var together sync.WaitGroup
	for range 8 { // answers overtake each other
		together.Go(func() {
			if err := add(c); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	note, key := c.Checkpoint()
	if !strings.HasPrefix(note, "locket-pod/"+string(made.Pod)+"\n") || len(key) != 64 {
		t.Fatalf("got the checkpoint %q and the key %q", note, key)
	}
	if err := errors.Join(os.RemoveAll(pod), os.CopyFS(pod, os.DirFS(copied))); err != nil {
		t.Fatal(err)
	}
	fresh := connect()
	for i := range 12 { // until it is longer than it was
		if err := add(fresh); err != nil {
			t.Fatal(err)
		}
		if err := add(c); locket.CodeOf(err) != locket.CodeRolledBack {
			t.Errorf("%d entries after the old copy: got %v, want rolled_back", i, err)
		}
	}
	later := connect()
	if err := later.Expect(note, key); err != nil {
		t.Fatal(err)
	}
	if _, err := later.Stats(t.Context()); locket.CodeOf(err) != locket.CodeRolledBack {
		t.Errorf("a client that was told: got %v, want rolled_back", err)
	}
}
