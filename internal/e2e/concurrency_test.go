package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/client"
)

const maxConflicts = 10_000 // of one user

// A counter is a user who counts in the text of a note: over HTTP, or with commands
// on the pod's folder.
type counter interface {
	get(ctx context.Context, id locket.ItemID) (locket.Item, error)
	// set fails with CodeConflict if the note has changed since version.
	set(ctx context.Context, id locket.ItemID, version int64, text string) error
	create(ctx context.Context, name string) error
}

// TestConcurrency lets clients of a server and commands on its folder write one pod
// at the same time. No increment of a counter is lost, and nobody is told of locks.
func TestConcurrency(t *testing.T) {
	const clients, commands = 8, 2
	each, eachCommand := rounds(40, 20, 5), rounds(30, 15, 4)
	h := newHome(t)
	s := h.serve(t)
	var it locket.Item
	h.mustJSON(t, &it, "add", "Note", "name=counter", "text=0")

	var users sync.WaitGroup
	conflicts := make(chan int, clients+commands)
	for n := range clients {
		u := overHTTP{s.client(t)}
		users.Go(func() { conflicts <- count(t, u, it.ID, fmt.Sprint("client ", n), each) })
	}
	for n := range commands {
		users.Go(func() { conflicts <- count(t, onFolder{t, h}, it.ID, fmt.Sprint("command ", n), eachCommand) })
	}
	users.Wait()
	close(conflicts)
	repeated := 0
	for n := range conflicts {
		repeated += n
	}

	total := clients*each + commands*eachCommand
	h.mustJSON(t, &it, "get", string(it.ID))
	if got := it.Text("text"); got != strconv.Itoa(total) || it.Version != int64(total)+1 {
		t.Errorf("the counter is at %s after %d increments, and at version %d", got, total, it.Version)
	}
	t.Logf("%d increments, %d conflicts", total, repeated)
	if repeated == 0 {
		t.Error("there was no conflict: nothing was concurrent")
	}
	checkNotes(t, h, total)
	h.must(t, "doctor")
}

// count adds n to the counter and makes as many notes. It returns how often it had
// to try again.
func count(t *testing.T, u counter, id locket.ItemID, who string, n int) (conflicts int) {
	for i := range n {
		for {
			err := increment(t.Context(), u, id)
			if err == nil {
				break
			}
			if locket.CodeOf(err) != locket.CodeConflict || conflicts == maxConflicts {
				t.Errorf("%s: increment %d: %s: %v", who, i, locket.CodeOf(err), err)
				return conflicts
			}
			conflicts++
		}
		if err := u.create(t.Context(), fmt.Sprintf("%s note %d", who, i)); err != nil {
			t.Errorf("%s: note %d: %s: %v", who, i, locket.CodeOf(err), err)
			return conflicts
		}
	}
	return conflicts
}

func increment(ctx context.Context, u counter, id locket.ItemID) error {
	it, err := u.get(ctx, id)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(it.Text("text"))
	if err != nil {
		return err
	}
	return u.set(ctx, id, it.Version, strconv.Itoa(n+1))
}

// checkNotes compares the notes there are with those that all users made.
func checkNotes(t *testing.T, h *home, want int) {
	t.Helper()
	names := make(map[string]bool)
	for cursor := ""; ; {
		var p locket.Page[locket.Item]
		h.mustJSON(t, &p, "list", "--order", "created", "--limit", "1000", "--cursor", cursor)
		for _, it := range p.Items {
			names[it.Text("name")] = true
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if len(names) != want+1 { // the counter is one
		t.Errorf("there are %d notes, want %d", len(names), want+1)
	}
}

// overHTTP is a client of a server.
type overHTTP struct{ c *client.Client }

func (u overHTTP) get(ctx context.Context, id locket.ItemID) (locket.Item, error) {
	return u.c.Get(ctx, id)
}

func (u overHTTP) set(ctx context.Context, id locket.ItemID, version int64, text string) error {
	_, err := u.c.Update(ctx, id, version, map[string]any{"text": text})
	return err
}

func (u overHTTP) create(ctx context.Context, name string) error {
	_, err := u.c.Create(ctx, "Note", map[string]any{"name": name})
	return err
}

// onFolder is a user of the command line.
type onFolder struct {
	t *testing.T
	h *home
}

// run is a command that ends with an error as its user sees it.
func (u onFolder) run(args ...string) (out string, err error) {
	r := u.h.run(u.t, args...)
	if r.status != 0 {
		return "", locket.Errorf(r.code(), "exit status %d: %s", r.status, r.err)
	}
	if r.err != "" {
		return "", errors.New("it succeeded, and said: " + r.err)
	}
	return r.out, nil
}

func (u onFolder) get(_ context.Context, id locket.ItemID) (it locket.Item, err error) {
	out, err := u.run("get", string(id))
	if err != nil {
		return it, err
	}
	return it, json.Unmarshal([]byte(out), &it)
}

func (u onFolder) set(_ context.Context, id locket.ItemID, version int64, text string) error {
	_, err := u.run("op", "items.update", string(id), "--version", strconv.FormatInt(version, 10), "--props", `{"text":"`+text+`"}`)
	return err
}

func (u onFolder) create(_ context.Context, name string) error {
	_, err := u.run("add", "Note", "name="+name)
	return err
}
