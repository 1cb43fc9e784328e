package tree_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory/tree"
	"github.com/locketpod/locket/internal/store"
)

func (p *pod) items(deleted bool) []locket.Item {
	p.t.Helper()
	page, err := p.owner.Query(p.t.Context(), locket.Query{Type: "Memory", Order: "created", Deleted: deleted, Limit: 1000})
	if err != nil {
		p.t.Fatal(err)
	}
	return page.Items
}

// TestVersions: a file is one item through all edits and renames, and its history has
// each of them.
func TestVersions(t *testing.T) {
	p := newPod(t)
	for _, c := range []tree.Command{
		create(a, "one\ntwo"), replace(a, "two", "2"), insert(a, 2, "three"), rename(a, b), replace(b, "nothing", "x"), replace(b, "2", "2"),
	} {
		p.run(p.owner, ns, c)
	}
	items := p.items(false)
	if len(items) != 1 || items[0].Text("name") != b || items[0].Text("text") != "one\n2\nthree\n" || items[0].Text("kind") != "file" || items[0].Text("namespace") != ns || items[0].Version != 4 {
		t.Fatalf("%+v", items)
	}
	history, err := p.owner.History(t.Context(), items[0].ID, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range history.Items {
		got = append(got, fmt.Sprint(r.Action))
	}
	if strings.Join(got, " ") != "update update update create" {
		t.Errorf("history %q", got)
	}
	p.run(p.owner, ns, remove(b))
	if gone := p.items(true); len(gone) != 1 || gone[0].ID != items[0].ID {
		t.Errorf("a deleted file is not kept: %+v", gone)
	}
	p.run(p.owner, ns, create(b, "new"))
	if again := p.items(false); len(again) != 1 || again[0].ID == items[0].ID || again[0].Version != 1 {
		t.Errorf("%+v", again)
	}
}

// TestUnicode: a path is one however it is composed, and what is told of it is what was
// asked.
func TestUnicode(t *testing.T) {
	const composed, decomposed = "/memories/caf\u00e9.md", "/memories/cafe\u0301.md"
	p := newPod(t)
	if r := p.run(p.owner, ns, create(decomposed, "日本語\U0001F469\u200D\U0001F4BB")); r.Text != "File created successfully at: "+decomposed {
		t.Errorf("%q", r.Text)
	}
	if got := p.items(false)[0].Text("name"); got != composed {
		t.Errorf("kept as %q", got)
	}
	for _, path := range []string{composed, decomposed} {
		if r := p.run(p.owner, ns, create(path, "")); r.Text != "File "+path+" already exists" {
			t.Errorf("%q", r.Text)
		}
		if r := p.run(p.owner, ns, view(path)); r.Text != "Here's the content of "+path+" with line numbers:\n     1\t日本語\U0001F469\u200D\U0001F4BB" {
			t.Errorf("%q", r.Text)
		}
	}
}

// TestOthers: agents have trees of their own, and learn nothing of others', whatever path
// or namespace they ask for.
func TestOthers(t *testing.T) {
	p := newPod(t)
	anna, ben := p.Agent("anna", everything()...), p.Agent("ben", everything()...)
	const hers = "agents/anna/memories"
	p.run(anna, hers, create(a, "secret"))
	before := p.items(false)
	for _, of := range []string{"agents/ben/memories", hers} {
		for path, missing := range map[string]string{a: "", "/memories/other.md": "missing"} {
			for _, c := range []tree.Command{view(path), replace(path, "secret", "x"), insert(path, 0, "x"), remove(path), rename(path, "/memories/x")} {
				r := p.run(ben, of, c)
				if !r.Error || !strings.HasPrefix(r.Text, "The path "+path+" does not exist") {
					t.Errorf("%s %s%s in %s: %q", c.Command, path, missing, of, r.Text)
				}
			}
		}
		if r := p.run(ben, of, view("/memories")); !strings.HasSuffix(r.Text, ":\n0B\t/memories") {
			t.Errorf("in %s: %q", of, r.Text)
		}
	}
	_, err := tree.Run(t.Context(), ben, hers, create(a, "mine"))
	if code := locket.CodeOf(err); code != locket.CodeDenied {
		t.Errorf("created in another's tree: %v", err)
	}
	_, err2 := tree.Run(t.Context(), ben, hers, create("/memories/other.md", "mine"))
	if fmt.Sprint(err) != fmt.Sprint(err2) {
		t.Errorf("a path that is taken answers %v, another %v", err, err2)
	}
	if after := p.items(false); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("got %v, want %v", after, before)
	}
	if r := p.run(ben, "agents/ben/memories", create(a, "his")); r.Error {
		t.Errorf("%q", r.Text)
	}
	if r := p.run(p.owner, hers, view(a)); !strings.HasSuffix(r.Text, "\tsecret") {
		t.Errorf("the owner sees %q", r.Text)
	}
	if r := p.run(p.owner, ns, view(a)); !r.Error { // not one's own, though one may see it
		t.Errorf("the owner's own tree has %q", r.Text)
	}
}

