package demo_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"image/png"
	"iter"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/demo"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

func digest(t *testing.T, entries iter.Seq[demo.Entry]) [32]byte {
	t.Helper()
	h := sha256.New()
	for e := range entries {
		if err := json.NewEncoder(h).Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	return [32]byte(h.Sum(nil))
}

func TestGenerateIsDeterministic(t *testing.T) {
	first := digest(t, demo.Generate(1, demo.Today))
	if again := digest(t, demo.Generate(1, demo.Today)); again != first {
		t.Error("the same seed and day gave two different lives")
	}
	if other := digest(t, demo.Generate(2, demo.Today)); other == first {
		t.Error("another seed gave the same life")
	}
	if later := digest(t, demo.Generate(1, demo.Today.AddDate(0, 0, 1))); later == first {
		t.Error("another day gave the same life")
	}
}

func TestGenerateCoversEveryType(t *testing.T) {
	counts := map[string]int{}
	total, links := 0, 0
	for e := range demo.Generate(1, demo.Today) {
		counts[e.Item.Type]++
		total++
		links += len(e.Links)
	}
	if total < 1900 || total > 2100 {
		t.Errorf("items = %d, want about 2000", total)
	}
	if links < total {
		t.Errorf("edges = %d, want more than one per item", links)
	}
	for _, typ := range locket.BuiltinTypes() {
		if counts[typ.Name] < 20 {
			t.Errorf("items of type %s = %d, want at least 20", typ.Name, counts[typ.Name])
		}
	}
	t.Logf("%d items, %d edges: %v", total, links, counts)
}

// TestGenerateFitsTheSchema checks each property against its declaration, so that
// no store is needed to know that a store will take it.
func TestGenerateFitsTheSchema(t *testing.T) {
	types := map[string]locket.Type{}
	for _, typ := range locket.BuiltinTypes() {
		types[typ.Name] = typ
	}
	for e := range demo.Generate(3, demo.Today) {
		typ := types[e.Item.Type]
		for name, value := range e.Item.Props {
			p, ok := typ.Property(name)
			if !ok || !fits(p, value) {
				t.Fatalf("%s.%s = %T, which its declaration (%+v) does not allow", e.Item.Type, name, value, p)
			}
		}
	}
}

func fits(p locket.Property, value any) bool {
	if p.Many {
		values, ok := value.([]any)
		for _, v := range values {
			ok = ok && fits(locket.Property{Kind: p.Kind}, v)
		}
		return ok && len(values) > 0
	}
	var ok bool
	switch p.Kind {
	case locket.Text:
		_, ok = value.(string)
	case locket.Integer:
		_, ok = value.(int64)
	case locket.Real:
		_, ok = value.(float64)
	case locket.Boolean:
		_, ok = value.(bool)
	case locket.Time:
		_, ok = value.(time.Time)
	}
	return ok
}

func TestGenerateLinksEarlierItemsOnly(t *testing.T) {
	seen := map[locket.ItemID]bool{}
	for e := range demo.Generate(1, demo.Today) {
		if seen[e.Item.ID] {
			t.Fatalf("id %s occurs twice", e.Item.ID)
		}
		for _, link := range e.Links {
			if link.Source != e.Item.ID || !seen[link.Target] {
				t.Fatalf("edge %+v does not lead from %s to an earlier item", link, e.Item.ID)
			}
		}
		seen[e.Item.ID] = true
	}
}

var address = regexp.MustCompile(`[^\s<>]*@[^\s<>]*|https?://[^/\s]*`)

func TestGenerateReachesNobody(t *testing.T) {
	plain := regexp.MustCompile(`^[a-z0-9.-]+@example\.(com|org)$|^https://[a-z.]+\.example\.(com|org)$`)
	for e := range demo.Generate(1, demo.Today) {
		text, err := json.Marshal(e.Item.Props)
		if err != nil {
			t.Fatal(err)
		}
		unescaped := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `"`, " ", `\n`, " ").Replace(string(text))
		for _, a := range address.FindAllString(unescaped, -1) {
			if !plain.MatchString(a) {
				t.Fatalf("%s holds the address %q", e.Item.Type, a)
			}
		}
		if strings.Contains(unescaped, "$") || strings.Contains(unescaped, "%!") {
			t.Fatalf("unfilled template in %s", unescaped)
		}
	}
}

func TestPhotosAreImages(t *testing.T) {
	n := 0
	for e := range demo.Generate(1, demo.Today) {
		if e.Item.Type != "Photo" {
			continue
		}
		cfg, err := png.DecodeConfig(bytes.NewReader(e.Content))
		if err != nil || int64(cfg.Width) != e.Item.Props["width"] || int64(cfg.Height) != e.Item.Props["height"] {
			t.Fatalf("photo %v: %dx%d, %v", e.Item.Props["name"], cfg.Width, cfg.Height, err)
		}
		n++
	}
	if n == 0 {
		t.Fatal("no photo")
	}
}

// TestGenerateStops breaks out of the sequence, which panics if anything is
// yielded afterwards.
func TestGenerateStops(t *testing.T) {
	n := 0
	for range demo.Generate(1, demo.Today) {
		if n++; n == 10 {
			break
		}
	}
}

// TestFill writes a life into a real pod and finds all of it there.
func TestFill(t *testing.T) {
	var items, edges, blobs int64
	for e := range demo.Generate(1, demo.Today) {
		items++
		edges += int64(len(unique(e.Links)))
		if e.Content != nil {
			blobs++
		}
	}
	inPod(t, func(v *store.View) error {
		n, err := demo.Fill(t.Context(), v, demo.Generate(1, demo.Today))
		if err != nil || int64(n) != items {
			t.Errorf("Fill = %d, %v, want %d", n, err, items)
		}
		st, err := v.Stats(t.Context())
		if st.Items != items || st.Edges != edges || st.Blobs != blobs {
			t.Errorf("pod holds %d items, %d edges, %d blobs, want %d, %d, %d", st.Items, st.Edges, st.Blobs, items, edges, blobs)
		}
		for _, words := range []string{"harbour atlas", "from:priya deadline", "등대", "豆腐", "lowenzahn"} {
			hits, err := v.Search(t.Context(), locket.Search{Text: words})
			if err != nil || len(hits.Items) == 0 {
				t.Errorf("Search(%q) = %d hits, %v", words, len(hits.Items), err)
			}
		}
		return err
	})
}

func unique(links []locket.Edge) map[locket.Edge]bool {
	set := map[locket.Edge]bool{}
	for _, l := range links {
		set[l] = true
	}
	return set
}

// inPod runs fn with a view of a new pod.
func inPod(t *testing.T, fn func(*store.View) error) {
	t.Helper()
	f, err := pods.Open(t.TempDir(), pods.Options{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := f.Create(t.Context(), pods.New{KeyName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer made.Token.Wipe()
	if err := f.Do(t.Context(), made.Pod, made.Token, fn); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
