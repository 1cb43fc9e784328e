package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/seal"
)

const testServer = "https://pod.example.com"

// testToken is the API key of the first vector of vectors/keyring/tokens.txt.
const testToken = "lk_ceirceircfardairceirceircgg6e4yb3jdgdhlqbd7snbg7iea4amicb6lsbvxxfg7pksekzzzatigtezgxv6udu2t25mtt"

func openTestNotebook(dir, server, token string) (*notebook, error) {
	k, err := keyring.ParseToken([]byte(token))
	if err != nil {
		return nil, err
	}
	defer k.Wipe()
	return newNotebook(dir, server, k)
}

// seenAt is the sighting of a made-up pod with so many entries. Roots are made up, too:
// each world has other ones.
func seenAt(world byte, size int64) (sighting, error) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{world &^ 1}, ed25519.SeedSize))
	c := journal.Checkpoint{Pod: "11111111-1111-4111-8111-111111111111", Size: size, Root: tlog.RecordHash([]byte{world, byte(size)})}
	note, err := c.Sign(key)
	return sighting{string(note), hex.EncodeToString(key.Public().(ed25519.PublicKey))}, err
}

// sizeOf is 0 for none.
func sizeOf(s sighting) int64 {
	c, err := s.open()
	if err != nil {
		return 0
	}
	return c.Size
}

// worlds of seenAt: the second is the first's key with another journal, the third has
// another key.
const (
	ours     = 2
	forked   = 3
	othersDo = 4
)

func TestNotebook(t *testing.T) {
	at := func(world byte, size int64) sighting {
		s, err := seenAt(world, size)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	refused := locket.Errorf(locket.CodeRolledBack, "it has not grown")
	for _, tt := range []struct {
		name             string
		began, kept, now sighting // kept is by another run after this one began
		grown            error    // of the server, if it is asked
		asked            bool
		want             sighting
		wantErr          error
		code             locket.Code
	}{
		{name: "first", now: at(ours, 5), want: at(ours, 5)},
		{name: "grown", began: at(ours, 5), kept: at(ours, 5), now: at(ours, 7), want: at(ours, 7)},
		{name: "the same", began: at(ours, 5), kept: at(ours, 5), now: at(ours, 5), want: at(ours, 5)},
		{name: "another kept more", began: at(ours, 5), kept: at(ours, 9), now: at(ours, 7), want: at(ours, 9)},
		{name: "another kept as much", began: at(ours, 5), kept: at(ours, 7), now: at(ours, 7), want: at(ours, 7)},
		{name: "another kept less", began: at(ours, 5), kept: at(ours, 6), now: at(ours, 7), asked: true, want: at(ours, 7)},
		{name: "another kept what is gone", began: at(ours, 5), kept: at(ours, 6), now: at(ours, 7), asked: true, grown: refused, want: at(ours, 6), code: locket.CodeRolledBack},
		{name: "both are the first", kept: at(ours, 6), now: at(ours, 7), asked: true, want: at(ours, 7)},
		{name: "another journal", began: at(ours, 5), kept: at(forked, 7), now: at(ours, 7), want: at(forked, 7), code: locket.CodeRolledBack},
		{name: "another key", kept: at(othersDo, 9), now: at(ours, 7), want: at(othersDo, 9), code: locket.CodeRolledBack},
		{name: "another shorter one's key", kept: at(othersDo, 6), now: at(ours, 7), want: at(othersDo, 6), code: locket.CodeRolledBack},
		{name: "forgotten", began: at(ours, 5), now: at(ours, 7), wantErr: errForgotten, code: locket.CodeInternal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			open := func() *notebook {
				n, err := openTestNotebook(dir, testServer, testToken)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(n.close)
				return n
			}
			put := func(s sighting) {
				if err := open().forget(); err != nil {
					t.Fatal(err)
				}
				if err := open().keep(s, nil); err != nil {
					t.Fatal(err)
				}
			}
			put(tt.began)
			n := open()
			if got, err := n.begin(); got != tt.began || err != nil {
				t.Fatalf("begins with %v, %v", got, err)
			}
			put(tt.kept)
			asked := false
			err := n.keep(tt.now, func(from sighting) (sighting, error) {
				asked = from == tt.kept
				return tt.now, tt.grown
			})
			if locket.CodeOf(err) != tt.code || tt.wantErr != nil && !errors.Is(err, tt.wantErr) || asked != tt.asked {
				t.Errorf("got %v, asked the server: %t; want code %q, %v and %t", err, asked, tt.code, tt.wantErr, tt.asked)
			}
			if got, err := open().begin(); got != tt.want || err != nil {
				t.Errorf("%d entries are kept (%v), want %d", sizeOf(got), err, sizeOf(tt.want))
			}
		})
	}
}

