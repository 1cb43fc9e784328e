package store_test

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// TestHiddenTellsNothing builds two pods in which an agent may see the same, at the same
// times, and which differ in everything else. All that the agent can read of them, and
// every refusal, must be the same text.
func TestHiddenTellsNothing(t *testing.T) {
	poor, rich := newLeakWorld(t, false).everything(), newLeakWorld(t, true).everything()
	if len(poor) != len(rich) || len(poor) < 500 {
		t.Fatalf("%d answers and %d", len(poor), len(rich))
	}
	for i := range poor {
		if a, b := poor[i], rich[i]; a != b {
			at := 0
			for at < min(len(a), len(b)) && a[at] == b[at] {
				at++
			}
			t.Errorf("%.60s …\nlittle is hidden: %.200s\nmuch is hidden:   %.200s", a, a[max(0, at-40):], b[max(0, at-40):])
		}
	}
}

// everything is what the agent can find out, one text for each answer.
func (w *leakWorld) everything() []string {
	w.clock = w.start.Add(time.Hour)
	w.lists()
	w.searches()
	w.recalls()
	for n := range 40 {
		w.one(leakID(n))
	}
	for _, n := range []int{101, 102, 150, 151, 160, 161, 163} {
		w.one(leakID(n))
	}
	for i := int64(0); i < 150; i++ {
		c, err := w.agent.Change(w.t.Context(), i)
		w.say(fmt.Sprint("change ", i), c, err)
	}
	w.blobsRead()
	w.rest()
	w.writes()
	w.journal()
	return w.said
}

// random is what differs by nature, beside ids: hashes and signatures.
var random = regexp.MustCompile(`"(hash|signature)":"[0-9a-f]+"`)

func (w *leakWorld) say(what string, answer any, err error) {
	w.t.Helper()
	if locket.CodeOf(err) == locket.CodeInternal {
		w.t.Fatal(what, err, cause(err))
	}
	text, e := json.Marshal(answer)
	if e != nil {
		w.t.Fatal(e)
	}
	s := fmt.Sprintf("%s: %s %s %v", what, locket.CodeOf(err), random.ReplaceAllString(string(text), `"$1":"…"`), err)
	for id, name := range w.names {
		s = strings.ReplaceAll(s, id, name)
	}
	w.said = append(w.said, s)
}

// pages says all pages of a list as one answer.
func pages[T any](w *leakWorld, what string, read func(cursor string) (locket.Page[T], error)) {
	w.t.Helper()
	var all []any
	for cursor := ""; ; {
		p, err := read(cursor)
		all = append(all, p.Items, len(p.Next))
		if cursor = p.Next; cursor == "" || len(all) > 200 {
			w.say(what, all, err)
			return
		}
	}
}

func (w *leakWorld) query(q locket.Query) {
	pages(w, fmt.Sprintf("query %+v", q), func(cursor string) (locket.Page[locket.Item], error) {
		q.Cursor = cursor
		return w.agent.Query(w.t.Context(), q)
	})
}

func (w *leakWorld) lists() {
	for _, order := range []string{"updated", "-updated", "created", "-created", "time", "-time", "name", "-text", "title", "url", "dateModified", "about", "nothing"} {
		for _, typ := range []string{"", "Note", "Task", "Diary", "Nothing"} {
			w.query(locket.Query{Order: order, Type: typ, Limit: 4})
		}
		w.query(locket.Query{Order: order, Deleted: true, Limit: 4})
	}
	for _, c := range []locket.Condition{
		cond("name", locket.OpPrefix, "note"), cond("text", locket.OpExists, true), cond("text", locket.OpNotEqual, "beta"), cond("keywords", locket.OpEqual, "alpha"),
		cond("keywords", locket.OpExists, false), cond("url", locket.OpExists, true), cond("about", locket.OpExists, true), cond("parts", locket.OpEqual, string(leakID(150))), cond("text", locket.OpEqual, string(leakID(150))),
		cond("folder", locket.OpIn, []any{"home", "diary", "work"}), cond("file", locket.OpExists, true), cond("notes", locket.OpMore, "a"), cond("entry", locket.OpExists, true),
	} {
		for _, typ := range []string{"", "Note", "Task", "Person"} {
			w.query(locket.Query{Type: typ, Where: []locket.Condition{c}, Limit: 4})
		}
	}
	for _, level := range locket.Trusts() {
		w.query(locket.Query{Trust: []locket.Trust{level}, Limit: 4})
	}
}

