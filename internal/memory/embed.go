package memory

import (
	"context"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// Embedded says how many memories got a vector.
type Embedded struct {
	Model string `json:"model"`
	Made  int    `json:"made"`
}

// embedBatch is how many texts an embedder gets at once.
const embedBatch = 64

// Embed gives every memory that has none of the embedder's model its vector. If it is
// interrupted it can be run again.
func Embed(ctx context.Context, v *store.View, e Embedder, report locket.Reporter) (Embedded, error) {
	if e == nil {
		return Embedded{}, locket.Errorf(locket.CodeUnsupported, "no embedder is configured; name one with --embed")
	}
	out := Embedded{Model: e.Model()}
	for {
		items, err := v.Unembedded(ctx, store.MemoryFilter{Expired: true}, e.Model(), embedBatch)
		if err != nil || len(items) == 0 {
			return out, err
		}
		texts := make([]string, len(items))
		for i, it := range items {
			texts[i] = embedded(it.Text("name"), it.Text("text"))
		}
		vectors, err := e.Embed(ctx, texts)
		if err != nil {
			return out, err
		}
		if len(vectors) != len(items) {
			return out, locket.Errorf(locket.CodeUnsupported, "the embedder gave %d vectors for %d texts", len(vectors), len(items))
		}
		_, err = v.Write(ctx, func(w *store.Writer) error {
			for i, it := range items {
				if err := w.SetVector(it.ID, e.Model(), vectors[i]); err != nil && locket.CodeOf(err) != locket.CodeNotFound {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return out, err
		}
		out.Made += len(items)
		report.Report(locket.Progress{Stage: "making vectors", Done: int64(out.Made), Unit: "memories"})
	}
}
