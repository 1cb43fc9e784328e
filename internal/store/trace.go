package store

import (
	"context"
	"sync"

	"github.com/locketpod/locket"
)

// A Request is what a principal asked for, as the journal tells it.
type Request struct {
	Op         string            // name of the operation
	Permission locket.Permission // "" if everybody may
	Asked      string            // the parameters, without contents that were to be written

	// Again does the request through another view, and Input is all that was asked for,
	// as JSON; nil for what can't wait for the owner.
	Again func(ctx context.Context, as *View) error
	Input func() ([]byte, error)
}

// maxAsked bounds what of a request's parameters goes into the journal.
const maxAsked = 2000

// A trace collects what one request saw.
type trace struct {
	mu     sync.Mutex
	ids    []string // guarded by mu
	search bool     // guarded by mu
	reads  bool     // guarded by mu
	wrote  bool     // something was changed; guarded by mu
}

type traceKey struct{}

// Serve runs fn for a request. When it has ended and before anybody hears of its
// result, what it read is written into the journal if the principal is one whose
// reads are, and what was refused for everybody: if that fails, the request does. What was refused only
// because it needs the owner's word is tried. If there is nothing to change, that was the
// request; otherwise it waits: the error is CodePending.
func (v *View) Serve(ctx context.Context, r Request, fn func(ctx context.Context) error) error {
	t := new(trace)
	err := v.spend(ctx, r.Permission)
	if err == nil && r.Permission != "" {
		err = v.may(r.Permission)
	}
	ctx = context.WithValue(ctx, traceKey{}, t)
	if err == nil {
		err = fn(ctx)
	}
	if locket.CodeOf(err) == locket.CodeDenied && r.Again != nil && v.access.Reviews() && !t.hasWritten() {
		err = v.ask(ctx, r)
	}
	if refused(err) {
		return v.turnAwayFrom(ctx, r, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !v.recorded || !t.reads && (err == nil || locket.CodeOf(err) == locket.CodePending) {
		return err
	}
	action := locket.ActionRead
	if t.search {
		action = locket.ActionSearch
	}
	props := map[string]any{"op": r.Op, "asked": clip(r.Asked, maxAsked), "count": int64(len(t.ids)), "ids": texts(t.ids)}
	if err != nil {
		props["code"] = string(locket.CodeOf(err))
	}
	if e := v.record(ctx, action, props); e != nil {
		return e
	}
	return err
}

// saw notes what a read gave: under the request that it belongs to, or if there is
// none as an entry of its own.
func (v *View) saw(ctx context.Context, a locket.Action, ids ...string) error {
	if !v.recorded {
		return nil
	}
	t, ok := ctx.Value(traceKey{}).(*trace)
	if !ok {
		return v.record(ctx, a, map[string]any{"op": "", "asked": "", "count": int64(len(ids)), "ids": texts(ids)})
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reads = true
	t.search = t.search || a == locket.ActionSearch
	t.ids = append(t.ids, ids...)
	return nil
}

// wrote notes that the request has changed something: it can't be done again.
func wrote(ctx context.Context) {
	if t, ok := ctx.Value(traceKey{}).(*trace); ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.wrote = true
	}
}

func (t *trace) hasWritten() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wrote
}

func sawItems[T any](ctx context.Context, v *View, a locket.Action, list []T, id func(T) locket.ItemID) error {
	if !v.recorded {
		return nil
	}
	ids := make([]string, len(list))
	for i, x := range list {
		ids[i] = string(id(x))
	}
	return v.saw(ctx, a, ids...)
}

func texts(ss []string) []any {
	out := make([]any, len(ss))
	for i, s := range ss {
		out[i] = s
	}
	return out
}

// refused tells errors that say no from those that say what is wrong.
func refused(err error) bool {
	switch locket.CodeOf(err) {
	case locket.CodeDenied, locket.CodeTooMany:
		return true
	}
	return false
}

// turnAway records that somebody known was not let in, and returns why.
func (v *View) turnAway(ctx context.Context, err error) error {
	return v.turnAwayFrom(ctx, Request{}, err)
}

func (v *View) turnAwayFrom(ctx context.Context, r Request, err error) error {
	if v.who.n == 0 || !refused(err) && locket.CodeOf(err) != locket.CodeUnauthenticated {
		return err
	}
	props := map[string]any{"op": r.Op, "asked": clip(r.Asked, maxAsked), "code": string(locket.CodeOf(err))}
	if e := v.record(ctx, locket.ActionRefuse, props); e != nil {
		return e
	}
	return err
}