func (w *leakWorld) searches() {
	for _, text := range []string{
		"", "alpha", "beta", "alpha beta", "alpha -beta", "-alpha", "gamma OR alpha", "tulip", "tulips", "tul*", "al* be*", `"alpha beta"`, `"beta alpha"`, `"gamma beta"`, "secret", "omega",
		"stranger", "entry", "has:url", "has:keywords", "has:mentions", "has:hidden", "has:secret", "has:about", "has:parts", "-has:about", "-has:parts", "has:file", "has:notes",
		"from:anna", "in:work", "in:home alpha", "in:diary", "before:2025", "after:2025 alpha", "before:2031-01 tulip", "trust:owner", "trust:agent alpha", "type:diary", "type:note alpha", "-type:note", "long gone", "seen",
	} {
		for _, order := range []string{"relevance", "newest", "oldest"} {
			s := locket.Search{Text: text, Order: order, Limit: 3}
			pages(w, fmt.Sprintf("search %q %s", text, order), func(cursor string) (locket.Page[locket.Hit], error) {
				s.Cursor = cursor
				return w.agent.Search(w.t.Context(), s)
			})
		}
	}
}

// one asks for all there is about an item.
func (w *leakWorld) one(id locket.ItemID) {
	ctx := w.t.Context()
	it, err := w.agent.Get(ctx, id)
	w.say("get", it, err)
	p, err := w.agent.Provenance(ctx, id)
	w.say("provenance", p, err)
	pages(w, "history", func(c string) (locket.Page[locket.Revision], error) { return w.agent.History(ctx, id, 1, c) })
	for _, dir := range []string{store.In, store.Out, store.Both} {
		pages(w, "edges", func(c string) (locket.Page[locket.Linked], error) { return w.agent.Edges(ctx, id, dir, "", 1, c) })
	}
	l, err := w.agent.Edges(ctx, id, "", "hidden", 0, "")
	w.say("edges", l, err)
}

// blobsRead opens the files that a visible item shows, that only hidden ones have and that are nowhere.
func (w *leakWorld) blobsRead() {
	names := map[string]locket.BlobID{"shared": "", "hidden 60": locket.NewBlobID(), "raw": locket.NewBlobID()}
	for id, name := range w.names {
		names[name] = locket.BlobID(id)
	}
	for _, name := range []string{"shared", "hidden 60", "raw"} {
		b, err := w.agent.OpenBlob(w.t.Context(), names[name])
		if err != nil {
			w.say("blob", nil, err)
			continue
		}
		content, err := io.ReadAll(b)
		w.say("blob", string(content)+fmt.Sprint(b.Info()), err)
	}
}

func (w *leakWorld) rest() {
	ctx := w.t.Context()
	st, err := w.agent.Stats(ctx)
	w.say("stats", st, err)
	types, err := w.agent.Types(ctx)
	w.say("types", types, err)
	self, err := w.agent.Self(ctx)
	w.say("self", self, err)
	principals, err := w.agent.Principals(ctx)
	w.say("principals", principals, err)
	grants, err := w.agent.Grants(ctx)
	w.say("grants", grants, err)
	slots, err := w.agent.Slots(ctx)
	w.say("keys", slots, err)
	imports, err := w.agent.Imports(ctx, 0, "")
	w.say("imports", imports, err)
	ledger, err := w.agent.Ledger(ctx, "import-1", 0, "")
	w.say("ledger", ledger, err)
}

