package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

// A Caller runs the operation of a name, with input fields by name, and returns its
// answer as JSON. Its error is a *locket.Error. Safe for concurrent use.
type Caller interface {
	Call(ctx context.Context, op string, in map[string]any) (json.RawMessage, error)
}

// A Doer runs an operation here or on a server. in is what its New returned, filled in.
type Doer func(ctx context.Context, o ops.Op, in any) (any, error)

// Through returns a caller that runs operations by do, as many at once as do bears up
// to most.
func Through(do Doer, most int) Caller { return &through{do, make(chan struct{}, most)} }

type through struct {
	do    Doer
	slots chan struct{}
}

func (t *through) Call(ctx context.Context, name string, values map[string]any) (json.RawMessage, error) {
	o, ok := ops.Find(name)
	if !ok || o.Upload || o.Streams() {
		return nil, locket.Errorf(locket.CodeUnsupported, "this server has no operation %s", name)
	}
	in, err := fill(o, values)
	if err != nil {
		return nil, err
	}
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return nil, locket.Errorf(locket.CodeCancelled, "cancelled").Because(ctx.Err())
	}
	out, err := t.do(ctx, o, in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// fill makes the input of an operation of its fields.
func fill(o ops.Op, values map[string]any) (any, error) {
	in, used := o.New(), 0
	for _, f := range o.Fields() {
		v, ok := values[f.Name]
		if !ok {
			if f.Required {
				return nil, locket.Errorf(locket.CodeInvalid, "%s is missing", f.Name)
			}
			continue
		}
		used++
		text, err := textOf(v, f.Type)
		if err != nil {
			return nil, err
		}
		if err := f.Set(in, text); err != nil {
			return nil, err
		}
	}
	if used != len(values) {
		return nil, fmt.Errorf("mcp: %s is given fields that it does not have", o.Name)
	}
	return in, nil
}

// textOf is the text form of a value: what [ops.Field.Set] reads.
func textOf(v any, t reflect.Type) (string, error) {
	if s, ok := v.(string); ok && t.Kind() != reflect.Interface {
		return s, nil
	}
	text, err := json.Marshal(v)
	return string(text), err
}

// A visitor is a caller for the time of one HTTP request: calls that come later find it
// gone. It lets one operation in at a time.
type visitor struct {
	do      Doer
	request context.Context // of the request, which the SDK takes from calls of older versions

	mu   sync.Mutex
	gone bool // guarded by mu
}

func (v *visitor) run(ctx context.Context, o ops.Op, in any) (any, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.gone || ctx.Err() != nil || v.request.Err() != nil {
		return nil, locket.Errorf(locket.CodeCancelled, "cancelled")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.request, cancel)()
	return v.do(ctx, o, in)
}

// leave waits for a running operation and lets no other begin.
func (v *visitor) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.gone = true
}

// call runs an operation and decodes its answer.
func call[T any](ctx context.Context, c Caller, op string, in map[string]any) (T, error) {
	var out T
	data, err := c.Call(ctx, op, in)
	defer clear(data)
	if err != nil {
		return out, err
	}
	if err := decodeNumbers(data, &out); err != nil {
		return out, fmt.Errorf("mcp: the answer of %s: %w", op, err)
	}
	return out, nil
}
