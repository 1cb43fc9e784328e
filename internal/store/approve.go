package store

import (
	"context"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// A Decider decides about what waits. Again does a request through a view, as its
// operation and input say.
type Decider struct {
	Again    func(ctx context.Context, as *View, op, input string) error
	Remember bool // change the principal's policy so that the like waits no longer
}

const maxReason = 1000

// Approve does a request that waits, as the principal that asked: with the permissions
// that it has now, those that wait among them, as far as the view's principal has them.
// If it fails, it waits on. The decision, and what is remembered of it, are in the same
// transaction as what was asked for, so that it is done once. It returns, in words, what
// the principal may do now beyond what it might.
func (v *View) Approve(ctx context.Context, id string, d Decider) (words []string, err error) {
	w, err := v.toDecide(ctx, id)
	if err != nil {
		return nil, err
	}
	var as *View
	as, err = v.asAsker(ctx, &w, func(t *tx, c locket.Change) error {
		words, err = v.settle(t, &w, settlement{locket.ActionApprove, map[string]any{"change": c.Hash}, policy.Allow, d.Remember, as.review.changes})
		return err
	})
	if err != nil {
		return nil, err
	}
	err = d.Again(ctx, as, w.Op, w.input)
	if err == nil && !as.review.over {
		// There was nothing to change any more.
		err = v.s.transaction(ctx, func(t *tx) error { return as.review.settle(t, locket.Change{}) })
	}
	switch denied := locket.CodeOf(err) == locket.CodeDenied; {
	case denied && v.access.Whole():
		return nil, locket.Errorf(locket.CodeConflict, "the policy of %s does not permit this any more, even approved; reject it, or change the policy", clip(w.Name, 60)).Because(err)
	case denied:
		return nil, locket.Errorf(locket.CodeDenied, "you may not do this yourself, or %s may not any more, even approved; the owner can decide", clip(w.Name, 60)).Because(err)
	case err != nil:
		return nil, err
	}
	wrote(ctx)
	return words, nil
}

// Reject drops a request that waits. With Remember it is tried, to tell by which rules it
// waited; they no longer have it.
func (v *View) Reject(ctx context.Context, id, reason string, d Decider) (words []string, err error) {
	if len(reason) > maxReason {
		return nil, locket.Errorf(locket.CodeTooLarge, "the reason is %d bytes long; at most %d are allowed", len(reason), maxReason)
	}
	w, err := v.toDecide(ctx, id)
	if err != nil {
		return nil, err
	}
	s := settlement{action: locket.ActionReject, props: map[string]any{"reason": reason}, change: policy.Refuse, remember: d.Remember}
	if d.Remember {
		as, err := v.asAsker(ctx, &w, nil)
		if err == nil {
			err = d.Again(ctx, as, w.Op, w.input)
		}
		if err != nil {
			return nil, locket.Errorf(locket.CodeConflict, "it can't be told any more why this waits (%s); reject it without remembering, and change the policy", locket.MessageOf(err)).Because(err)
		}
		s.changes = as.review.changes
	}
	err = v.s.transaction(ctx, func(t *tx) error {
		words, err = v.settle(t, &w, s)
		return err
	})
	return words, err
}

// toDecide finds a request that the view's principal may decide about.
func (v *View) toDecide(ctx context.Context, id string) (waiting, error) {
	if err := v.may(locket.MayManage); err != nil {
		return waiting{}, err
	}
	return v.waiting(ctx, id, v.decides)
}

// asAsker is the view of whoever asked for w, with what waits permitted as far as v's
// principal may do it at once itself: a policy is not widened by whom it bounds.
func (v *View) asAsker(ctx context.Context, w *waiting, settle func(*tx, locket.Change) error) (*View, error) {
	a, err := v.s.admission(ctx, Visitor{Principal: w.Principal})
	if err != nil {
		return nil, err
	}
	a.grant.policy = w.bounds
	as := &View{s: v.s, who: a.who, source: w.Source, generation: v.generation, narrowed: w.bounds.Valid, bounds: w.bounds.String}
	as.access, err = v.s.access(ctx, a, as)
	switch locket.CodeOf(err) {
	case "":
	case locket.CodeUnauthenticated:
		return nil, locket.Errorf(locket.CodeConflict, "%s, or who made it, was revoked; reject this", clip(w.Name, 60)).Because(err)
	case locket.CodeDenied:
		return nil, locket.Errorf(locket.CodeConflict, "%s, or who made it, is paused; resume it first, or reject this", clip(w.Name, 60)).Because(err)
	default:
		return nil, err
	}
	out := as.reviewed(settle)
	if out.access = out.access.Meet(v.access); !out.access.Whole() {
		out.types = shown(out.full, out.access)
	}
	return out, nil
}

// A settlement is the decision about a request.
type settlement struct {
	action   locket.Action
	props    map[string]any // of its leaf, beside those of all
	change   func(locket.Policy, []policy.Change, map[string]*locket.Type, time.Time) (locket.Policy, []string, error)
	remember bool
	changes  []policy.Change // to remember
}

// settle writes the decision down, as an entry of v's principal. Of two at once, the
// second finds nothing.
func (v *View) settle(t *tx, w *waiting, s settlement) (words []string, err error) {
	n, err := t.affected(`DELETE FROM pending WHERE n = ? AND asked > ?`, w.n, v.s.oldest())
	if err == nil && n == 0 {
		err = notFound("approval")
	}
	if err != nil {
		return nil, err
	}
	o := &Writer{v: v, tx: t}
	if err := o.begin(); err != nil {
		return nil, err
	}
	s.props["id"], s.props["op"], s.props["principal"] = w.ID, w.Op, string(w.Principal)
	if err := o.manage(s.action, s.props); err != nil {
		return nil, err
	}
	if s.remember {
		if words, err = o.remember(w, s); err != nil {
			return nil, err
		}
	}
	_, err = o.sign(t)
	return words, err
}

// remember changes the policy of whoever asked.
func (w *Writer) remember(asked *waiting, s settlement) ([]string, error) {
	r, err := w.managed(asked.Principal)
	if err != nil {
		return nil, err
	}
	own := locket.Policy{}
	if r.principal.Policy != nil {
		own = *r.principal.Policy
	}
	p, words, err := s.change(own, s.changes, w.types, w.v.s.now())
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, locket.Errorf(locket.CodeConflict, "no rule in the policy of %s itself makes this wait, so there is nothing to remember; decide without", clip(asked.Name, 60))
	}
	_, err = w.ChangePrincipal(asked.Principal, PrincipalChange{Policy: &p})
	return words, err
}