// writes tries to find out by writing.
func (w *leakWorld) writes() {
	try := func(what string, fn func(*store.Writer) (any, error)) {
		w.clock = w.clock.Add(time.Second)
		var out any
		c, err := w.agent.Write(w.t.Context(), func(wr *store.Writer) (err error) { out, err = fn(wr); return err })
		w.say(what, []any{out, c}, err)
	}
	for _, n := range []int{150, 151, 160, 163, 99} {
		id := leakID(n)
		try("update", func(wr *store.Writer) (any, error) { return wr.Update(id, 0, props{"title": "x"}) })
		try("stale", func(wr *store.Writer) (any, error) { return wr.Update(id, 7, props{"title": "x"}) })
		try("delete", func(wr *store.Writer) (any, error) { return nil, wr.Delete(id, 0) })
		try("restore", func(wr *store.Writer) (any, error) { return nil, wr.Restore(id, 0) })
		try("erase", func(wr *store.Writer) (any, error) { return nil, wr.Erase(id, 0) })
		try("get", func(wr *store.Writer) (any, error) { return wr.Get(id) })
		try("link to", func(wr *store.Writer) (any, error) {
			return nil, wr.Link(locket.Edge{Source: leakID(21), Name: "x", Target: id})
		})
		try("link from", func(wr *store.Writer) (any, error) {
			return nil, wr.Link(locket.Edge{Source: id, Name: "x", Target: leakID(21)})
		})
		try("unlink", func(wr *store.Writer) (any, error) {
			return nil, wr.Unlink(locket.Edge{Source: leakID(21), Name: "secret", Target: id})
		})
		try("refer", func(wr *store.Writer) (any, error) { return wr.Update(leakID(21), 0, props{"about": string(id)}) })
		try("with id", func(wr *store.Writer) (any, error) {
			return wr.Create(store.Draft{ID: id, Type: "Task", Props: props{"area": "open"}})
		})
		try("find", func(wr *store.Writer) (any, error) {
			found, ok, err := wr.Find(fmt.Sprint("key", n))
			return fmt.Sprint(found, ok), err
		})
		try("key", func(wr *store.Writer) (any, error) { return nil, wr.SetKey(fmt.Sprint("key", n), leakID(21)) })
	}
	for _, typ := range []string{"Task", "Diary", "Nothing"} {
		try("create", func(wr *store.Writer) (any, error) {
			it, err := wr.Create(store.Draft{Type: typ, Props: props{"title": "new", "area": "open", "notes": "n"}})
			it.ID = ""
			return it, err
		})
	}
	try("create", func(wr *store.Writer) (any, error) {
		it, err := wr.Create(store.Draft{Type: "Task", Props: props{"title": "new", "area": "open"}, Keys: []string{"key160"}})
		it.ID = ""
		return it, err
	})
}

// journal lists what the agent did, and tries to see more.
func (w *leakWorld) journal() {
	for _, q := range []store.JournalQuery{{}, {Forward: true}, {Kind: locket.EntryChange}, {Principal: w.agent.Principal().ID}, {Principal: w.owner.ID}} {
		q.Limit = 100
		pages(w, "journal", func(c string) (locket.Page[store.JournalEntry], error) {
			q.Cursor = c
			p, err := w.agent.Journal(w.t.Context(), q)
			for i := range p.Items {
				for j := range p.Items[i].Actions {
					if a := &p.Items[i].Actions[j]; a.Action == locket.ActionCreate {
						a.Item = "" // the pod's choice
					}
				}
			}
			return p, err
		})
	}
	if !slices.ContainsFunc(w.said, func(s string) bool {
		return strings.HasPrefix(s, "journal") && strings.Contains(s, `"action":"search"`)
	}) {
		w.t.Error("the journal shows nothing")
	}
}
