package api

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// noneYet is what a client sends that wants to be told of checkpoints and has seen none.
const noneYet = "*"

// maxSuccessions bounds how many changes of the pod's key an answer tells of, the latest:
// headers are not long.
const maxSuccessions = 16

// A sighting is what a client says that it has seen of the journal.
type sighting struct {
	from  string // text of the last checkpoint; "": none
	asked bool   // the client wants to be told the next
}

// noted reads what the client has seen.
func noted(h http.Header) (sighting, error) {
	value, err := single(h, headerCheckpoint)
	if err != nil || value == "" || value == noneYet {
		return sighting{asked: value == noneYet}, err
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil {
		return sighting{}, locket.Errorf(locket.CodeInvalid, headerCheckpoint+": expected a checkpoint in base64url without padding, or *").Because(err)
	}
	return sighting{string(text), true}, nil
}

// checkGrown refuses a pod that has not grown from what the client saw.
func checkGrown(ctx context.Context, v *store.View, m sighting) error {
	if m.from == "" {
		return nil
	}
	return v.CheckGrown(ctx, m.from)
}

// tellGrowth tells a client that asks, and may manage the pod without bounds, how far
// its journal has come, with the proof that it grew from what the client saw. What was asked for has
// been done by now: if this fails, the answer goes without it.
func (a *api) tellGrowth(ctx context.Context, x *exchange, v *store.View, m sighting) {
	if !m.asked {
		return
	}
	g, err := v.Grown(ctx, m.from)
	switch {
	case locket.CodeOf(err) == locket.CodeDenied:
		return
	case err != nil:
		a.Log.LogAttrs(ctx, slog.LevelWarn, "checkpoint not told", slog.String("request", x.id), slog.String("cause", cause(err)))
		return
	}
	h := x.Header()
	h.Set(headerCheckpoint, base64.RawURLEncoding.EncodeToString([]byte(g.Checkpoint)))
	h.Set(headerPodKey, hex.EncodeToString(v.PodKey()))
	if n := len(g.Successions); n > 0 {
		said, err := json.Marshal(g.Successions[max(0, n-maxSuccessions):])
		if err != nil {
			a.Log.LogAttrs(ctx, slog.LevelWarn, "earlier keys not told", slog.String("request", x.id), slog.String("cause", cause(err)))
			return
		}
		h.Set(headerPodKeys, base64.RawURLEncoding.EncodeToString(said))
	}
	if len(g.Proof) > 0 {
		hashes := make([]string, len(g.Proof))
		for i, p := range g.Proof {
			hashes[i] = base64.RawURLEncoding.EncodeToString(p[:])
		}
		h.Set(headerGrowth, strings.Join(hashes, ","))
	}
}
