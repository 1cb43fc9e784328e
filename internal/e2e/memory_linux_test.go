package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/client"
)

const (
	burstRequests = 200
	burstClients  = 8
	sweepLimit    = 20 * time.Second // for the memory to be clean after a burst
)

// TestMemory looks for keys and contents in the memory of a server that has just
// answered a burst of requests. Clients and scanner are this process; no request
// makes the server sweep: it must do so by itself.
func TestMemory(t *testing.T) {
	for _, tt := range []struct {
		name  string
		start func(*home, *testing.T, ...string) *server
	}{{"plain", (*home).serve}, {"TLS", (*home).serveTLS}} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHome(t)
			s := tt.start(h, t)
			for round := range rounds(3, 2, 1) {
				patterns := h.burst(t, s)
				before := scanMemory(t, s.cmd.Process.Pid, patterns)
				hits := untilClean(t, s.cmd.Process.Pid, patterns)
				t.Logf("round %d: before the sweep %v, after %v", round, before.counts(), hits.counts())
				for _, place := range hits.places {
					t.Error(place)
				}
			}
		})
	}
}

// TestMemoryControl is the same without the recipe: pods are kept open, and what
// is freed is not overwritten. The scan must see that.
func TestMemoryControl(t *testing.T) {
	h := newHome(t)
	h.more = []string{"GODEBUG=clobberfree=0"}
	s := h.serve(t, "--keep-open", "1h")
	patterns := h.burst(t, s)
	hits := scanMemory(t, s.cmd.Process.Pid, patterns)
	t.Log(hits.counts())
	for _, name := range []string{"database key", "row", "blob"} {
		if hits.n[name] == 0 {
			t.Errorf("no %s found in the memory of a server with the pod open", name)
		}
	}
}

// burst runs requests of all sorts and returns what they must not leave behind.
func (h *home) burst(t *testing.T, s *server) map[string][]byte {
	t.Helper()
	row, blob := newMarker(t, 64), newMarker(t, 64)
	errs := make(chan error, burstClients)
	var wg sync.WaitGroup
	for n := range burstClients {
		c := s.client(t)
		wg.Go(func() { errs <- requests(t, c, n, row, blob) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	v := s.visit(t, h, row, blob)
	// Inner parts, so that a copy that lost its ends is found too.
	patterns := map[string][]byte{
		"row": []byte(row[8:56]), "blob": []byte(blob[8:56]),
		"token": []byte(h.key[50:90]), "agent's token": []byte(v.agentKey[50:90]), "session": []byte(v.session[60:120]),
		"passphrase": []byte(passphrase),
	}
	maps.Copy(patterns, h.secrets(t).patterns(""))
	return patterns
}

// patterns are the inner parts of the keys, with something before their names.
func (k secrets) patterns(which string) map[string][]byte {
	expanded := sha512.Sum512(k.signing) // RFC 8032, section 5.1.5
	return map[string][]byte{
		which + "pod key": k.pod[4:28], which + "database key": k.database[4:28], which + "token secret": k.token[4:28],
		which + "pod key in hex": inHex(k.pod), which + "database key in hex": inHex(k.database),
		which + "signing seed": k.signing[4:28], which + "signing prefix": expanded[36:60],
	}
}

func inHex(key []byte) []byte { return []byte(hex.EncodeToString(key[4:28])) }

// requests are one client's: notes made, read, searched, changed and listed, and
// files small and large.
func requests(t *testing.T, c *client.Client, n int, row, blob string) error {
	ctx := t.Context()
	for i := range burstRequests / burstClients / 5 {
		it, err := c.Create(ctx, "Note", map[string]any{"name": fmt.Sprintf("note %d-%d", n, i), "text": "about " + row + " and more"})
		if err != nil {
			return fmt.Errorf("create: %w", err)
		}
		if it, err = c.Get(ctx, it.ID); err != nil || !strings.Contains(it.Text("text"), row) {
			return fmt.Errorf("get: %q, %w", it.Text("text"), err)
		}
		if p, err := c.Search(ctx, locket.Search{Text: row}); err != nil || len(p.Items) == 0 {
			return fmt.Errorf("search: %d found, %w", len(p.Items), err)
		}
		size := 1 << 10
		if i%2 == 1 {
			size = 100 << 10
		}
		info, err := c.PutBlob(ctx, strings.NewReader(strings.Repeat(blob+" ", size/len(blob))))
		if err != nil {
			return fmt.Errorf("put blob: %w", err)
		}
		if err := readBlob(t, c, info, blob); err != nil {
			return err
		}
	}
	return nil
}

func readBlob(t *testing.T, c *client.Client, info locket.BlobInfo, blob string) error {
	r, err := c.Blob(t.Context(), info.ID, 0)
	if err != nil {
		return fmt.Errorf("get blob: %w", err)
	}
	content, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("get blob: %w", err)
	}
	if !bytes.Contains(content, []byte(blob)) {
		return errors.New("get blob: other content")
	}
	return nil
}

// hits are what a scan found.
type hits struct {
	n      map[string]int // by pattern
	places []string       // the first few, with what stands around them
}

func (h hits) counts() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(h.n)) {
		parts = append(parts, fmt.Sprintf("%s: %d", name, h.n[name]))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// untilClean scans until nothing is found, or the limit has passed.
func untilClean(t *testing.T, pid int, patterns map[string][]byte) hits {
	t.Helper()
	for began := time.Now(); ; {
		found := scanMemory(t, pid, patterns)
		if len(found.places) == 0 || time.Since(began) > sweepLimit {
			return found
		}
	}
}

// scanMemory reads all memory of a process.
func scanMemory(t *testing.T, pid int, patterns map[string][]byte) hits {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		missing(t, "the memory of a child process cannot be read (allow ptrace): "+err.Error())
	}
	defer mem.Close()
	found := hits{n: make(map[string]int)}
	for name := range patterns {
		found.n[name] = 0
	}
	read := 0
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if mode[0] != 'r' || strings.Contains(lines.Text(), "[vvar") || strings.Contains(lines.Text(), "[vsyscall]") {
			continue
		}
		read += found.region(mem, int64(from), int64(to), lines.Text(), patterns)
	}
	if err := lines.Err(); err != nil || read < 10<<20 {
		t.Fatalf("only %d bytes of memory could be read: %v", read, err)
	}
	return found
}

// region reads one mapping in pieces that overlap, and returns how many bytes it
// could read.
func (h *hits) region(mem io.ReaderAt, from, to int64, mapping string, patterns map[string][]byte) int {
	const piece, overlap = 4 << 20, 64
	buf := make([]byte, piece+overlap)
	read := 0
	for at := from; at < to; at += piece {
		b := buf[:min(piece+overlap, to-at)]
		n, _ := mem.ReadAt(b, at) // memory comes and goes while the process runs
		read += min(n, piece)
		for name, pattern := range patterns {
			for off := 0; ; {
				i := bytes.Index(b[off:n], pattern)
				if i < 0 || off+i >= piece {
					break
				}
				off += i
				h.add(name, at+int64(off), mapping, b[max(0, off-64):min(n, off+128)])
				off++
			}
		}
	}
	return read
}

func (h *hits) add(name string, at int64, mapping string, around []byte) {
	h.n[name]++
	if h.n[name] <= 3 {
		h.places = append(h.places, fmt.Sprintf("%s found at %x in %s\n%s", name, at, mapping, hex.Dump(around)))
	}
}
