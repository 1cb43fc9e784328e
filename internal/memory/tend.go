package memory

import (
	"context"
	"slices"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// Tended says what upkeep did, or would do.
type Tended struct {
	Archived int             `json:"archived"` // expired ones, hidden now; restoring brings them back
	Items    []locket.ItemID `json:"items"`    // the first few
}

// tendBatch is how many memories one transaction of upkeep takes.
const tendBatch = 200

// Tend archives the memories whose time is over, as far as the principal may delete them.
func Tend(ctx context.Context, v *store.View, dryRun bool) (Tended, error) {
	out := Tended{Items: []locket.ItemID{}}
	if ok, err := known(ctx, v); err != nil || !ok {
		return out, err
	}
	now := time.Now().UTC()
	q := locket.Query{Type: Type, Order: "expires", Limit: tendBatch, Where: []locket.Condition{{Property: "expires", Op: locket.OpAtMost, Value: now}}}
	for {
		page, err := v.Query(ctx, q)
		if err != nil {
			return out, err
		}
		done, err := archive(ctx, v, page.Items, dryRun)
		if err != nil {
			return out, err
		}
		out.Archived += len(done)
		out.Items = append(out.Items, done[:min(len(done), max(0, 50-len(out.Items)))]...)
		if page.Next == "" {
			return out, nil
		}
		q.Cursor = page.Next
	}
}

func archive(ctx context.Context, v *store.View, items []locket.Item, dryRun bool) (done []locket.ItemID, err error) {
	if dryRun {
		for _, it := range items {
			done = append(done, it.ID)
		}
		return done, nil
	}
	_, err = v.Write(ctx, func(w *store.Writer) error {
		for _, it := range items {
			err := w.Delete(it.ID, it.Version)
			switch locket.CodeOf(err) {
			case "":
				done = append(done, it.ID)
			case locket.CodeConflict, locket.CodeNotFound, locket.CodeDenied:
			default:
				return err
			}
		}
		return nil
	})
	return done, err
}

// Raise moves up a tier the memories among items that were recalled often enough and that
// the principal may update.
func Raise(ctx context.Context, v *store.View, items []locket.Item) error {
	rising := slices.DeleteFunc(slices.Clone(items), func(it locket.Item) bool {
		t, err := tierOf(it.Text("tier"))
		return it.Type != Type || err != nil || t.uses == 0
	})
	if len(rising) == 0 {
		return nil
	}
	ids := make([]locket.ItemID, len(rising))
	for i, it := range rising {
		ids[i] = it.ID
	}
	uses, err := v.Uses(ctx, ids)
	if err != nil {
		return err
	}
	for _, it := range rising {
		if next, ok := nextTier(it, uses[it.ID]); ok {
			if err := raise(ctx, v, it, next); err != nil {
				return err
			}
		}
	}
	return nil
}

func raise(ctx context.Context, v *store.View, it locket.Item, to tier) error {
	set := map[string]any{"tier": to.name, "expires": nil}
	if to.life > 0 {
		set["expires"] = time.Now().UTC().Add(to.life)
	}
	_, err := v.Write(ctx, func(w *store.Writer) error {
		_, err := w.Update(it.ID, it.Version, set)
		return err
	})
	switch locket.CodeOf(err) {
	case locket.CodeDenied, locket.CodeConflict, locket.CodeNotFound:
		return nil
	}
	return err
}

// nextTier is the tier that a memory has earned by its uses.
func nextTier(it locket.Item, uses int64) (tier, bool) {
	i := slices.IndexFunc(tiers[:], func(t tier) bool { return t.name == it.Text("tier") })
	if i < 0 || tiers[i].uses == 0 || uses < tiers[i].uses {
		return tier{}, false
	}
	return tiers[i+1], true
}
