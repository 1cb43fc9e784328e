package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/store"
)

// agent makes an agent with a policy and returns its view.
func (b *bench) agent(name, text string) *store.View {
	b.t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.as(b.principal(locket.Principal{Kind: locket.KindAgent, Name: name, Policy: &p}).ID)
}

func (b *bench) principal(p locket.Principal) (made locket.Principal) {
	b.t.Helper()
	b.write(func(w *store.Writer) (err error) {
		made, err = w.AddPrincipal(p)
		return err
	})
	return made
}

const (
	nothing  = `{"rules":[]}`
	readWork = `{"rules":[{"actions":["read","search"],"types":["Note"],"where":{"folder":"work"}}]}`
)

func TestNoDoorWithoutPolicy(t *testing.T) {
	b := newBench(t)
	it := b.create("Note", props{"name": "one"})
	v := b.agent("robot", nothing)
	_, errGet := v.Get(t.Context(), it.ID)
	_, errQuery := v.Query(t.Context(), locket.Query{})
	_, errSearch := v.Search(t.Context(), locket.Search{Text: "one"})
	_, errStats := v.Stats(t.Context())
	_, errCheck := v.CheckIntegrity(t.Context())
	_, errHistory := v.History(t.Context(), it.ID, 0, "")
	_, errProvenance := v.Provenance(t.Context(), it.ID)
	_, errEdges := v.Edges(t.Context(), it.ID, "", "", 0, "")
	_, errPut := v.PutBlob(t.Context(), strings.NewReader("x"))
	_, errImports := v.Imports(t.Context(), 0, "")
	_, errLedger := v.Ledger(t.Context(), "x", 0, "")
	_, errPrincipals := v.Principals(t.Context())
	_, errDecide := v.Decide(t.Context(), b.owner.ID, it.ID)
	_, errAs := v.As(t.Context(), locket.Policy{})
	_, errWrite := v.Write(t.Context(), func(w *store.Writer) error {
		_, errAdd := w.AddPrincipal(locket.Principal{Kind: locket.KindAgent, Name: "another"})
		_, errChange := w.ChangePrincipal(b.owner.ID, store.PrincipalChange{})
		for name, err := range map[string]error{
			"Delete": w.Delete(it.ID, 0), "Restore": w.Restore(it.ID, 0), "Erase": w.Erase(it.ID, 0),
			"Link":   w.Link(locket.Edge{Source: it.ID, Name: "x", Target: it.ID}),
			"SetKey": w.SetKey("k", it.ID), "Extend": w.Extend(locket.Type{Name: "T"}),
			"StartImport": w.StartImport("i", "s"), "FinishImport": w.FinishImport("i"), "Record": w.Record("i", locket.LedgerEntry{}),
			"AddPrincipal": errAdd, "ChangePrincipal": errChange,
		} {
			if locket.CodeOf(err) != locket.CodeDenied {
				t.Errorf("Writer.%s: %v", name, err)
			}
		}
		_, err := w.Create(store.Draft{Type: "Note"})
		return err
	})
	for i, err := range []error{
		errGet, errQuery, errSearch, errStats, errCheck, errHistory, errProvenance, errEdges, errPut, errImports, errLedger,
		errPrincipals, errDecide, errAs, errWrite,
	} {
		if locket.CodeOf(err) != locket.CodeDenied {
			t.Errorf("door %d is open: %v", i, err)
		}
	}
	if types, err := v.Types(t.Context()); err != nil || len(types) != 0 {
		t.Errorf("knows types %v, %v", types, err)
	}
	if _, err := v.Change(t.Context(), 1); locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("another's change: %v", err)
	}
}

// A world has notes at work and at home, linked, with history and files.
type world struct {
	*bench
	work, home, person locket.Item
	secret             locket.BlobID // of home
	agent              *store.View
}

func newWorld(t *testing.T, policyText string) *world {
	w := &world{bench: newBench(t)}
	info, err := w.v.PutBlob(t.Context(), strings.NewReader("a file at home"))
	if err != nil {
		t.Fatal(err)
	}
	w.secret = info.ID
	w.person = w.create("Person", props{"name": "Anna"})
	w.work = w.create("Note", props{"name": "plan", "text": "the tulip plan", "folder": "work", "keywords": []any{"zebra"}})
	w.home = w.create("Note", props{"name": "diary", "text": "the tulip secret", "folder": "home", "blob": info.ID})
	w.write(func(wr *store.Writer) error {
		for _, e := range []locket.Edge{
			{Source: w.work.ID, Name: "mentions", Target: w.home.ID}, {Source: w.home.ID, Name: "mentions", Target: w.work.ID},
		} {
			if err := wr.Link(e); err != nil {
				return err
			}
		}
		return nil
	})
	w.agent = w.bench.agent("robot", policyText)
	return w
}

