package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

const reviewNotes = `{"rules":[{"actions":["read"],"types":["Note"]},{"actions":["create","update"],"types":["Note"],"review":true}]}`

// asks has v ask to create a note.
func (b *bench) asks(v *store.View, name string) {
	b.t.Helper()
	again := func(ctx context.Context, as *store.View) error { return createNote(ctx, as, name) }
	err := v.Serve(b.t.Context(), store.Request{
		Op: "items.create", Permission: locket.MayCreate, Again: again,
		Input: func() ([]byte, error) { return []byte(`{"name":"` + name + `"}`), nil },
	}, func(ctx context.Context) error { return again(ctx, v) })
	if locket.CodeOf(err) != locket.CodePending {
		b.t.Fatal(err, cause(err))
	}
}

func createNote(ctx context.Context, v *store.View, name string) error {
	_, err := v.Write(ctx, func(w *store.Writer) error {
		_, err := w.Create(store.Draft{Type: "Note", Props: props{"name": name}})
		return err
	})
	return err
}

func (b *bench) waiting() []store.Approval {
	b.t.Helper()
	list, err := b.v.Approvals(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func (b *bench) items() int64 {
	b.t.Helper()
	st, err := b.v.Stats(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return st.Items
}

// TestApproveIsOneTransaction: what ends before the commit, for whatever reason, has done
// nothing, and waits on; what was done does not wait.
func TestApproveIsOneTransaction(t *testing.T) {
	b := newBench(t)
	b.asks(b.agent("robot", reviewNotes), "one")
	id := b.waiting()[0].ID
	broken := errors.New("broken")
	for what, do := range map[string]func(ctx context.Context, cancel func(), as *store.View) error{
		"cancelled before the commit": func(ctx context.Context, cancel func(), as *store.View) error {
			_, err := as.Write(ctx, func(w *store.Writer) error {
				_, err := w.Create(store.Draft{Type: "Note", Props: props{"name": "one"}})
				cancel()
				return err
			})
			return err
		},
		"failed after a write": func(ctx context.Context, _ func(), as *store.View) error {
			_, err := as.Write(ctx, func(w *store.Writer) error {
				_, err := w.Create(store.Draft{Type: "Note", Props: props{"name": "one"}})
				return errors.Join(err, broken)
			})
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := b.v.Approve(ctx, id, store.Decider{Again: func(ctx context.Context, as *store.View, _, _ string) error { return do(ctx, cancel, as) }})
		cancel()
		if err == nil || b.items() != 0 || len(b.waiting()) != 1 {
			t.Errorf("%s: %v, %d items, %d wait", what, err, b.items(), len(b.waiting()))
		}
	}
	_, err := b.v.Approve(t.Context(), id, store.Decider{Again: func(ctx context.Context, as *store.View, _, _ string) error {
		return errors.Join(createNote(ctx, as, "one"), refusedTwice(createNote(ctx, as, "two")))
	}})
	if err != nil || b.items() != 1 || len(b.waiting()) != 0 {
		t.Errorf("%v, %d items, %d wait", err, b.items(), len(b.waiting()))
	}
}

// refusedTwice expects that one word is good for one transaction.
func refusedTwice(err error) error {
	if locket.CodeOf(err) != locket.CodeUnsupported {
		return errors.Join(err, errors.New("a second transaction was not refused"))
	}
	return nil
}

func TestVerifyFindsWhatWaitsTampered(t *testing.T) {
	b := newBench(t)
	agent := b.agent("robot", reviewNotes)
	b.asks(agent, "one")
	b.asks(agent, "two")
	if _, err := b.v.Reject(t.Context(), b.waiting()[1].ID, "", store.Decider{}); err != nil {
		t.Fatal(err)
	}
	r := &richPod{bench: b}
	if got := r.verify(""); got.Fault != "" {
		t.Fatal(got.Fault)
	}
	if err := b.s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(b.cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`UPDATE pending SET input = '{"name":"other"}'`, `UPDATE pending SET op = 'items.update'`, `UPDATE pending SET does = '[]'`,
		`UPDATE pending SET principal = 1`, `UPDATE pending SET principal = 77`, `UPDATE pending SET asked = asked + 1`, `UPDATE pending SET policy = '{}'`,
		`UPDATE pending SET source = '{"session":"x"}'`, `UPDATE pending SET salt = zeroblob(16)`, `UPDATE pending SET id = x'00112233445566778899aabbccddeeff'`,
		`INSERT INTO pending(n, id, principal, op, input, does, policy, asked, source, salt) SELECT 9, x'00112233445566778899aabbccddeeff', principal, op, input, does, policy, asked, source, salt FROM pending`,
	} {
		tampered := *r
		tampered.bench = &bench{t: t, owner: b.owner, clock: b.clock, cfg: b.cfg}
		tampered.cfg.Path = filepath.Join(t.TempDir(), "pod.db")
		if err := os.WriteFile(tampered.cfg.Path, before, 0o600); err != nil {
			t.Fatal(err)
		}
		tampered.sql(sql)
		if got := tampered.openAndVerify(""); !strings.Contains(got.Fault, "no entry asked for approval") {
			t.Errorf("%s: %q", sql, got.Fault)
		}
	}
}
