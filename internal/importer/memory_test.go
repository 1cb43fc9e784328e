package importer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/store"
)

const (
	graphFile = `{"type":"relation","from":"Anna","to":"Locket","relationType":"works_on"}
{"type":"entity","name":"Anna","entityType":"person","observations":["likes tea","two\nlines \\ here"]}

{"type":"entity","name":"Locket","entityType":"project","observations":[]}
{"type":"relation","from":"Locket","to":"Anna","relationType":"is kept by"}
{"type":"relation","from":"Anna","to":"Nobody","relationType":"knows"}
{"type":"entity","name":"Anna","entityType":"person","observations":["likes tea","lives in Bern"]}
{"type":"thing","name":"x"}
{"type":"entity",
`
	mem0File = `{"results":[
 {"id":"3fa85f64-5717-4562-b3fc-2c963f66afa6","memory":"Likes  tea.","hash":"x","user_id":"anna","agent_id":null,"run_id":"r1","categories":["food","Food"],
  "created_at":"2025-01-10T14:30:00.123456-07:00","updated_at":null,"expiration_date":"2031-05-06","metadata":{"source":"chat"}},
 {"id":"m2","memory":"Reads at night.","agent_id":"scribe","user_id":"anna","created_at":"soon"},
 {"id":"m3","memory":""}],
"relations":[{"source":"anna","relationship":"likes","target":"tea"}]}`
	serviceFile = `{"export_metadata":{"total_memories":2},"memories":[
 {"content":"Uses SQLite.","content_hash":"abc","tags":"db, sqlite","created_at":1692633600.5,"memory_type":"architectural-decision","metadata":{"source":"desk"}},
 {"content_hash":"def","tags":[]}]}`
	aiFile = `{"count":3,"exported_at":"2026-05-01T00:00:00Z","links":[
 {"source_id":"11111111-1111-4111-8111-111111111111","target_id":"22222222-2222-4222-8222-222222222222","relation":"supersedes","created_at":"2026-04-01T00:00:00Z"},
 {"source_id":"22222222-2222-4222-8222-222222222222","target_id":"11111111-1111-4111-8111-111111111111","relation":"derives_from"},
 {"source_id":"11111111-1111-4111-8111-111111111111","target_id":"99999999-9999-4999-8999-999999999999","relation":"related_to"},
 {"source_id":"99999999-9999-4999-8999-999999999999","target_id":"11111111-1111-4111-8111-111111111111","relation":"related_to"}],
"memories":[
 {"id":"11111111-1111-4111-8111-111111111111","tier":"long","namespace":"team/infra","title":"Database","content":"It is PostgreSQL now.","tags":["db"],"priority":8,
  "confidence":0.9,"source":"api","access_count":3,"created_at":"2026-04-01T10:00:00+00:00","updated_at":"2026-04-01T10:00:00+00:00","metadata":{"agent_id":"ai:scribe"},
  "reflection_depth":0,"memory_kind":"decision","citations":[],"source_uri":"https://example.com/adr","confidence_source":"caller","version":1},
 {"id":"22222222-2222-4222-8222-222222222222","tier":"mid","namespace":"global","title":"Old database","content":"It was MySQL.","tags":[],"priority":0,"confidence":1.5,
  "source":"claude","created_at":"2026-03-01T10:00:00Z","expires_at":"2026-03-08T10:00:00Z","memory_kind":"persona"},
 {"id":"33333333-3333-4333-8333-333333333333","title":"Empty"}]}`
	basicNote = `---
title: Coffee
type: note
permalink: drinks/coffee
tags: [brewing]
created: 2025-02-03
---
# Coffee

- [method] Pour over is clear #filter (my own)
- [ ] buy beans
- relates_to [[Beans]]
- contrasts with [[Tea]] (strongly)
- relates_to [[drinks/milk]]

See [[Beans]] and [[Cups]].
`
)

// told is what a test compares of an item.
func told(it locket.Item, names ...string) string {
	var out []string
	for _, n := range names {
		v := it.Props[n]
		if t, ok := v.(time.Time); ok {
			v = t.Format("2006-01-02T15:04:05.999999")
		}
		out = append(out, fmt.Sprint(v))
	}
	return strings.Join(out, "|")
}