// TestHiddenIsMissing checks every read against an item that is hidden, in the words
// that are used of one that does not exist.
func TestHiddenIsMissing(t *testing.T) {
	w := newWorld(t, readWork)
	ctx, missing := t.Context(), locket.NewItemID(time.Now())
	read := func(id locket.ItemID) map[string]error {
		_, get := w.agent.Get(ctx, id)
		_, history := w.agent.History(ctx, id, 0, "")
		_, provenance := w.agent.Provenance(ctx, id)
		_, edges := w.agent.Edges(ctx, id, "", "", 0, "")
		return map[string]error{"get": get, "history": history, "provenance": provenance, "edges": edges}
	}
	for name, err := range read(w.work.ID) {
		if err != nil {
			t.Errorf("%s of what it may see: %v", name, err)
		}
	}
	absent := read(missing)
	for name, err := range read(w.home.ID) {
		if locket.CodeOf(err) != locket.CodeNotFound || err.Error() != absent[name].Error() {
			t.Errorf("%s: hidden %v, missing %v", name, err, absent[name])
		}
	}
	if _, err := w.agent.OpenBlob(ctx, w.secret); locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("blob of a hidden item: %v", err)
	}
	list, err := w.agent.Query(ctx, locket.Query{})
	if err != nil || len(list.Items) != 1 || list.Items[0].ID != w.work.ID {
		t.Errorf("list: %+v, %v", list, err)
	}
	hits, err := w.agent.Search(ctx, locket.Search{Text: "tulip"})
	if err != nil || len(hits.Items) != 1 || hits.Items[0].Item.ID != w.work.ID {
		t.Errorf("search: %+v, %v", hits, err)
	}
	linked, err := w.agent.Edges(ctx, w.work.ID, "", "", 0, "")
	if err != nil || len(linked.Items) != 0 {
		t.Errorf("edges to hidden items: %+v, %v", linked, err)
	}
	st, err := w.agent.Stats(ctx)
	if err != nil || fmt.Sprint(st.ByType) != "map[Note:1]" || st.Edges != 0 || st.Blobs != 0 || st.FileBytes != 0 {
		t.Errorf("stats: %+v, %v", st, err)
	}
	types, err := w.agent.Types(ctx)
	if err != nil || len(types) != 1 || types[0].Name != "Note" {
		t.Errorf("types: %+v, %v", types, err)
	}
	h, err := w.agent.History(ctx, w.work.ID, 0, "")
	if err != nil || len(h.Items) != 1 {
		t.Errorf("history shows links to hidden items: %+v, %v", h, err)
	}
}

func TestHiddenProperties(t *testing.T) {
	w := newWorld(t, `{"rules":[{"actions":["read","search"],"types":["Note"],"where":{"folder":"work"},"properties":["name","text"]}]}`)
	ctx := t.Context()
	it, err := w.agent.Get(ctx, w.work.ID)
	if err != nil || len(it.Props) != 2 || it.Text("name") != "plan" {
		t.Errorf("got %+v, %v", it, err)
	}
	for text, want := range map[string]int{"tulip": 1, "zebra": 0, "in:work": 0, "-zebra tulip": 1, "tulip -plan": 0, "has:keywords": 0, "has:text": 1, "-zebra": 1} {
		hits, err := w.agent.Search(ctx, locket.Search{Text: text})
		if err != nil || len(hits.Items) != want {
			t.Errorf("%q: %d hits, want %d (%v)", text, len(hits.Items), want, err)
		}
	}
	for _, q := range []locket.Query{
		{Where: []locket.Condition{cond("folder", locket.OpEqual, "work")}},
		{Order: "folder"},
		{Type: "Note", Where: []locket.Condition{cond("keywords", locket.OpExists, false)}},
	} {
		if _, err := w.agent.Query(ctx, q); locket.CodeOf(err) != locket.CodeInvalid {
			t.Errorf("a query by a hidden property: %v", err)
		}
	}
	h, err := w.agent.History(ctx, w.work.ID, 0, "")
	if err != nil || len(h.Items) != 1 || len(h.Items[0].Props) != 2 {
		t.Errorf("history: %+v, %v", h, err)
	}
}

