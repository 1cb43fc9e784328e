package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

const leakPolicy = `{"rules":[
	{"actions":["read","search"],"types":["Note"],"where":{"folder":"work"},"properties":["name","text","folder"]},
	{"actions":["read","search","create","update","link","delete"],"types":["Task"],"where":{"area":"open"},"properties":["title","area","about","parts","file","text"]},
	{"actions":["read"],"types":["Task"],"where":{"area":"open","title":"lead"},"properties":["notes"]},
	{"actions":["read"],"types":["Person"],"where":{"keywords":"friend"}}]}`

// leakID is the id of item n in both pods. Hidden items have those from 100 on.
func leakID(n int) locket.ItemID {
	return locket.ItemIDFrom(time.UnixMilli(1), [10]byte{8: byte(n >> 8), 9: byte(n)})
}

func edge(source int, name string, target int) locket.Edge {
	return locket.Edge{Source: leakID(source), Name: name, Target: leakID(target)}
}

// A leakWorld is one of the two pods.
type leakWorld struct {
	*bench
	rich  bool
	start time.Time
	agent *store.View
	names map[string]string // what random ids are called in answers
	said  []string
}

func newLeakWorld(t *testing.T, rich bool) *leakWorld {
	w := &leakWorld{bench: newBench(t), rich: rich, names: make(map[string]string)}
	w.start, w.names[string(w.owner.ID)] = w.clock, "owner"
	w.at(1, func(wr *store.Writer) error {
		return wr.Extend(locket.Type{Name: "Task", Properties: []locket.Property{
			{Name: "title", Kind: locket.Text, Role: locket.RoleTitle},
			{Name: "area", Kind: locket.Text},
			{Name: "notes", Kind: locket.Text, Role: locket.RoleBody},
			{Name: "about", Kind: locket.Reference},
			{Name: "parts", Kind: locket.Reference, Many: true},
			{Name: "file", Kind: locket.Blob},
			{Name: "text", Kind: locket.Reference}, // which is text in other types
		}})
	})
	w.hide(1)
	w.visible()
	w.hide(60)
	w.embed()
	w.clock = w.start.Add(time.Hour - time.Second)
	w.agent = w.bench.agent("robot", leakPolicy)
	w.names[string(w.agent.Principal().ID)] = "robot"
	return w
}

// at runs a transaction at a second of the world's time. Both pods have them at the same.
func (w *leakWorld) at(second int, fn func(*store.Writer) error) {
	w.clock = w.start.Add(time.Duration(second-1) * time.Second)
	w.write(fn)
}

func (w *leakWorld) blob(name, content string) string {
	w.t.Helper()
	info, err := w.v.PutBlob(w.t.Context(), strings.NewReader(content))
	if err != nil {
		w.t.Fatal(err)
	}
	w.names[string(info.ID)] = name
	return string(info.ID)
}

func (w *leakWorld) create(second, n int, typ string, ps props) {
	w.t.Helper()
	w.at(second, func(wr *store.Writer) error {
		_, err := wr.Create(store.Draft{ID: leakID(n), Type: typ, Props: ps, Keys: []string{fmt.Sprint("key", n)}})
		return err
	})
}

func (w *leakWorld) update(second, n int, ps props) {
	w.at(second, func(wr *store.Writer) error { _, err := wr.Update(leakID(n), 0, ps); return err })
}

// either is what differs between the pods.
func either[T any](w *leakWorld, poor, rich T) T {
	if w.rich {
		return rich
	}
	return poor
}