// TestNotebookTellsNothing looks at what somebody sees who has the folder.
func TestNotebookTellsNothing(t *testing.T) {
	dir := t.TempDir()
	other, err := keyring.ParseToken([]byte(testToken))
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for i, server := range []string{testServer, testServer + ":8443", "https://POD.example.com"} {
		n, err := newNotebook(dir, server, other)
		if err != nil {
			t.Fatal(err)
		}
		seen, err := seenAt(ours, []int64{1, 1 << 40, 5}[i])
		if err != nil {
			t.Fatal(err)
		}
		if i < 2 {
			if err := n.keep(seen, nil); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(dir, n.file))
			if err != nil || len(data) != noteSize+seal.BoxOverhead || bytes.Contains(data, []byte("locket")) || strings.Contains(n.file, "1111") || strings.Contains(n.file, "pod") {
				t.Errorf("%s: %d bytes, %v, want an opaque file of one size", n.file, len(data), err)
			}
		}
		names[n.file] = true
	}
	if len(names) != 2 {
		t.Errorf("three addresses of two servers have the files %v", names)
	}
	for name := range names { // the content of another server's file does not pass for this one's
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		n, err := newNotebook(dir, "https://elsewhere.example.com", other)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, n.file), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := n.begin(); !errors.Is(err, errUnreadable) || got != (sighting{}) {
			t.Errorf("got %v, %v, want that it is unreadable", got, err)
		}
		seen, err := seenAt(ours, 3)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.keep(seen, nil); err != nil {
			t.Fatal(err)
		}
		if got, err := n.begin(); got != seen || err != nil {
			t.Errorf("after what was unreadable, %v is kept (%v)", got, err)
		}
	}
}

// TestNotebookRace has processes that keep what they saw at once: what is kept never
// goes back, and in the end is the most that any of them saw.
func TestNotebookRace(t *testing.T) {
	const processes, runs = 3, 60
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var all []*exec.Cmd
	var outs []*bytes.Buffer
	var gates []io.Closer
	for range processes {
		cmd := exec.CommandContext(t.Context(), self, dir, strconv.Itoa(runs))
		cmd.Args[0] = "locket-notebook-race"
		out := new(bytes.Buffer)
		cmd.Stdout, cmd.Stderr = out, out
		gate, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all, outs, gates = append(all, cmd), append(outs, out), append(gates, gate)
	}
	for _, g := range gates {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
	most := int64(0)
	for i, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, outs[i])
			continue
		}
		saw, err := strconv.ParseInt(outs[i].String(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, saw)
	}
	n, err := openTestNotebook(dir, testServer, testToken)
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	if got, err := n.begin(); sizeOf(got) != most || err != nil {
		t.Errorf("%d entries are kept (%v), the most that was seen are %d", sizeOf(got), err, most)
	}
}

// raceNotebook is the program of such a process. It prints the most entries it saw.
func raceNotebook() {
	most, err := keepMany(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Print(most)
}

func keepMany(dir, count string) (most int64, err error) {
	if _, err := bufio.NewReader(os.Stdin).ReadByte(); !errors.Is(err, io.EOF) { // all begin together
		return 0, err
	}
	runs, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		return 0, err
	}
	for i := range runs {
		n, err := openTestNotebook(dir, testServer, testToken)
		if err != nil {
			return 0, err
		}
		began, err := n.begin()
		if err != nil {
			return 0, err
		}
		if sizeOf(began) < most {
			return 0, fmt.Errorf("run %d: %d entries are kept after %d were seen", i, sizeOf(began), most)
		}
		most = sizeOf(began) + 1 + (i+int64(os.Getpid()))%5
		now, err := seenAt(ours, most)
		if err != nil {
			return 0, err
		}
		if err := n.keep(now, func(sighting) (sighting, error) { return now, nil }); err != nil {
			return 0, err
		}
		n.close()
	}
	return most, nil
}
