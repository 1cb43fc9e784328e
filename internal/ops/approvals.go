package ops

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// An Approval is a request that waits for the owner, with a sentence on what it would do.
type Approval struct {
	store.Approval
	Summary string `json:"summary"`
}

// Approvals is what waits for the owner, the oldest first.
type Approvals struct {
	Approvals []Approval `json:"approvals"`
}

func listApprovals(ctx context.Context, c *Call, _ noIn) (Approvals, error) {
	list, err := c.View.Approvals(ctx)
	out := Approvals{Approvals: make([]Approval, 0, len(list))}
	if err != nil {
		return out, err
	}
	for _, a := range list {
		s, err := summary(ctx, c, &a)
		if err != nil {
			return out, err
		}
		out.Approvals = append(out.Approvals, Approval{a, s})
	}
	return out, nil
}

type approvalIn struct {
	ID string `path:"id" help:"id of the approval"`
}

func getApproval(ctx context.Context, c *Call, in approvalIn) (Approval, error) {
	a, err := c.View.Approval(ctx, in.ID)
	if err != nil {
		return Approval{}, err
	}
	s, err := summary(ctx, c, &a)
	return Approval{a, s}, err
}

// A Decided is a request that waits no longer. Remembered says, in words, what the policy
// of whoever asked has become where it was changed.
type Decided struct {
	ID         string   `json:"id"`
	Remembered []string `json:"remembered,omitempty"`
}

type approveIn struct {
	ID       string `path:"id" help:"id of the approval"`
	Remember bool   `json:"remember,omitempty" help:"change the policy of whoever asked: the like waits no longer and is done at once"`
}

func approve(ctx context.Context, c *Call, in approveIn) (Decided, error) {
	words, err := c.View.Approve(ctx, in.ID, c.decider(in.Remember))
	return Decided{in.ID, words}, err
}

type rejectIn struct {
	ID       string `path:"id" help:"id of the approval"`
	Reason   string `json:"reason,omitempty" help:"why, for the journal; at most 1000 bytes"`
	Remember bool   `json:"remember,omitempty" help:"change the policy of whoever asked: the like waits no longer and is refused at once"`
}

func reject(ctx context.Context, c *Call, in rejectIn) (Decided, error) {
	words, err := c.View.Reject(ctx, in.ID, in.Reason, c.decider(in.Remember))
	return Decided{in.ID, words}, err
}

// decider does again what waits.
func (c *Call) decider(remember bool) store.Decider {
	return store.Decider{Remember: remember, Again: func(ctx context.Context, view *store.View, op, input string) error {
		o, ok := Find(op)
		if !ok || !o.CanWait() {
			return locket.Errorf(locket.CodeUnsupported, "this version of Locket has no operation %.60q that can wait; reject it", op)
		}
		in, err := o.readInput([]byte(input))
		if err != nil {
			return err
		}
		_, err = o.run(ctx, c.as(view), in)
		return err
	}}
}

// shownEffects is how many effects of a request are told.
const shownEffects = 3

// summary says what a request would do, as far as who asks may see what it is about.
func summary(ctx context.Context, c *Call, a *store.Approval) (string, error) {
	parts := make([]string, 0, shownEffects+1)
	for i, e := range a.Does {
		if i == shownEffects {
			parts = append(parts, fmt.Sprintf("%d more changes", len(a.Does)-i))
			break
		}
		typ, title := e.Type, e.Title
		if e.Item != "" {
			it, err := c.View.Get(ctx, e.Item)
			switch locket.CodeOf(err) {
			case "":
				typ, title = it.Type, titleOf(it)
			case locket.CodeNotFound, locket.CodeDenied:
			default:
				return "", err
			}
		}
		parts = append(parts, phrase(e.Action, typ, title))
	}
	if len(parts) == 0 {
		return "change nothing", nil
	}
	return strings.Join(parts, "; "), nil
}

// phrase is as in: update the Note "Tea".
func phrase(a locket.Action, typ, title string) string {
	verb, article := string(a), "the"
	switch a {
	case locket.ActionCreate:
		article = "a new"
	case locket.ActionLink, locket.ActionUnlink:
		verb += " from"
	}
	if typ == "" {
		typ = "item"
	}
	if title != "" {
		typ += " " + strconv.Quote(title) // so that it can't pose as a part of the sentence
	}
	return verb + " " + article + " " + typ
}

// titleOf is the beginning of what an item is called, or says.
func titleOf(it locket.Item) string {
	for _, name := range []string{"name", "text"} {
		if s, ok := it.Props[name].(string); ok && s != "" {
			if r := []rune(s); len(r) > 60 {
				s = string(r[:59]) + "…"
			}
			return s
		}
	}
	return ""
}
