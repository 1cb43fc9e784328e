package ops

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// maxSteps bounds the steps of one bulk.
const maxSteps = 1000

type runBulkIn struct {
	Ops []Step `json:"ops" help:"what to do, in this order; at most 1000"`
}

// A Step is one change of a bulk. Op says which fields it needs: create takes Type
// and Props, update ID and Props, delete, restore and erase ID, link and unlink
// Source, Name and Target. ID, Source and Target may be "@x" for the item that an
// earlier step created with Ref "x".
type Step struct {
	Op      string         `json:"op" help:"create, update, delete, restore, erase, link or unlink"`
	Ref     string         `json:"ref,omitempty" help:"create: a name for the new item in later steps"`
	ID      string         `json:"id,omitempty" help:"id of the item, or @ref"`
	Version int64          `json:"version,omitempty" help:"version the item must have"`
	Type    string         `json:"type,omitempty" help:"create: type of the item"`
	Props   map[string]any `json:"props,omitempty" help:"create, update: properties"`
	Source  string         `json:"source,omitempty" help:"link, unlink: id or @ref"`
	Name    string         `json:"name,omitempty" help:"link, unlink: name of the edge"`
	Target  string         `json:"target,omitempty" help:"link, unlink: id or @ref"`
}

// A BulkResult says what the steps did.
type BulkResult struct {
	Change  locket.Change `json:"change,omitzero"` // absent if there was nothing to change
	Results []StepResult  `json:"results"`         // one per step, in order
}

// A StepResult is the item a step left behind; links, deletions and erasures
// leave the id or nothing.
type StepResult struct {
	ID      locket.ItemID `json:"id,omitempty"`
	Version int64         `json:"version,omitempty"`
}

func runBulk(ctx context.Context, c *Call, in runBulkIn) (out BulkResult, err error) {
	if len(in.Ops) == 0 || len(in.Ops) > maxSteps {
		return out, locket.Errorf(locket.CodeInvalid, "a bulk has 1 to %d ops, this one %d", maxSteps, len(in.Ops))
	}
	out.Results = make([]StepResult, len(in.Ops))
	out.Change, err = c.View.Write(ctx, func(w *store.Writer) error {
		b := bulk{w: w, refs: make(map[string]locket.ItemID)}
		for i, s := range in.Ops {
			if err := ctx.Err(); err != nil {
				return err
			}
			if out.Results[i], err = b.step(s); err != nil {
				return stepFailure(i, err)
			}
		}
		return nil
	})
	return out, err
}

// stepFailure says in the message which step failed.
func stepFailure(i int, err error) error {
	e, ok := errors.AsType[*locket.Error](err)
	if !ok || e.Msg == "" {
		return err
	}
	return locket.Errorf(e.Code, "ops[%d]: %s", i, e.Msg).Because(err)
}

// stepFields returns which fields go with an op, "" if there is no such op.
func stepFields(op string) string {
	switch op {
	case "create":
		return "op ref id type props"
	case "update":
		return "op id version props"
	case "delete", "restore", "erase":
		return "op id version"
	case "link", "unlink":
		return "op source name target"
	}
	return ""
}

// check refuses an op that does not exist and a field that it does not use.
func (s Step) check() error {
	uses := stepFields(s.Op)
	if uses == "" {
		return locket.Errorf(locket.CodeInvalid, "there is no op %.20q; ops are create, update, delete, restore, erase, link, unlink", s.Op)
	}
	v := reflect.ValueOf(s)
	for f := range bodyFields(v.Type()) {
		if !v.Field(f.index).IsZero() && !slices.Contains(strings.Fields(uses), f.Key) {
			return locket.Errorf(locket.CodeInvalid, "%s has no field %s; fields are %s", s.Op, f.Key, uses)
		}
	}
	return nil
}

// A bulk is a running transaction of steps.
type bulk struct {
	w    *store.Writer
	refs map[string]locket.ItemID // items created under a name
}

func (b *bulk) step(s Step) (StepResult, error) {
	if err := s.check(); err != nil {
		return StepResult{}, err
	}
	id, err1 := b.resolve(s.ID)
	source, err2 := b.resolve(s.Source)
	target, err3 := b.resolve(s.Target)
	if err := cmp.Or(err1, err2, err3); err != nil {
		return StepResult{}, err
	}
	edge := locket.Edge{Source: source, Name: s.Name, Target: target}
	switch s.Op {
	case "create":
		return b.create(id, s)
	case "update":
		it, err := b.w.Update(id, s.Version, s.Props)
		return StepResult{ID: it.ID, Version: it.Version}, err
	case "delete":
		return StepResult{ID: id}, b.w.Delete(id, s.Version)
	case "restore":
		return StepResult{ID: id}, b.w.Restore(id, s.Version)
	case "erase":
		return StepResult{ID: id}, b.w.Erase(id, s.Version)
	case "link":
		return StepResult{}, b.w.Link(edge)
	default: // unlink: check knows no other
		return StepResult{}, b.w.Unlink(edge)
	}
}

func (b *bulk) create(id locket.ItemID, s Step) (StepResult, error) {
	if _, taken := b.refs[s.Ref]; taken {
		return StepResult{}, locket.Errorf(locket.CodeInvalid, "the ref %.60q is used twice", s.Ref)
	}
	it, err := b.w.Create(store.Draft{ID: id, Type: s.Type, Props: s.Props})
	if s.Ref != "" {
		b.refs[s.Ref] = it.ID
	}
	return StepResult{ID: it.ID, Version: it.Version}, err
}

// resolve returns the id that s is, or that "@ref" stands for.
func (b *bulk) resolve(s string) (locket.ItemID, error) {
	ref, ok := strings.CutPrefix(s, "@")
	if !ok {
		return locket.ItemID(s), nil
	}
	id, ok := b.refs[ref]
	if !ok {
		return "", locket.Errorf(locket.CodeInvalid, "no earlier op created an item with the ref %.60q", ref)
	}
	return id, nil
}
