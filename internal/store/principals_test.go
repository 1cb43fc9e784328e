package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/store"
)

func parse(t testing.TB, text string) *locket.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

// TestNobodyGivesMoreThanTheyHold has a manager without bounds on whom it manages, but
// with bounds on what it reads.
func TestNobodyGivesMoreThanTheyHold(t *testing.T) {
	b := newBench(t)
	other := b.principal(locket.Principal{Kind: locket.KindDevice, Name: "laptop", Policy: parse(t, doAnything)})
	v := b.agent("manager", `{"rules":[{"actions":["manage"]},{"actions":["read","search"],"types":["Note"],"where":{"folder":"work"}}]}`)
	write := func(fn func(w *store.Writer) error) error {
		_, err := v.Write(t.Context(), fn)
		return err
	}
	add := func(text string) error {
		return write(func(w *store.Writer) error {
			_, err := w.AddPrincipal(locket.Principal{Kind: locket.KindAgent, Name: text, Policy: parse(t, text)})
			return err
		})
	}
	grant := func(g store.Grant) error {
		g.Expires = time.Now().Add(time.Hour)
		return write(func(w *store.Writer) error { _, err := w.AddGrant([]byte("0123456789abcdef"), g); return err })
	}
	key := func(who locket.PrincipalID) error {
		return v.EditSlots(t.Context(), func(e *store.SlotEditor) error { return e.Name("00", "key", "", who) })
	}
	change := func(who locket.PrincipalID, c store.PrincipalChange) error {
		return write(func(w *store.Writer) error { _, err := w.ChangePrincipal(who, c); return err })
	}
	name, paused := "mine", locket.StatePaused
	b.clock = time.Now()
	for what, err := range map[string]error{
		"a wider principal":          add(`{"rules":[{"actions":["read"],"types":["Note"]}]}`),
		"a grant for the owner":      grant(store.Grant{Principal: b.owner.ID}),
		"a key for the owner":        key(b.owner.ID),
		"a grant for a wider one":    grant(store.Grant{Principal: other.ID}),
		"a key for a wider one":      key(other.ID),
		"another name for the owner": change(b.owner.ID, store.PrincipalChange{Name: &name}),
		"a wider policy for another": change(other.ID, store.PrincipalChange{Policy: parse(t, doAnything)}),
	} {
		if locket.CodeOf(err) != locket.CodeDenied {
			t.Errorf("%s: %v %v", what, err, cause(err))
		}
	}
	for what, err := range map[string]error{
		"a principal within": add(`{"rules":[{"actions":["read"],"types":["Note"],"where":{"folder":"work"},"properties":["name"]}]}`),
		"pausing another":    change(other.ID, store.PrincipalChange{State: &paused}),
		"a grant for itself": grant(store.Grant{Policy: parse(t, readWork)}),
		"a key for itself":   key(""),
	} {
		if err != nil {
			t.Errorf("%s: %v %v", what, err, cause(err))
		}
	}

	narrowed, err := b.s.Admit(t.Context(), store.Visitor{Grant: []byte("0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = narrowed.Write(t.Context(), func(w *store.Writer) error {
		_, err := w.AddGrant([]byte("fedcba9876543210"), store.Grant{Expires: time.Now().Add(time.Hour)})
		return err
	})
	if locket.CodeOf(err) != locket.CodeDenied {
		t.Errorf("a narrowed session made itself a wide one: %v", err)
	}
}

// TestMakersBoundWhatTheyMade narrows a maker after it has made another.
func TestMakersBoundWhatTheyMade(t *testing.T) {
	b := newBench(t)
	note := b.create("Note", props{"name": "n", "folder": "work"})
	maker := b.principal(locket.Principal{Kind: locket.KindAgent, Name: "maker", Policy: parse(t, `{"rules":[{"actions":["read","manage"]}]}`)})
	var made locket.Principal
	_, err := b.as(maker.ID).Write(t.Context(), func(w *store.Writer) (err error) {
		made, err = w.AddPrincipal(locket.Principal{Kind: locket.KindAgent, Name: "made", Policy: parse(t, `{"rules":[{"actions":["read"]}]}`)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.as(made.ID).Get(t.Context(), note.ID); err != nil {
		t.Fatal(err)
	}
	b.write(func(w *store.Writer) error {
		_, err := w.ChangePrincipal(maker.ID, store.PrincipalChange{Policy: parse(t, `{"rules":[{"actions":["read","manage"],"where":{"folder":"home"}}]}`)})
		return err
	})
	if _, err := b.as(made.ID).Get(t.Context(), note.ID); locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("what was made reaches further than its maker: %v", err)
	}
	revoked := locket.StateRevoked
	b.write(func(w *store.Writer) error {
		_, err := w.ChangePrincipal(maker.ID, store.PrincipalChange{State: &revoked})
		return err
	})
	if _, err := b.s.Admit(t.Context(), store.Visitor{Principal: made.ID}); locket.CodeOf(err) != locket.CodeUnauthenticated {
		t.Errorf("what a revoked principal made acts on: %v", err)
	}
}

func TestLimits(t *testing.T) {
	b := newBench(t)
	v := b.agent("robot", `{"rules":[{"actions":["read"]}],"limits":[{"count":2,"per":"minute"}]}`)
	ask := func() error {
		return b.as(v.Principal().ID).Serve(t.Context(), store.Request{Op: "stats.get", Permission: locket.MayRead}, func(ctx context.Context) error {
			_, err := v.Stats(ctx)
			return err
		})
	}
	for range 2 {
		if err := ask(); err != nil {
			t.Error(err)
		}
	}
	if err := ask(); locket.CodeOf(err) != locket.CodeTooMany {
		t.Errorf("a third request in a minute: %v", err)
	}
	b.clock = b.clock.Add(31 * time.Second)
	if err := ask(); err != nil {
		t.Errorf("half a minute later: %v", err)
	}
}