// memoryEdges lists the edges between items by the names or texts of these.
func memoryEdges(t *testing.T, v *store.View, its map[string]locket.Item) []string {
	t.Helper()
	var ids []locket.ItemID
	names := make(map[locket.ItemID]string)
	for name, it := range its {
		ids = append(ids, it.ID)
		names[it.ID] = name
	}
	var out []string
	if _, err := v.Write(t.Context(), func(w *store.Writer) error {
		es, err := w.Links(ids, store.Out)
		for _, e := range es {
			out = append(out, names[e.Source]+" "+e.Name+" "+names[e.Target])
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func byText(t *testing.T, v *store.View) map[string]locket.Item {
	t.Helper()
	page, err := v.Query(t.Context(), locket.Query{Type: "Memory", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]locket.Item)
	for _, it := range page.Items {
		out[it.Text("text")] = it
	}
	return out
}

// twice imports a folder, and again what must add nothing.
func twice(t *testing.T, v *store.View, dir string, imported, duplicate, rejected int64, format string) {
	t.Helper()
	r := run(t, v, dir)
	if r.Imported != imported || r.Duplicate != duplicate || r.Rejected != rejected || r.Dropped != 0 {
		t.Errorf("%+v, %d links dropped; ledger %+v", r.Import, r.Dropped, ledger(t, v, r.ID))
	}
	for _, e := range ledger(t, v, r.ID) {
		if e.Format != format || e.Item == "" {
			t.Errorf("ledger: %+v", e)
		}
	}
	if r = run(t, v, dir); r.Imported != 0 || r.Duplicate != imported+duplicate || r.Rejected != rejected {
		t.Errorf("again: %+v", r.Import)
	}
}

func TestGraphOfMemoryServer(t *testing.T) {
	v := newPod(t)
	twice(t, v, folder(t, "g", map[string]string{"memory.json": graphFile}), 2, 1, 3, "mcp-memory")
	got := items(t, v, "Memory")
	anna := got["Anna"]
	text := "likes tea\ntwo\\nlines \\\\ here\nlives in Bern"
	if s := told(anna, "kind", "namespace", "keywords", "text", "sha256"); s != "entity|shared/imported/mcp-memory|[person]|"+text+"|"+locket.TextHash(text) {
		t.Error(s)
	}
	if s := told(got["Locket"], "text", "sha256", "relations"); s != "<nil>|<nil>|[is kept by]" {
		t.Error(s)
	}
	check(t, memoryEdges(t, v, got), "Anna works_on Locket", "Locket "+locket.EdgeName("is kept by")+" Anna")
}

// Another state of the same file is a newer one, and the older does not come back.
func TestMemoriesChange(t *testing.T) {
	v := newPod(t)
	first := folder(t, "g", map[string]string{"memory.json": graphFile})
	second := folder(t, "g", map[string]string{"memory.json": `{"type":"entity","name":"Anna","entityType":"person","observations":["likes coffee"]}`})
	run(t, v, first)
	if r := run(t, v, second); r.Imported != 1 || ledger(t, v, r.ID)[0].Reason != "updated" {
		t.Errorf("%+v", r.Import)
	}
	run(t, v, first)
	if s := items(t, v, "Memory")["Anna"].Text("text"); s != "likes coffee" {
		t.Error(s)
	}
}

func TestMem0(t *testing.T) {
	v := newPod(t)
	twice(t, v, folder(t, "m", map[string]string{"mem0.json": mem0File}), 2, 0, 2, "mem0")
	got := byText(t, v)
	if s := told(got["Likes  tea."], "kind", "namespace", "keywords", "dateCreated", "expires", "source", "thread", "identifier", "sha256"); s !=
		"fact|shared/imported/mem0/anna|[food]|2025-01-10T21:30:00.123456|2031-05-06T00:00:00|chat|r1|3fa85f64-5717-4562-b3fc-2c963f66afa6|"+locket.TextHash("Likes tea.") {
		t.Error(s)
	}
	if s := told(got["Reads at night."], "namespace", "dateCreated"); s != "shared/imported/mem0/scribe|<nil>" {
		t.Error(s)
	}
	list := strings.TrimSuffix(strings.TrimPrefix(mem0File, `{"results":`), `,
"relations":[{"source":"anna","relationship":"likes","target":"tea"}]}`)
	r := run(t, v, folder(t, "n", map[string]string{"list.json": list}))
	if r.Duplicate != 1 || r.Imported != 1 || r.Rejected != 1 { // m2 is an id in its file only
		t.Errorf("a list alone, elsewhere: %+v", r.Import)
	}
	if r = run(t, v, folder(t, "m", map[string]string{"mem0.json": mem0File})); ledger(t, v, r.ID)[3].Reason != "a relation between names, not of memories" {
		t.Errorf("%+v", ledger(t, v, r.ID))
	}
}

func TestMCPMemoryService(t *testing.T) {
	v := newPod(t)
	twice(t, v, folder(t, "s", map[string]string{"export.json": serviceFile}), 1, 0, 1, "mcp-memory-service")
	if s := told(byText(t, v)["Uses SQLite."], "kind", "namespace", "keywords", "dateCreated", "source"); s !=
		"decision|shared/imported/mcp-memory-service|[db sqlite]|2023-08-21T16:00:00.5|desk" {
		t.Error(s)
	}
}

func TestAIMemory(t *testing.T) {
	v := newPod(t)
	twice(t, v, folder(t, "a", map[string]string{"export.json": aiFile}), 2, 0, 3, "ai-memory")
	got := items(t, v, "Memory")
	if s := told(got["Database"], "text", "kind", "tier", "namespace", "importance", "confidence", "source", "sender", "dateCreated"); s !=
		"It is PostgreSQL now.|decision|long|shared/imported/ai-memory/team/infra|0.8|0.9|https://example.com/adr|ai:scribe|2026-04-01T10:00:00" {
		t.Error(s)
	}
	if s := told(got["Old database"], "kind", "tier", "importance", "confidence", "source", "expires"); s != "fact|session|0|<nil>|claude|2026-03-08T10:00:00" {
		t.Error(s)
	}
	check(t, memoryEdges(t, v, got), "Database supersedes Old database", "Old database derivedFrom Database")
}

func TestBasicMemory(t *testing.T) {
	v := newPod(t)
	note := func(title, permalink, text string) string {
		return fmt.Sprintf("---\ntitle: %s\ntype: decision\npermalink: %s\n---\n%s", title, permalink, text)
	}
	twice(t, v, folder(t, "b", map[string]string{
		"drinks/Coffee.md": basicNote, "drinks/tea-leaves.md": note("Tea", "drinks/tea", "[[Coffee]]"),
		"z/Milch.md": note("Milk", "drinks/milk", "white"), "Beans.md": note("Beans", "beans", "- [[Coffee]]"), "Cups.md": note("Cups", "cups", "x"),
	}), 5, 0, 0, "basic-memory")
	got := items(t, v, "Memory")
	if s := told(got["Coffee"], "kind", "namespace", "keywords", "identifier", "dateCreated", "relations"); s !=
		"note|shared/imported/basic-memory/drinks|[brewing filter method]|drinks/coffee|2025-02-03T00:00:00|[contrasts with]" {
		t.Error(s)
	}
	if s := told(got["Tea"], "kind", "text", "source"); s != "decision|[[Coffee]]|drinks/tea-leaves.md" {
		t.Error(s)
	}
	if text := got["Coffee"].Text("text"); !strings.HasPrefix(text, "# Coffee\n") || !strings.HasSuffix(text, "[[Cups]].") {
		t.Error("not the whole text:", text)
	}
	check(t, memoryEdges(t, v, got), "Beans relates_to Coffee", "Coffee "+locket.EdgeName("contrasts with")+" Tea", "Coffee mentions Cups",
		"Coffee relates_to Beans", "Coffee relates_to Milk", "Tea mentions Coffee")
}

// What only looks like one of the formats stays what it is.
func TestNoMemories(t *testing.T) {
	dir := folder(t, "n", map[string]string{
		"a.md":           "---\ntitle: T\ntype: note\n---\nx",
		"b.md":           "---\npermalink: /x\n---\nx",
		"c.md":           "x\n---\ntype: a\npermalink: b\n---\n",
		"package.json":   `{"name":"x","observations":1}`,
		"d.json":         `{"memory":{"user_id":1}}`,
		"e.json":         `{"memories":[],"namespace":"x"}`,
		"f.go":           `{"type":"entity","name":"a","entityType":"b","observations":[]}`,
		"read_graph.txt": `{"entities":[{"name":"a","entityType":"b","observations":[]}]}`,
		"graph.json":     `{"entities":[{"name":"a","entityType":"b","observations":[]}]}`,
	})
	p, err := importer.Recognise(t.Context(), open(t, dir), importer.Formats(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Formats {
		if f.Name != "file" && f.Name != "markdown" || f.Name == "markdown" && f.Files != 3 {
			t.Errorf("%+v", f)
		}
	}
}

// A file that is not what its beginning promises is rejected as a whole and kept.
func TestBrokenMemories(t *testing.T) {
	for name, text := range map[string]string{
		"mem0": mem0File[:len(mem0File)-2], "ai-memory": aiFile[:len(aiFile)-1], "mcp-memory-service": serviceFile + "}",
	} {
		v := newPod(t)
		r := run(t, v, folder(t, "b", map[string]string{"x.json": text}))
		l := ledger(t, v, r.ID)
		if r.Read != 1 || r.Rejected != 1 || l[0].Format != name || l[0].Item == "" {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

func TestOddValuesOfMemories(t *testing.T) {
	v := newPod(t)
	long := strings.Repeat("é", 400)
	run(t, v, folder(t, "o", map[string]string{"m.json": fmt.Sprintf(
		`[{"memory":"a\u0000b","agent_id":"../%s//x/\u0007y/1/2/3/4/5","categories":[%q,""," \n"],"run_id":%q,"created_at":-5,"metadata":{"source":7}}]`, long, long, long+long)}))
	it := byText(t, v)["ab"]
	ns := it.Text("namespace")
	if steps := strings.Split(ns, "/"); len(steps) != 8 || len(ns) > 512 || slices.ContainsFunc(steps, func(s string) bool { return s == "" || s == ".." || len(s) > 50 }) {
		t.Error(ns)
	}
	if s := told(it, "keywords", "dateCreated", "source"); s != "["+strings.Repeat("é", 64)+"]|<nil>|<nil>" || len(it.Text("thread")) != 1024 {
		t.Error(s, len(it.Text("thread")))
	}
}

func TestSampleMemories(t *testing.T) {
	for _, c := range []struct {
		file, format string
		imported     int64
		lines        int // of all texts
	}{
		{"mcp-memory/mcp-think-tank-memory.jsonl", "mcp-memory", 57, 313},
		{"mem0/cognee-mem0_export.json", "mem0", 4, 4},
		{"mcp-memory-service/memory_export_template.json", "mcp-memory-service", 3, 3},
	} {
		v := newPod(t)
		r := run(t, v, sample(t, append([]string{"ai"}, strings.Split(c.file, "/")...)...))
		lines := 0
		for _, it := range items(t, v, "Memory") {
			if it.Text("name") == "" { // of those without a name only one is told
				lines = 0
				break
			}
			lines += len(strings.Split(it.Text("text"), "\n"))
		}
		if lines == 0 {
			lines = len(byText(t, v))
		}
		if r.Imported != c.imported || r.Rejected != 0 || r.Duplicate != 0 || lines != c.lines {
			t.Errorf("%s: %+v, %d lines", c.file, r.Import, lines)
		}
		for _, e := range ledger(t, v, r.ID) {
			if e.Format != c.format {
				t.Errorf("%+v", e)
			}
		}
	}
}

// Whatever the bytes are, each record has a place and either an item or a reason.
func FuzzMemories(f *testing.F) {
	for _, s := range []string{graphFile, mem0File, serviceFile, aiFile, basicNote, `[{"memory":"x","user_id":{}}]`, `{"memories":[null,1,"x",{}],"links":[null]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, format := range importer.Formats() {
			name := "m.json"
			switch format.Name {
			case "mcp-memory", "mem0", "mcp-memory-service", "ai-memory":
			case "basic-memory":
				name = "m.md"
			default:
				continue
			}
			err := tree(name, b).Walk(t.Context(), func(file *importer.File) error {
				return format.Read(t.Context(), file, func(r importer.Record) error {
					if (r.Err == nil) != (len(r.Items) == 1) || r.Raw == nil {
						t.Errorf("%s: %+v", format.Name, r)
					}
					for _, d := range r.Items {
						if d.Type != "Memory" || d.Key == "" || !strings.HasPrefix(d.Props["namespace"].(string), "shared/imported/"+format.Name) {
							t.Errorf("%s: %+v", format.Name, d)
						}
					}
					return nil
				})
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}