// TestPropertiesByItem has a property that may be seen of some items only.
func TestPropertiesByItem(t *testing.T) {
	w := newWorld(t, `{"rules":[
		{"actions":["read"],"types":["Note"],"properties":["name"]},
		{"actions":["read"],"types":["Note"],"where":{"folder":"work"},"properties":["text","folder"]}]}`)
	names := func(q locket.Query) string {
		t.Helper()
		p, err := w.agent.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err, cause(err))
		}
		var out []string
		for _, it := range p.Items {
			out = append(out, it.Text("name"))
		}
		return strings.Join(out, " ")
	}
	for want, q := range map[string]locket.Query{
		"diary plan": {Order: "name"},
		"plan":       {Order: "-folder"},
		"plan ":      {Where: []locket.Condition{cond("text", locket.OpPrefix, "the tulip")}},
		"diary":      {Type: "Note", Where: []locket.Condition{cond("text", locket.OpExists, false)}},
		"":           {Where: []locket.Condition{cond("folder", locket.OpEqual, "home")}},
	} {
		if got := names(q); got != strings.TrimSpace(want) {
			t.Errorf("%+v: %q, want %q", q, got, want)
		}
	}
	first, err := w.agent.Query(t.Context(), locket.Query{Order: "name", Limit: 1})
	if err != nil || first.Next == "" {
		t.Fatal(first, err)
	}
	if got := names(locket.Query{Order: "name", Cursor: first.Next}); got != "plan" {
		t.Errorf("second page %q", got)
	}
}

// TestHistoryObeysThePolicy moves a note into view: what it was before stays hidden.
func TestHistoryObeysThePolicy(t *testing.T) {
	w := newWorld(t, readWork)
	w.write(func(wr *store.Writer) error {
		_, err := wr.Update(w.home.ID, 0, props{"folder": "work", "text": "published"})
		return err
	})
	h, err := w.agent.History(t.Context(), w.home.ID, 0, "")
	if err != nil || len(h.Items) != 1 || h.Items[0].Props["text"] != "published" || h.Items[0].Change != 0 {
		t.Errorf("history %+v, %v", h.Items, err)
	}
}

// TestRanksTellNothing compares two pods that differ only in what is hidden.
func TestRanksTellNothing(t *testing.T) {
	found := func(hidden int) string {
		w := newWorld(t, readWork)
		for _, n := range []props{
			{"name": "a", "text": "alpha alpha alpha", "folder": "work"},
			{"name": "b", "text": "beta", "folder": "work"},
			{"name": "c", "text": "alpha and beta and many more words of no interest", "folder": "work"},
		} {
			w.create("Note", n)
		}
		for range hidden {
			w.create("Note", props{"name": "alpha", "text": "alpha alpha", "folder": "home"})
		}
		var out []string
		for _, text := range []string{"alpha", "beta", "alpha beta", "tulip"} {
			p, err := w.agent.Search(t.Context(), locket.Search{Text: text})
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range p.Items {
				out = append(out, h.Item.Text("name")+" "+h.Snippet)
			}
		}
		return strings.Join(out, "\n")
	}
	if none, many := found(0), found(30); none != many || !strings.Contains(none, "alpha") {
		t.Errorf("without hidden items:\n%s\nwith:\n%s", none, many)
	}
}

