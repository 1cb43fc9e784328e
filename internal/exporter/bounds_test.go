package exporter_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/exporter"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/store"
)

// agent lets an agent in.
func (p *pod) agent(policy string) *store.View {
	p.t.Helper()
	var pol locket.Policy
	check(p.t, json.Unmarshal([]byte(policy), &pol))
	var a locket.Principal
	p.write(func(w *store.Writer) (err error) {
		a, err = w.AddPrincipal(locket.Principal{Kind: locket.KindAgent, Name: string(locket.NewPrincipalID()), Policy: &pol})
		return err
	})
	return p.View(a.ID)
}

// What may be read and what may be exported are both bounds of an agent's export.
func TestAgentsExport(t *testing.T) {
	p := newPod(t)
	p.write(func(w *store.Writer) error {
		var ids []locket.ItemID
		for _, d := range []store.Draft{
			{Type: "Note", Props: props{"name": "mine", "folder": "work", "text": "shownText", "url": "hiddenURL"}},
			{Type: "Note", Props: props{"name": "hiddenNote", "folder": "home"}, Keys: []string{"hiddenKey"}},
			{Type: "Person", Props: props{"name": "hiddenPerson"}},
		} {
			it, err := w.Create(d)
			if err != nil {
				return err
			}
			ids = append(ids, it.ID)
		}
		return w.Link(locket.Edge{Source: ids[0], Name: "hiddenEdge", Target: ids[1]})
	})
	p.write(func(w *store.Writer) error {
		_, err := w.Update(firstOf(t, p, "Note"), 0, props{"text": "shownText now"})
		return err
	})
	v := p.agent(`{"rules":[{"actions":["read"]},{"actions":["export"],"types":["Note"],"where":{"folder":"work"},"properties":["name","text","folder"]}]}`)
	_, files := exportOf(t, v, exporter.Options{})
	all := ""
	for name, content := range files {
		all += name + "\n" + content
	}
	if strings.Contains(all, "hidden") || !strings.Contains(all, "shownText now") {
		t.Errorf("an agent's export has %s", all)
	}
	if !strings.Contains(all, `"complete":false,"history":false`) {
		t.Error("the header does not say that it is a part")
	}
	page, err := p.View(p.Owner).Journal(t.Context(), store.JournalQuery{Kind: locket.EntryAccess, Limit: 1})
	check(t, err)
	if len(page.Items) != 1 || page.Items[0].Author != v.Principal().ID || !strings.Contains(mustJSON(t, page.Items[0]), string(firstOf(t, p, "Note"))) {
		t.Errorf("the journal has not who read what: %+v", page.Items)
	}
	for _, policy := range []string{`{"rules":[{"actions":["read","search","import","manage"]}]}`, `{"rules":[{"actions":["export"]}]}`} {
		if err := exporter.Run(t.Context(), p.agent(policy), new(bytes.Buffer), exporter.Options{}); locket.CodeOf(err) != locket.CodeDenied {
			t.Errorf("with %s: %v", policy, err)
		}
	}
	// And nobody but the owner may bring ids with them.
	whole, _ := p.export(exporter.Options{})
	tree := importer.OpenReader("locket.tar", bytes.NewReader(whole), int64(len(whole)), importer.DefaultLimits())
	_, err = importer.Run(t.Context(), newPod(t).agent(`{"rules":[{"actions":["read","import","create","update","delete","link","manage"]}]}`), tree, nil, importer.Options{})
	if locket.CodeOf(err) != locket.CodeDenied {
		t.Errorf("an agent imports an export: %v", err)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	check(t, err)
	return string(b)
}

// A part of a pod comes back as it is, without a history.
func TestPart(t *testing.T) {
	p := newPod(t)
	fill(t, p)
	archive, files := p.export(exporter.Options{Query: "type:note", Formats: []string{}})
	if h, _, _ := strings.Cut(files["locket.jsonl"], "\n"); !strings.Contains(h, `"complete":false,"history":true,"query":"type:note"`) {
		t.Errorf("header %s", h)
	}
	if strings.Count(files["locket.jsonl"], `{"item":`) != 2 || strings.Contains(files["locket.jsonl"], `"type":"Person"`) {
		t.Error("it has other items than notes")
	}
	q := newPod(t)
	if r := q.restore(archive); r.Imported != 2 || r.Rejected+r.Dropped > 0 {
		t.Errorf("%+v", r)
	}
	q.Verify()
}

// What is damaged is told, and the rest comes all the same.
func TestDamage(t *testing.T) {
	p := newPod(t)
	fill(t, p)
	archive, files := p.export(exporter.Options{})
	lines := files["locket.jsonl"]
	for name, tt := range map[string]struct {
		source   string
		rejected int64
	}{
		"a small file is another": {strings.Replace(string(archive), "raw and small", "raw and smell", 1), 2}, // two items have it
		"a large one is, too":     {strings.Replace(string(archive), "large large", "large larch", 1), 2},
		"a value of another kind": {strings.Replace(string(archive), `"mood":0.1`, `"mood":"x"`, 1), 1},
		"the lines were cut":      {replaced(archive, lines, cutAt(lines, `{"edge":`)), 1},
		"an end is missing":       {replaced(archive, lines, strings.Replace(lines, `{"end":`, `{"and":`, 1)), 1},
	} {
		if tt.source == string(archive) {
			t.Fatalf("%s: nothing was changed", name)
		}
		q := newPod(t)
		r := q.restore([]byte(tt.source))
		if r.Rejected != tt.rejected || r.Imported < 8 {
			t.Errorf("%s: %+v", name, r.Import)
		}
		q.Verify()
		// With the whole one the rest follows.
		if r := q.restore(archive); r.Rejected > 0 {
			t.Errorf("%s, and then whole: %+v", name, r.Import)
		}
		_, after := q.export(exporter.Options{})
		if strings.Count(after["locket.jsonl"], "\n") != strings.Count(lines, "\n") {
			t.Errorf("%s, and then whole: %d lines, want %d", name, strings.Count(after["locket.jsonl"], "\n"), strings.Count(lines, "\n"))
		}
		q.Verify()
	}
	// Without the files: what needs them is rejected.
	q := newPod(t)
	if r := q.load("locket.jsonl", []byte(lines)); r.Rejected != 3 {
		t.Errorf("the lines alone: %+v", r.Import)
	}
}

// replaced puts other lines of the same length into an archive.
func replaced(archive []byte, was, is string) string {
	return strings.Replace(string(archive), was, is, 1)
}

// cutAt puts spaces in place of what begins with mark.
func cutAt(lines, mark string) string {
	at := strings.Index(lines, mark)
	return lines[:at] + strings.Repeat(" ", len(lines)-at)
}
