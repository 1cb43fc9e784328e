package e2e_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/client"
)

const crashClients = 8

// A ledger is what clients wrote and the server acknowledged.
type ledger struct {
	mu    sync.Mutex
	acked map[locket.ItemID]string // name of the note; guarded by mu
	tried map[string]bool          // names that were sent; guarded by mu
}

// TestCrash kills a server under load again and again. Every write that it
// acknowledged is there afterwards, nothing is there that was not sent, and doctor
// and the stock sqlcipher find the pod whole.
func TestCrash(t *testing.T) {
	need(t, "sqlcipher")
	h := newHome(t)
	l := &ledger{acked: make(map[locket.ItemID]string), tried: make(map[string]bool)}
	n := rounds(100, 10, 2)
	for round := 1; round <= n; round++ {
		s := h.serve(t)
		l.load(t, s, round)
		last := round%10 == 0 || round == n
		var crashed string
		if last {
			crashed = h.copyDatabase(t) // before anybody repairs it
		}
		h.must(t, "doctor")
		if last {
			h.stockAgrees(t, crashed, l.check(t, h))
		}
		if t.Failed() {
			return
		}
	}
	if len(l.acked) < n {
		t.Errorf("only %d writes were acknowledged in %d rounds: there was no load", len(l.acked), n)
	}
}

// load writes notes from many clients until the server is killed under them.
func (l *ledger) load(t *testing.T, s *server, round int) {
	t.Helper()
	var clients sync.WaitGroup
	first := make(chan struct{}, crashClients)
	for n := range crashClients {
		c := s.client(t)
		clients.Go(func() {
			for i := 0; l.write(t, c, fmt.Sprintf("crash %d-%d-%d", round, n, i)); i++ {
				if i == 0 {
					first <- struct{}{}
				}
			}
		})
	}
	select {
	case <-first:
	case <-time.After(10 * time.Second):
		t.Error("the server acknowledged nothing")
	}
	<-time.After(time.Duration(rand.IntN(300)) * time.Millisecond) // any moment will do
	s.kill()
	clients.Wait()
}

// write creates a note, and reports whether that was acknowledged.
func (l *ledger) write(t *testing.T, c *client.Client, name string) bool {
	l.mu.Lock()
	l.tried[name] = true
	l.mu.Unlock()
	it, err := c.Create(t.Context(), "Note", map[string]any{"name": name, "text": strings.Repeat(name+" ", 20)})
	if err != nil {
		return false
	}
	l.mu.Lock()
	l.acked[it.ID] = name
	l.mu.Unlock()
	return true
}

// check compares the pod with the ledger and returns how many items it has.
func (l *ledger) check(t *testing.T, h *home) (items int) {
	t.Helper()
	there := make(map[locket.ItemID]string)
	for cursor := ""; ; {
		var page locket.Page[locket.Item]
		h.mustJSON(t, &page, "list", "--order", "created", "--limit", "1000", "--cursor", cursor)
		for _, it := range page.Items {
			there[it.ID] = it.Text("name")
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for id, name := range l.acked {
		if there[id] != name {
			t.Errorf("%q was acknowledged, but the pod has %q in its place", name, there[id])
		}
	}
	for _, name := range there {
		if !l.tried[name] {
			t.Errorf("the pod has %q, which nobody wrote", name)
		}
	}
	return len(there)
}

// copyDatabase copies the database with the log that a crash left.
func (h *home) copyDatabase(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, h.database()+suffix, path+suffix)
	}
	return path
}

// stockAgrees lets the stock sqlcipher recover a copy of the database.
func (h *home) stockAgrees(t *testing.T, path string, items int) {
	t.Helper()
	var key struct{ Key string }
	h.mustJSON(t, &key, "key", "db", "--yes")
	out := stock(t, path, key.Key, "PRAGMA cipher_integrity_check; PRAGMA quick_check; SELECT count(*) FROM items WHERE deleted = 0;")
	if want := fmt.Sprintf("ok\n%d", items); out != want {
		t.Errorf("stock sqlcipher says %q, want %q", out, want)
	}
}

// stock runs statements in the stock sqlcipher.
func stock(t *testing.T, path, key, sql string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sqlcipher", "-batch", path)
	cmd.Stdin = strings.NewReader(".output /dev/null\nPRAGMA key = \"" + key + "\";\n.output stdout\n" + sql + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("sqlcipher: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// copyFile copies a file, or nothing if there is none.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
