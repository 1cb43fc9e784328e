package ops

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// waits marks an operation that everybody may ask for as one that changes items only, in
// one transaction, and so can wait for the owner.
func (o Op) waits() Op { o.Waits = true; return o }

// CanWait reports whether the operation can wait for the owner, and be done later by what
// is written down of its input.
func (o Op) CanWait() bool {
	return o.Waits || slices.Contains(locket.Reviewable(), o.Permission) && !o.Upload && !o.Streams() && !o.Reports
}

// as is the call made through another view.
func (c *Call) as(view *store.View) *Call {
	other := *c
	other.Visit = c.Visit.As(view)
	return &other
}

// later completes what the store is told of a request, so that it can wait. If it turns
// out that there is nothing to wait for, out is the answer.
func (o Op) later(r store.Request, c *Call, in any, out *any) store.Request {
	if !o.CanWait() {
		return r
	}
	r.Again = func(ctx context.Context, view *store.View) (err error) {
		*out, err = o.run(ctx, c.as(view), in)
		return err
	}
	r.Input = func() ([]byte, error) { return o.inputText(in) }
	return r
}

// inputText is the input as one JSON object: fields of the body as they are there, others
// in their text form.
func (o Op) inputText(in any) ([]byte, error) {
	all := make(map[string]any)
	for _, f := range o.fields {
		v := f.value(in)
		if v.IsZero() && !f.Required {
			continue
		}
		if f.Place == InBody {
			all[f.Name] = v.Interface()
			continue
		}
		text, err := f.Text(in)
		if err != nil {
			return nil, err
		}
		all[f.Name] = text
	}
	return json.Marshal(all)
}

// readInput is the inverse of inputText.
func (o Op) readInput(text []byte) (any, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	in := o.New()
	for _, f := range o.fields {
		given, ok := all[f.Name]
		if !ok || f.Place == InBody {
			continue
		}
		delete(all, f.Name)
		var s string
		if err := json.Unmarshal(given, &s); err != nil {
			return nil, err
		}
		if err := f.Set(in, s); err != nil {
			return nil, err
		}
	}
	body, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	return in, decodeJSON(body, in, "")
}