func TestWriteWithinPolicy(t *testing.T) {
	w := newWorld(t, `{"rules":[
		{"actions":["read"],"types":["Note"],"where":{"folder":"work"}},
		{"actions":["create","update","delete"],"types":["Note"],"where":{"folder":"work"},"properties":["name","text","folder","blob"]},
		{"actions":["read","link"],"types":["Person"]}]}`)
	own, err := w.agent.PutBlob(t.Context(), strings.NewReader("mine"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.agent.OpenBlob(t.Context(), own.ID); err != nil {
		t.Errorf("its own upload: %v", err)
	}
	if _, err := w.v.OpenBlob(t.Context(), own.ID); err != nil {
		t.Errorf("the owner, of an upload: %v", err)
	}
	create := func(ps props) func(*store.Writer) error {
		return func(wr *store.Writer) error { _, err := wr.Create(store.Draft{Type: "Note", Props: ps}); return err }
	}
	update := func(id locket.ItemID, ps props) func(*store.Writer) error {
		return func(wr *store.Writer) error { _, err := wr.Update(id, 0, ps); return err }
	}
	for _, c := range []struct {
		what string
		code locket.Code
		fn   func(*store.Writer) error
	}{
		{"create within", "", create(props{"name": "x", "folder": "work", "blob": string(own.ID)})},
		{"create what it could not read", locket.CodeDenied, create(props{"name": "x", "folder": "home"})},
		{"create without the folder", locket.CodeDenied, create(props{"name": "x"})},
		{"set a property it may not", locket.CodeDenied, create(props{"folder": "work", "keywords": []any{"k"}})},
		{"point at another's blob", locket.CodeInvalid, create(props{"folder": "work", "blob": string(w.secret)})},
		{"create another type", locket.CodeDenied, func(wr *store.Writer) error {
			_, err := wr.Create(store.Draft{Type: "Person", Props: props{"name": "x"}})
			return err
		}},
		{"choose an id", locket.CodeDenied, func(wr *store.Writer) error {
			_, err := wr.Create(store.Draft{ID: w.home.ID, Type: "Note", Props: props{"folder": "work"}})
			return err
		}},
		{"update within", "", update(w.work.ID, props{"text": "changed"})},
		{"move out of sight", locket.CodeDenied, update(w.work.ID, props{"folder": "home"})},
		{"update what is hidden", locket.CodeNotFound, update(w.home.ID, props{"folder": "work"})},
		{"delete what is hidden", locket.CodeNotFound, func(wr *store.Writer) error { return wr.Delete(w.home.ID, 0) }},
		{"erase", locket.CodeDenied, func(wr *store.Writer) error { return wr.Erase(w.work.ID, 0) }},
		{"link from a note", locket.CodeDenied, func(wr *store.Writer) error {
			return wr.Link(locket.Edge{Source: w.work.ID, Name: "x", Target: w.person.ID})
		}},
		{"link to what is hidden", locket.CodeNotFound, func(wr *store.Writer) error {
			return wr.Link(locket.Edge{Source: w.person.ID, Name: "x", Target: w.home.ID})
		}},
		{"link", "", func(wr *store.Writer) error {
			return wr.Link(locket.Edge{Source: w.person.ID, Name: "x", Target: w.work.ID})
		}},
		{"delete within", "", func(wr *store.Writer) error { return wr.Delete(w.work.ID, 0) }},
	} {
		c1, err := w.agent.Write(t.Context(), c.fn)
		if locket.CodeOf(err) != c.code {
			t.Errorf("%s: %v %v, want %q", c.what, err, cause(err), c.code)
		}
		if err == nil && (c1.ID != 0 || c1.Seq == 0) {
			t.Errorf("%s: change %+v tells how many there are", c.what, c1)
		}
	}
}

// TestJournalOfReads looks at what the owner sees of an agent's reads.
func TestJournalOfReads(t *testing.T) {
	w := newWorld(t, readWork)
	if _, err := w.agent.Get(t.Context(), w.work.ID); err != nil {
		t.Fatal(err)
	}
	me := w.agent.Principal().ID
	if _, err := w.agent.Search(t.Context(), locket.Search{Text: "tulip"}); err != nil {
		t.Fatal(err)
	}
	state := locket.StatePaused
	w.write(func(wr *store.Writer) error {
		_, err := wr.ChangePrincipal(me, store.PrincipalChange{State: &state})
		return err
	})
	if _, err := w.s.Admit(t.Context(), store.Visitor{Principal: me}); locket.CodeOf(err) != locket.CodeDenied {
		t.Errorf("a paused agent: %v", err)
	}
	page, err := w.v.Journal(t.Context(), store.JournalQuery{Principal: me})
	if err != nil {
		t.Fatal(err, cause(err))
	}
	var got []string
	for _, e := range page.Items {
		for _, a := range e.Actions {
			got = append(got, fmt.Sprint(e.Kind, " ", a.Action, " ", a.Detail["ids"]))
		}
	}
	want := []string{"access refuse <nil>", fmt.Sprintf("access search [%s]", w.work.ID), fmt.Sprintf("access read [%s]", w.work.ID)}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	p, err := w.v.Principals(t.Context())
	if err != nil || len(p) != 2 || p[1].State != locket.StatePaused || p[1].Seen.IsZero() {
		t.Errorf("principals %+v, %v", p, err)
	}
}
