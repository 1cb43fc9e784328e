package memory

import (
	"cmp"
	"context"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// Update changes a memory in place; what it was stays in its history. version is the one
// the caller has seen, 0 for any. Another tier gives it the life of that tier.
func Update(ctx context.Context, v *store.View, id locket.ItemID, version int64, d Draft, e Embedder) (it locket.Item, err error) {
	now := time.Now().UTC()
	if framed.MatchString(d.Text) {
		return it, errRecalled()
	}
	if err := d.check(now); err != nil {
		return it, err
	}
	set := d.props()
	if t, err := tierOf(d.Tier); err == nil && d.Expires.IsZero() {
		if set["expires"] = nil; t.life > 0 {
			set["expires"] = now.Add(t.life)
		}
	}
	var vector []float32
	if e != nil && d.Text+d.Name != "" {
		if it, err = v.Get(ctx, id); err != nil {
			return it, err
		}
		vector = embed(ctx, e, cmp.Or(d.Name, it.Text("name")), cmp.Or(d.Text, it.Text("text")))
	}
	_, err = v.Write(ctx, func(w *store.Writer) error {
		if it, err = w.Get(id); err != nil {
			return err
		}
		if it.Type != Type {
			return invalid("this item is a %s, not a memory; change it with items.update", it.Type)
		}
		if it, err = w.Update(id, version, set); err != nil {
			return err
		}
		if err := link(w, d, id, now); err != nil || vector == nil {
			return err
		}
		return w.SetVector(id, e.Model(), vector)
	})
	return it, err
}

// Forget hides a memory; restoring the item brings it back. reason, which may be empty,
// stays with it.
func Forget(ctx context.Context, v *store.View, id locket.ItemID, version int64, reason string) (locket.Change, error) {
	if err := checkShort("reason", reason, maxShort); err != nil {
		return locket.Change{}, err
	}
	return v.Write(ctx, func(w *store.Writer) error {
		it, err := w.Get(id)
		if err != nil {
			return err
		}
		if it.Type != Type {
			return invalid("this item is a %s, not a memory; delete it with items.delete", it.Type)
		}
		if reason != "" && !it.Deleted {
			it, err = w.Update(id, version, map[string]any{"forgotten": reason})
			if locket.CodeOf(err) == locket.CodeDenied {
				err = nil // who may only delete gives no reason
			} else {
				version = 0
			}
		}
		if err != nil {
			return err
		}
		return w.Delete(id, version)
	})
}
