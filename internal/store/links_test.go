package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// TestLinks asks for the edges of many items at once, as the owner and as somebody who
// sees half of them.
func TestLinks(t *testing.T) {
	b := newBench(t)
	var ids []locket.ItemID
	name := make(map[locket.ItemID]string)
	for i := range 1200 { // more than are asked for at once
		it := b.create("Note", props{"name": fmt.Sprint(i), "folder": []string{"even", "odd"}[i%2]})
		ids = append(ids, it.ID)
		name[it.ID] = fmt.Sprint(i)
	}
	b.write(func(w *store.Writer) error {
		for _, e := range [][3]any{{0, "b", 1}, {0, "a", 2}, {2, "a", 0}, {1199, "a", 3}, {4, "a", 5}, {6, "a", 7}, {0, "a", 0}} {
			if err := w.Link(locket.Edge{Source: ids[e[0].(int)], Name: e[1].(string), Target: ids[e[2].(int)]}); err != nil {
				return err
			}
		}
		return w.Delete(ids[7], 0)
	})
	agent := locket.Principal{Kind: locket.KindAgent, Name: "agent", Policy: &locket.Policy{Rules: []locket.Rule{{
		Actions: []locket.Permission{locket.MayRead}, Types: []string{"Note"}, Where: map[string]locket.Match{"folder": {In: []any{"even"}}},
	}}}}
	b.write(func(w *store.Writer) (err error) {
		agent, err = w.AddPrincipal(agent)
		return err
	})
	blind := locket.Principal{Kind: locket.KindAgent, Name: "blind", Policy: &locket.Policy{}}
	b.write(func(w *store.Writer) (err error) {
		blind, err = w.AddPrincipal(blind)
		return err
	})
	links := func(v *store.View, ids []locket.ItemID, dir string) (got []string, err error) {
		_, err = v.Write(t.Context(), func(w *store.Writer) error {
			list, err := w.Links(ids, dir)
			for _, e := range list {
				got = append(got, name[e.Source]+e.Name+name[e.Target])
			}
			return err
		})
		return got, err
	}
	for _, c := range []struct {
		who  locket.PrincipalID
		ids  []locket.ItemID
		dir  string
		want []string
	}{
		{b.owner.ID, ids, store.Out, []string{"0a0", "0a2", "0b1", "2a0", "4a5", "1199a3"}},
		{b.owner.ID, ids, store.In, []string{"0a0", "0a2", "0b1", "2a0", "4a5", "1199a3"}},
		{b.owner.ID, ids[:1], store.Out, []string{"0a0", "0a2", "0b1"}},
		{b.owner.ID, ids[:1], store.In, []string{"0a0", "2a0"}},
		{b.owner.ID, nil, store.Out, nil},
		{agent.ID, ids, store.Out, []string{"0a0", "0a2", "2a0"}},
		{agent.ID, ids[1:2], store.In, nil},
	} {
		got, err := links(b.as(c.who), c.ids, c.dir)
		slices.Sort(got)
		slices.Sort(c.want)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s of %d items: got %q (%v), want %q", c.dir, len(c.ids), got, err, c.want)
		}
	}
	if _, err := links(b.as(blind.ID), ids[:1], store.Out); locket.CodeOf(err) != locket.CodeDenied {
		t.Errorf("who may read nothing: %v", err)
	}
}
