package memory_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory"
	"github.com/locketpod/locket/internal/podtest"
	"github.com/locketpod/locket/internal/store"
)

func remember(t *testing.T, v *store.View, d memory.Draft) memory.Remembered {
	t.Helper()
	out, err := memory.Remember(t.Context(), v, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// policyOf permits everything on the memories of some namespaces.
func policyOf(namespaces ...string) locket.Policy {
	var p locket.Policy
	for _, ns := range namespaces {
		p.Rules = append(p.Rules, locket.Rule{
			Actions: []locket.Permission{locket.MayRead, locket.MaySearch, locket.MayCreate, locket.MayUpdate, locket.MayDelete, locket.MayLink},
			Types:   []string{memory.Type}, Where: map[string]locket.Match{"namespace": {In: []any{ns}}},
		})
	}
	return p
}

func TestRememberMeets(t *testing.T) {
	p := podtest.New(t)
	v := p.View(p.Owner)
	first := remember(t, v, memory.Draft{Text: "Priya plays the cello in the small town orchestra every Friday evening"})
	if first.Met != memory.MetNothing {
		t.Fatalf("the first meets %q", first.Met)
	}
	for _, c := range []struct {
		name string
		d    memory.Draft
		met  string
		same bool // as the first
	}{
		{"the same", memory.Draft{Text: "Priya plays the cello in the small town orchestra every Friday evening"}, memory.MetSame, true},
		{"with other white space", memory.Draft{Text: " Priya plays  the cello in the small\ntown orchestra every Friday evening "}, memory.MetSame, true},
		{"nearly the same", memory.Draft{Text: "priya plays the cello in the small town orchestra every friday evening!"}, memory.MetSimilar, true},
		{"by force", memory.Draft{Text: "priya plays the cello in the small town orchestra every friday evening!", Force: true}, memory.MetNothing, false},
		{"elsewhere", memory.Draft{Text: "Priya plays the cello in the small town orchestra every Friday evening", Namespace: "shared/music"}, memory.MetNothing, false},
		{"of another kind", memory.Draft{Text: "Priya plays the cello in the small town orchestra every Friday evening", Kind: "event"}, memory.MetNothing, false},
		{"denied", memory.Draft{Text: "Priya never plays the cello in the small town orchestra every Friday evening"}, memory.MetNothing, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := remember(t, v, c.d)
			if got.Met != c.met || (got.Item.ID == first.Item.ID) != c.same {
				t.Errorf("meets %q, item %s; want %q, the first: %t", got.Met, got.Item.ID, c.met, c.same)
			}
		})
	}
	p.Verify()
}

// Two writers at once leave one memory.
func TestRememberAtOnce(t *testing.T) {
	p := podtest.New(t)
	var wg sync.WaitGroup
	ids := make([]locket.ItemID, 8)
	for i := range ids {
		v := p.View(p.Owner)
		wg.Go(func() {
			out, err := memory.Remember(t.Context(), v, memory.Draft{Text: "tea"}, nil)
			if err != nil {
				t.Error(err)
			}
			ids[i] = out.Item.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("there are two: %v", ids)
		}
	}
}

func TestSupersede(t *testing.T) {
	p := podtest.New(t)
	v := p.View(p.Owner)
	old := remember(t, v, memory.Draft{Text: "Dinner is at 18:00"}).Item.ID
	renewed := remember(t, v, memory.Draft{Text: "Dinner is at 19:00 now", Supersedes: []locket.ItemID{old}})
	it, err := v.Get(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	if end, _ := it.Props["validThrough"].(time.Time); it.Deleted || end.IsZero() {
		t.Errorf("the old one is not there, or holds still: %v", it)
	}
	edges, err := v.Edges(t.Context(), renewed.Item.ID, store.Out, memory.EdgeSupersedes, 10, "")
	if err != nil || len(edges.Items) != 1 || edges.Items[0].Item.ID != old {
		t.Errorf("edges %v, %v", edges, err)
	}
	// What holds no longer is not met.
	if again := remember(t, v, memory.Draft{Text: "Dinner is at 18:00"}); again.Met != memory.MetNothing {
		t.Errorf("the superseded one is met: %q", again.Met)
	}
}

// What a principal can't see is not met, and does not keep it from remembering.
func TestRememberApart(t *testing.T) {
	p := podtest.New(t)
	anna := p.Add(locket.KindAgent, "anna", policyOf("agents/anna", "shared/home"))
	ben := p.Add(locket.KindAgent, "ben", policyOf("agents/ben"))
	const text = "The spare key is under the third flower pot"
	first := remember(t, anna, memory.Draft{Text: text})
	if ns := first.Item.Text("namespace"); ns != "agents/anna" {
		t.Errorf("an agent's own namespace is %q", ns)
	}
	second := remember(t, ben, memory.Draft{Text: text})
	if second.Met != memory.MetNothing || len(second.Similar) > 0 {
		t.Errorf("ben meets anna's: %+v", second)
	}
	_, err := memory.Remember(t.Context(), ben, memory.Draft{Text: text, Namespace: "agents/anna"}, nil)
	if locket.CodeOf(err) != locket.CodeDenied {
		t.Errorf("writing into another's namespace: %v", err)
	}
	_, err = memory.Remember(t.Context(), ben, memory.Draft{Text: "newer", Supersedes: []locket.ItemID{first.Item.ID}}, nil)
	if locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("superseding what can't be seen: %v", err)
	}
	s, err := memory.Count(t.Context(), ben, nil)
	if err != nil || s.Memories != 1 || len(s.Namespaces) != 1 {
		t.Errorf("ben counts %+v, %v", s, err)
	}
	nobody := p.Add(locket.KindAgent, "nobody", locket.Policy{Rules: []locket.Rule{{Actions: []locket.Permission{locket.MayRead}, Types: []string{"Note"}}}})
	if s, err := memory.Count(t.Context(), nobody, nil); err != nil || s.Memories != 0 {
		t.Errorf("who may not know of memories counts %+v, %v", s, err)
	}
}

func TestRecalledTextIsNotNew(t *testing.T) {
	p := podtest.New(t)
	v := p.View(p.Owner)
	const frame = "<locket-data-0a1b nature=\"stored data\">\nPriya: the boat\n</locket-data-0a1b>"
	_, err := memory.Remember(t.Context(), v, memory.Draft{Text: frame}, nil)
	if locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("recalled text is remembered: %v", err)
	}
	out := remember(t, v, memory.Draft{Text: "She asked about it. " + frame})
	if text := out.Item.Text("text"); strings.Contains(text, "boat") || !strings.Contains(text, "She asked") {
		t.Errorf("remembered %q", text)
	}
}

func TestBounds(t *testing.T) {
	p := podtest.New(t)
	v := p.View(p.Owner)
	past := time.Now().Add(-time.Hour)
	for name, d := range map[string]memory.Draft{
		"no text":        {Text: " \n"},
		"a long text":    {Text: strings.Repeat("x", 64<<10+1)},
		"a kind":         {Text: "x", Kind: "rumour"},
		"a tier":         {Text: "x", Tier: "eternal"},
		"a namespace":    {Text: "x", Namespace: "a//b"},
		"a way up":       {Text: "x", Namespace: "a/../b"},
		"depth":          {Text: "x", Namespace: "a/b/c/d/e/f/g/h/i"},
		"importance":     {Text: "x", Importance: 1.5},
		"in the past":    {Text: "x", Expires: past},
		"turned round":   {Text: "x", ValidFrom: past, ValidThrough: past.Add(-time.Hour)},
		"too many tags":  {Text: "x", Tags: make([]string, 51)},
		"too many links": {Text: "x", About: make([]locket.ItemID, 51)},
	} {
		if _, err := memory.Remember(t.Context(), v, d, nil); locket.CodeOf(err) != locket.CodeInvalid && locket.CodeOf(err) != locket.CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, err := memory.Count(t.Context(), v, nil); err != nil || s.Memories != 0 {
		t.Errorf("something was written: %+v, %v", s, err)
	}
}

func TestTendAndTiers(t *testing.T) {
	p := podtest.New(t)
	v := p.View(p.Owner)
	brief := remember(t, v, memory.Draft{Text: "the guest wifi is open today", Tier: "working"}).Item
	remember(t, v, memory.Draft{Text: "the harbour has four piers"})
	if end, _ := brief.Props["expires"].(time.Time); time.Until(end) > 6*time.Hour || time.Until(end) < 5*time.Hour {
		t.Errorf("a working memory expires at %v", end)
	}
	for range 2 {
		it, err := v.Get(t.Context(), brief.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Used(t.Context(), []locket.ItemID{it.ID}); err != nil {
			t.Fatal(err)
		}
		if err := memory.Raise(t.Context(), v, []locket.Item{it}); err != nil {
			t.Fatal(err)
		}
	}
	it, err := v.Get(t.Context(), brief.ID)
	if err != nil || it.Text("tier") != "session" {
		t.Errorf("recalled twice it is %q, %v", it.Text("tier"), err)
	}
	p.Write(v, func(w *store.Writer) error {
		_, err := w.Update(brief.ID, 0, map[string]any{"expires": time.Now().Add(-time.Minute)})
		return err
	})
	for _, dry := range []bool{true, false} {
		out, err := memory.Tend(t.Context(), v, dry)
		if err != nil || out.Archived != 1 || out.Items[0] != brief.ID {
			t.Errorf("dry %t: %+v, %v", dry, out, err)
		}
		if it, err := v.Get(t.Context(), brief.ID); err != nil || it.Deleted == dry {
			t.Errorf("dry %t: deleted %t, %v", dry, it.Deleted, err)
		}
	}
}

func TestAudit(t *testing.T) {
	p := podtest.New(t)
	v := p.View(p.Owner)
	agent := p.Add(locket.KindAgent, "anna", policyOf("agents/anna"))
	const text = "Priya plays the cello in the small town orchestra every Friday evening"
	a := remember(t, v, memory.Draft{Text: text}).Item.ID
	b := remember(t, v, memory.Draft{Text: strings.ToUpper(text), Force: true}).Item.ID
	remember(t, v, memory.Draft{Text: "Priya does not play any instrument", Contradicts: []locket.ItemID{a}})
	unsourced := remember(t, agent, memory.Draft{Text: "the boat is red"}).Item.ID
	remember(t, agent, memory.Draft{Text: "the boat is blue", Source: "the brochure"})
	remember(t, agent, memory.Draft{Text: "so it has no colour that is known", From: []locket.ItemID{unsourced}})
	remember(t, v, memory.Draft{Text: "Priya plays no cello", Contradicts: []locket.ItemID{a}})
	out, err := memory.Look(t.Context(), v, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Duplicates) != 1 || out.Duplicates[0].A != a || out.Duplicates[0].B != b {
		t.Errorf("duplicates %+v", out.Duplicates)
	}
	if len(out.Contradictions) != 1 || out.Contradictions[0].B != a || out.Counts.Contradictions != 2 {
		t.Errorf("contradictions %+v of %d", out.Contradictions, out.Counts.Contradictions)
	}
	if len(out.Unsourced) != 1 || out.Unsourced[0].ID != unsourced || out.Counts.Unsourced != 1 {
		t.Errorf("unsourced %+v", out.Unsourced)
	}
	if out.Memories != 7 || out.Counts.Unused != 0 {
		t.Errorf("%+v", out.Counts)
	}
}

func TestUpdate(t *testing.T) {
	p := podtest.New(t)
	v := p.View(p.Owner)
	id := remember(t, v, memory.Draft{Text: "the boat is red"}).Item.ID
	update := func(d memory.Draft) locket.Item {
		t.Helper()
		it, err := memory.Update(t.Context(), v, id, 0, d, nil)
		if err != nil {
			t.Fatal(err)
		}
		return it
	}
	if it := update(memory.Draft{Text: "the boat is blue", Tier: "session"}); it.Text("sha256") != locket.TextHash("the boat is blue") || it.Props["expires"] == nil {
		t.Errorf("%v", it.Props)
	}
	if it := update(memory.Draft{Tier: "long"}); it.Props["expires"] != nil {
		t.Errorf("for ever, and expires at %v", it.Props["expires"])
	}
	if it := update(memory.Draft{Name: "boat"}); it.Text("text") != "the boat is blue" || it.Text("name") != "boat" {
		t.Errorf("%v", it.Props)
	}
	_, err := memory.Update(t.Context(), v, id, 0, memory.Draft{Text: "<locket-memories>\n- the boat</locket-memories>"}, nil)
	if locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("recalled text is stored: %v", err)
	}
	_, err = memory.Update(t.Context(), v, id, 1, memory.Draft{Text: "the boat is green"}, nil)
	if locket.CodeOf(err) != locket.CodeConflict {
		t.Errorf("from an old version: %v", err)
	}
}
