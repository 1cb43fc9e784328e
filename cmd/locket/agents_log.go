package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/store"
)

const (
	maxLooked = 200 // items of one page whose titles are looked up
	maxTitles = 5   // of one entry
)

// titles is what items are called, as far as who asks may see them.
type titles struct {
	pod   pod
	known map[locket.ItemID]string // "" for those that cannot be seen
}

// newTitles returns nil for those whose reads go into the journal: to look up what was
// read would fill it.
func newTitles(ctx context.Context, p pod) (*titles, error) {
	self, err := run[ops.Known](ctx, p, "principals.self", nil)
	if err != nil || self.Policy != nil {
		return nil, err
	}
	return &titles{p, map[locket.ItemID]string{}}, nil
}

// learn looks up the items of entries.
func (t *titles) learn(ctx context.Context, list []store.JournalEntry) error {
	if t == nil {
		return nil
	}
	looked := 0
	for _, e := range list {
		for _, id := range itemsOf(e) {
			if _, ok := t.known[id]; ok || looked == maxLooked {
				continue
			}
			looked++
			it, err := run[locket.Item](ctx, t.pod, "items.get", map[string]string{"id": string(id)})
			if err != nil && locket.CodeOf(err) != locket.CodeNotFound {
				return err
			}
			t.known[id] = ""
			if err == nil {
				t.known[id] = title(it)
			}
		}
	}
	return nil
}

// itemsOf lists the items that an entry read or changed, each once.
func itemsOf(e store.JournalEntry) []locket.ItemID {
	var ids []locket.ItemID
	seen := map[locket.ItemID]bool{"": true}
	add := func(id locket.ItemID) {
		if _, ok := locket.ParseUUID(string(id)); ok && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	for _, a := range e.Actions {
		add(a.Item)
		read, _ := a.Detail["ids"].([]any)
		for _, id := range read {
			text, _ := id.(string)
			add(locket.ItemID(text))
		}
	}
	return ids
}

// of says what an entry read or changed, by name; "" if nothing is known of that.
func (t *titles) of(e store.JournalEntry) string {
	if t == nil {
		return ""
	}
	var names []string
	ids := itemsOf(e)
	for _, id := range ids {
		if name := t.known[id]; name != "" && len(names) < maxTitles {
			names = append(names, "“"+clip(clean(name, false), 50)+"”")
		}
	}
	if len(names) == 0 {
		return ""
	}
	text := strings.Join(names, ", ")
	if more := len(ids) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// loggedPage is a page of entries and what the items in them are called.
type loggedPage struct {
	locket.Page[store.JournalEntry]
	Titles map[locket.ItemID]string `json:"titles"`
}

// page is what is printed of a page as JSON.
func (t *titles) page(p locket.Page[store.JournalEntry]) any {
	if t == nil {
		return p
	}
	named := map[locket.ItemID]string{}
	for id, name := range t.known {
		if name != "" {
			named[id] = name
		}
	}
	return loggedPage{p, named}
}