// TestRecorded: the journal has which files an agent was shown, and no others.
func TestRecorded(t *testing.T) {
	p := newPod(t)
	anna := p.Agent("anna", everything()...)
	const of = "agents/anna/memories"
	p.run(anna, of, create(a, "one"))
	p.run(anna, of, create(b, "two"))
	items := p.items(false)
	for _, c := range []struct {
		cmd tree.Command
		ids []any
	}{
		{view("/memories"), []any{string(items[0].ID), string(items[1].ID)}},
		{view(b), []any{string(items[1].ID)}},
		{replace(a, "x", "y"), []any{string(items[0].ID)}},
		{create(b, "x"), []any{string(items[1].ID)}},
	} {
		p.run(anna, of, c.cmd)
		page, err := p.owner.Journal(t.Context(), store.JournalQuery{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		e := page.Items[0]
		if e.Author != anna.Principal().ID || len(e.Actions) != 1 || e.Actions[0].Action != locket.ActionRead || fmt.Sprint(e.Actions[0].Detail["ids"]) != fmt.Sprint(c.ids) {
			t.Errorf("%+v: the journal has %+v, want %v", c.cmd, e, c.ids)
		}
	}
}

// TestPermissions: who may not do a thing is refused it, with nothing changed.
func TestPermissions(t *testing.T) {
	p := newPod(t)
	const of = "agents/anna/memories"
	p.run(p.owner, of, create(a, "one"))
	before := fmt.Sprint(p.items(false))
	for name, who := range map[string]*store.View{
		"nobody": p.Agent("nobody"), "anna": p.Agent("anna", locket.MayRead), "clara": p.Agent("clara", locket.MayCreate),
	} {
		for _, c := range []tree.Command{view(a), create("/memories/n", "x"), replace(a, "one", "1"), insert(a, 0, "x"), remove(a), rename(a, b)} {
			r, err := tree.Run(t.Context(), who, of, c)
			if name == "anna" && c.Command == "view" {
				if err != nil || r.Error || !strings.HasSuffix(r.Text, "\tone") {
					t.Errorf("who may read: %v %q", err, r.Text)
				}
				continue
			}
			if locket.CodeOf(err) != locket.CodeDenied || r != (tree.Reply{}) {
				t.Errorf("%s as %s: %v %q", c.Command, name, err, r.Text)
			}
		}
	}
	if after := fmt.Sprint(p.items(false)); after != before {
		t.Errorf("got %s, want %s", after, before)
	}
}

// TestAtOnce: of many who create one file one does, and of many edits none is lost.
func TestAtOnce(t *testing.T) {
	p := newPod(t)
	var wg sync.WaitGroup
	made := make([]tree.Reply, 8)
	do := func(f func(i int) tree.Command) {
		for i := range made {
			wg.Go(func() {
				var err error
				if made[i], err = tree.Run(t.Context(), p.owner, ns, f(i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	do(func(i int) tree.Command { return create(a, fmt.Sprintln("by", i)) })
	created := 0
	for _, r := range made {
		if !r.Error {
			created++
		}
	}
	if created != 1 || len(p.items(false)) != 1 {
		t.Errorf("%d were told that they created it, %d files are there", created, len(p.items(false)))
	}
	do(func(i int) tree.Command { return insert(a, 0, fmt.Sprint("line ", i)) })
	if text := p.items(false)[0].Text("text"); strings.Count(text, "\n") != 9 {
		t.Errorf("edits are lost: %q", text)
	}
}

// TestMostFiles: a tree has an end, and deleting makes room.
func TestMostFiles(t *testing.T) {
	p := newPod(t)
	_, err := p.owner.Write(t.Context(), func(w *store.Writer) error {
		for i := range 1000 {
			_, err := w.Create(store.Draft{Type: "Memory", Props: map[string]any{"name": fmt.Sprintf("/memories/%04d", i), "text": "x", "kind": "file", "namespace": ns}})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := p.run(p.owner, ns, create(a, "")); !r.Error || r.Text != "There are 1000 files already, which is the most. Please delete or merge some first." {
		t.Errorf("%q", r.Text)
	}
	if r := p.run(p.owner, ns, view("/memories")); strings.Count(r.Text, "\n") != 1001 || !strings.Contains(r.Text, "\n1000B\t/memories\n") {
		t.Errorf("%.200q", r.Text)
	}
	p.run(p.owner, ns, remove("/memories/0500"))
	if r := p.run(p.owner, ns, create(a, "")); r.Error {
		t.Errorf("%q", r.Text)
	}
}

// TestLines: the numbers of lines have room for 999,999.
func TestLines(t *testing.T) {
	p := newPod(t)
	p.run(p.owner, ns, create(a, ""))
	set := func(text string) {
		_, err := p.owner.Write(t.Context(), func(w *store.Writer) error {
			_, err := w.Update(p.items(false)[0].ID, 0, map[string]any{"text": text}) // as an item: the tool keeps less
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set(strings.Repeat("\n", 999_998))
	if r := p.run(p.owner, ns, view(a, 999_999, -1)); r.Error || !strings.HasSuffix(r.Text, ":\n999999\t") {
		t.Errorf("%.200q", r.Text)
	}
	set(strings.Repeat("\n", 999_999))
	if r := p.run(p.owner, ns, view(a, 1, 1)); !r.Error || r.Text != "File /memories/a.md exceeds maximum line limit of 999,999 lines." {
		t.Errorf("%.200q", r.Text)
	}
}
