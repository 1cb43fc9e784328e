package ops_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

// people makes the principals and what they come with.
func (w *matrixWorld) people(other pods.Created) {
	everything := locket.Permissions()
	most := slices.DeleteFunc(locket.Permissions(), func(p locket.Permission) bool { return p == locket.MayManage })
	some := []locket.Permission{locket.MayRead, locket.MaySearch}
	owner := &actor{name: "owner by key", kind: locket.KindOwner, cred: w.ownerKey, may: everything, all: true, reads: true}
	w.add(owner, &actor{
		name: "owner by password", kind: locket.KindOwner, may: everything, all: true, reads: true,
		cred: keyring.Password{Secret: secret.Take([]byte("correct horse"))},
	})
	w.check(w.visit(w.ownerKey, func(ctx context.Context, v *pods.Visit) error {
		self, err := v.View.Self(ctx)
		w.actors[0].id, w.actors[1].id = self.ID, self.ID
		id, token, err2 := v.Keys().AddAPIKey(ctx, "spare", "")
		token.Wipe()
		w.ownerKeyID = id
		return join(err, err2)
	}))
	for _, kind := range []locket.PrincipalKind{locket.KindDevice, locket.KindAgent, locket.KindPlugin, locket.KindPeer} {
		w.add(
			w.principal(owner, kind, "wide", mayMost, most, true),
			w.principal(owner, kind, "narrow", mayAtWork, some, false),
			w.principal(owner, kind, "empty", mayNothing, nil, false))
	}
	edits := slices.Concat(some, []locket.Permission{locket.MayCreate, locket.MayUpdate, locket.MayDelete, locket.MayLink})
	reader := w.principal(owner, locket.KindAgent, "reader", mayReadAll, edits, false)
	reader.reads = true
	w.add(reader, w.principal(owner, locket.KindAgent, "editor", mayEdit, edits, false))
	steward := w.principal(owner, locket.KindAgent, "steward", maySteward, []locket.Permission{locket.MayRead, locket.MayManage}, false)
	w.add(w.principal(owner, locket.KindDevice, "manager", mayAll, everything, true), steward)
	expired := w.principal(owner, locket.KindAgent, "expired policy", mayBefore, nil, false)
	paused := w.principal(owner, locket.KindAgent, "paused", mayAll, nil, false)
	revoked := w.principal(owner, locket.KindAgent, "revoked", mayAll, nil, false)
	paused.refused, revoked.refused = locket.CodeDenied, locket.CodeUnauthenticated
	w.add(expired, paused, revoked)
	w.add(&actor{name: "owner of another pod", refused: locket.CodeUnauthenticated, cred: other.Token})
	w.victim = w.principal(owner, locket.KindAgent, "victim", mayAtWork, some, false)
	w.protege = w.principal(steward, locket.KindAgent, "protege", mayNothing, nil, false)
	careful := w.principal(owner, locket.KindAgent, "careful", mayReview, some, false)
	w.approval = w.asks(careful, "items.update", map[string]string{"id": string(w.targets[1].item), "props": changed})
	w.grants(owner, some, everything, most)
	for _, a := range w.actors {
		if a.refused == "" && !a.can(locket.MayManage) {
			_, _ = w.run(a, find(w.t, "principals.list"), nil, "") // is refused: the first entry of their own
		}
	}
	w.check(w.visit(w.ownerKey, func(ctx context.Context, v *pods.Visit) error {
		state := locket.StatePaused
		_, err := v.View.Write(ctx, func(wr *store.Writer) error {
			_, err := wr.ChangePrincipal(paused.id, store.PrincipalChange{State: &state})
			return err
		})
		_, err2 := v.Keys().RevokePrincipal(ctx, revoked.id)
		return join(err, err2)
	}))
}

// asks has somebody ask for something that waits.
func (w *matrixWorld) asks(a *actor, op string, args map[string]string) (id string) {
	w.t.Helper()
	if _, err := w.run(a, find(w.t, op), args, ""); locket.CodeOf(err) != locket.CodePending {
		w.t.Fatalf("%s does not wait: %v", op, err)
	}
	w.check(w.visit(a.cred, func(ctx context.Context, v *pods.Visit) error {
		list, err := v.View.Approvals(ctx)
		id = list[len(list)-1].ID
		return err
	}))
	return id
}

func join(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *matrixWorld) add(as ...*actor) { w.actors = append(w.actors, as...) }

func (w *matrixWorld) actor(name string) *actor {
	i := slices.IndexFunc(w.actors, func(a *actor) bool { return a.name == name })
	return w.actors[i]
}

// grants makes those who come with one.
func (w *matrixWorld) grants(owner *actor, some, everything, most []locket.Permission) {
	wide := w.actor("agent wide")
	w.add(
		w.grant(owner, "owner's session", "", time.Hour*2, everything, true),
		w.grant(owner, "owner's narrow session", mayAtWork, time.Hour*2, some, false),
		w.grant(owner, "owner's manager session", mayAll, time.Hour*2, everything, true),
		w.grant(wide, "agent's grant", "", time.Hour*2, most, true),
		w.grant(wide, "agent's narrow grant", mayAtWork, time.Hour*2, some, false))
	expired := w.grant(wide, "expired grant", "", time.Minute, nil, false)
	ended := w.grant(wide, "ended grant", "", time.Hour*2, nil, false)
	expired.refused, ended.refused = locket.CodeExpired, locket.CodeExpired
	w.add(expired, ended)
	victims := w.grant(w.victim, "victim's grant", "", time.Hour*2, nil, false)
	w.check(w.visit(w.ownerKey, func(ctx context.Context, v *pods.Visit) error {
		w.victimGrant = victims.key
		_, err := v.View.Write(ctx, func(wr *store.Writer) error { return wr.EndGrant(ended.key) })
		return err
	}))
}

func parsePolicy(t *testing.T, text string) *locket.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

// principal has somebody make a principal with a key.
func (w *matrixWorld) principal(maker *actor, kind locket.PrincipalKind, name, text string, may []locket.Permission, all bool) *actor {
	w.t.Helper()
	a := &actor{name: string(kind) + " " + name, kind: kind, may: may, all: all, reads: all}
	p := parsePolicy(w.t, text)
	w.check(w.visit(maker.cred, func(ctx context.Context, v *pods.Visit) error {
		_, err := v.View.Write(ctx, func(wr *store.Writer) error {
			made, err := wr.AddPrincipal(locket.Principal{Kind: kind, Name: a.name, Policy: p})
			a.id = made.ID
			return err
		})
		if err != nil {
			return err
		}
		id, token, err := v.Keys().AddAPIKey(ctx, a.name, a.id)
		a.key, a.cred = id, token
		return err
	}))
	return a
}

// grant has somebody make a grant for themselves; its key is the grant's id.
func (w *matrixWorld) grant(of *actor, name, text string, life time.Duration, may []locket.Permission, all bool) *actor {
	w.t.Helper()
	a := &actor{name: name, kind: of.kind, id: of.id, may: may, all: all, reads: all, session: true}
	r := pods.GrantRequest{Audience: ops.AudienceAPI, Life: life}
	if text != "" {
		r.Policy, a.narrow = parsePolicy(w.t, text), true
	}
	w.check(w.visit(of.cred, func(ctx context.Context, v *pods.Visit) error {
		made, token, err := v.Grant(ctx, r)
		a.key, a.cred = made.ID, keyring.Presented{Token: token, Audience: ops.AudienceAPI}
		return err
	}))
	return a
}