// visible makes what the agent sees, with hidden values beside what is seen.
func (w *leakWorld) visible() {
	for i, text := range []string{
		"alpha alpha alpha", "beta", "alpha and beta and many more words of no interest to anybody who looks for either of them",
		"gamma delta", "a tulip plan", "beta alpha", "the plans of tulips", "alpha gamma beta beta",
		// Which of these two ranks higher depends on how long texts with the word are.
		"one alpha", "alpha and alpha" + strings.Repeat(" and so on", 6), strings.Repeat("long ", 500),
	} {
		w.create(5+i, 1+i, "Note", props{
			"name": fmt.Sprint("note ", i), "text": text, "folder": "work",
			"keywords": either(w, []any{"omega"}, []any{"alpha", "alpha beta", "secret words here"}), "url": either(w, "a", "https://hidden/tulip/alpha"),
			"dateModified": either(w, "2020-01-01", fmt.Sprintf("20%02d-06-01", 40-i)),
		})
	}
	// One comes into view late, one leaves it and comes back.
	w.create(20, 14, "Note", props{"name": "moved", "text": either(w, "x", "long gone words"), "folder": either(w, "home", "diary")})
	if w.rich {
		w.at(20, func(wr *store.Writer) error { return wr.Link(edge(14, "early", 1)) })
		w.at(20, func(wr *store.Writer) error { return wr.Unlink(edge(14, "early", 1)) })
	}
	w.update(21, 14, props{"text": "shown", "folder": "work"})
	w.create(22, 12, "Note", props{"name": "back", "text": "seen first", "folder": "work"})
	w.update(23, 12, props{"folder": "home", "text": either(w, "one", "tulip alpha")})
	w.update(24, 12, props{"folder": "work", "text": "seen again"})
	shared := w.blob("shared", "shared content")
	w.create(25, 21, "Task", props{"title": "lead", "area": "open", "file": shared, "notes": "known to who may read it"})
	w.create(26, 22, "Task", props{"title": "alpha task", "area": "open", "notes": either(w, "", "alpha in hidden notes"), "parts": []any{string(leakID(21))}})
	w.create(27, 23, "Task", props{"title": "plain", "area": "open", "notes": either(w, "n", "tulip")})
	if w.rich {
		w.create(28, 150, "Note", props{"name": "shares the file", "folder": "home", "blob": shared})
		w.create(28, 151, "Task", props{"title": "hidden task", "area": "shut", "file": shared})
	}
	if w.rich {
		w.update(28, 9, props{"rawBlob": w.blob("raw", "hidden file of a visible note")})
	} else {
		w.update(28, 9, props{"rawBlob": nil, "url": "b"})
	}
	// The notes of those called lead are seen.
	w.create(28, 25, "Task", props{"title": "quiet", "area": "open", "notes": either(w, "a", "b")})
	w.update(29, 25, props{"title": "lead", "notes": "told"})
	w.at(28, func(wr *store.Writer) error {
		if w.rich {
			wr.From(locket.Source{Item: leakID(150)})
		}
		_, err := wr.Create(store.Draft{ID: leakID(26), Type: "Task", Props: props{"title": "taken from a note", "area": "open"}})
		return err
	})
	w.create(29, 24, "Task", w.references(props{"title": "refers", "area": "open"}))
	w.create(30, 31, "Person", props{"name": "Anna", "keywords": []any{"friend"}})
	w.at(31, func(wr *store.Writer) error {
		for _, e := range []locket.Edge{edge(21, "about", 1), edge(1, "mentions", 31), edge(2, "mentions", 1)} {
			if err := wr.Link(e); err != nil {
				return err
			}
		}
		return nil
	})
	w.create(32, 13, "Note", props{"name": "deleted", "text": "alpha deleted", "folder": "work"})
	w.at(33, func(wr *store.Writer) error { return wr.Delete(leakID(13), 0) })
}

// references lead to what is hidden, beside one that does not.
func (w *leakWorld) references(ps props) props {
	ps["parts"] = []any{string(leakID(22))}
	if w.rich {
		ps["about"], ps["text"] = string(leakID(150)), string(leakID(150))
		ps["parts"] = []any{string(leakID(150)), string(leakID(22)), string(leakID(151))}
	}
	return ps
}

// hide makes items that only the rich pod has, in the second named.
func (w *leakWorld) hide(second int) {
	if !w.rich {
		return
	}
	from := 100 + second
	hidden := w.blob(fmt.Sprint("hidden ", second), "hidden content")
	w.at(second, func(wr *store.Writer) error {
		return wr.Extend(locket.Type{Name: "Diary", Properties: []locket.Property{{Name: "entry", Kind: locket.Text, Role: locket.RoleTitle}}})
	})
	w.create(second, from, "Diary", props{"entry": "alpha tulip"})
	w.create(second, from+1, "Person", props{"name": "alpha stranger", "keywords": []any{"alpha"}, "blob": hidden})
	for i := range 30 {
		w.create(second, from+2+i, "Note", props{"name": "alpha", "text": "alpha tulip beta", "folder": "home"})
	}
	w.at(second, func(wr *store.Writer) error { return wr.Delete(leakID(from+2), 0) })
	w.at(second, func(wr *store.Writer) error { return wr.Erase(leakID(from+3), 0) })
	w.principal(locket.Principal{Kind: locket.KindPeer, Name: fmt.Sprint("hidden ", second)})
	if second == 1 {
		return
	}
	w.at(second, func(wr *store.Writer) error {
		for _, e := range []locket.Edge{edge(1, "mentions", from), edge(from, "about", 2), edge(21, "secret", 150), edge(2, "hidden", from+1)} {
			if err := wr.Link(e); err != nil {
				return err
			}
		}
		if err := wr.StartImport("import-1", "hidden source"); err != nil {
			return err
		}
		return wr.Record("import-1", locket.LedgerEntry{File: "f", Format: "eml", Outcome: locket.Imported, Item: leakID(from)})
	})
}
