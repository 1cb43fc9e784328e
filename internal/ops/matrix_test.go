package ops_test

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/store"
)

// TestMatrix does every operation as everybody with everything, and compares what comes
// of it with a table of its own. What is hidden and what is missing must answer alike; a
// refused operation must change nothing but the journal, which must have it.
func TestMatrix(t *testing.T) {
	for name, rows := range matrix() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &matrixRun{matrixWorld: newMatrixWorld(t)}
			m.before = m.state()
			_, m.last = m.journal(0)
			for _, r := range rows {
				m.row(r)
			}
			if m.cases < 20*len(rows) {
				t.Errorf("only %d cases", m.cases)
			}
		})
	}
}

// A matrixRun is the rows of one group being tried.
type matrixRun struct {
	*matrixWorld
	before string // what the pod holds
	last   int64  // entry of the journal
	cases  int
}

func (m *matrixRun) row(r *row) {
	o := find(m.t, r.op)
	for _, a := range m.actors {
		var absent []string
		for _, tg := range r.among(m.matrixWorld, a) {
			if err := m.try(o, r, a, tg); locket.CodeOf(err) == locket.CodeNotFound {
				absent = append(absent, err.Error())
			}
		}
		if len(slices.Compact(absent)) > 1 {
			m.t.Errorf("%s %s as %s: what is hidden and what is missing answer differently: %q", r.op, r.variant, a.name, absent)
		}
	}
	if after := m.state(); after != m.before {
		m.t.Errorf("%s %s changed the pod for somebody who was refused:\n%s\n%s", r.op, r.variant, m.before, after)
		m.again()
	}
}

// again puts the pod back as it was.
func (m *matrixRun) again() {
	m.restore()
	_, m.last = m.journal(0)
}

// try is one case.
func (m *matrixRun) try(o ops.Op, r *row, a *actor, tg target) error {
	m.cases++
	name := fmt.Sprintf("%s %s as %s on %s", r.op, r.variant, a.name, tg.name)
	answer, err := m.run(a, o, r.args(m.matrixWorld, a, tg), r.body)
	want := a.refused
	if want == "" {
		want = r.expect(m.matrixWorld, a, tg)
	}
	if got := locket.CodeOf(err); got != want {
		m.t.Errorf("%s: got %q (%v), want %q", name, got, err, want)
	}
	if !a.reads && m.tells(answer) {
		m.t.Errorf("%s: the answer tells what is hidden: %.1000s", name, answer)
	}
	entries, last := m.journal(m.last)
	m.last = last
	checkJournal(m.t, name, a, r, err, entries)
	if r.writes && err == nil {
		m.again()
	}
	return err
}

// checkJournal looks for the entry of a refusal, and of a read by those whose reads count.
func checkJournal(t *testing.T, name string, a *actor, r *row, err error, entries []store.JournalEntry) {
	t.Helper()
	if err != nil && slices.ContainsFunc(entries, func(e store.JournalEntry) bool { return e.Kind == locket.EntryChange }) {
		t.Errorf("%s failed, and changed something: %+v", name, entries)
	}
	known := a.refused == "" || a.refused == locket.CodeDenied
	var wanted []locket.Action
	switch code := locket.CodeOf(err); {
	case !known:
		if len(entries) > 0 {
			t.Errorf("%s: a stranger is in the journal: %+v", name, entries)
		}
		return
	case code == locket.CodeDenied:
		wanted = []locket.Action{locket.ActionRefuse}
	case r.reads && (code == "" || code == locket.CodeNotFound) && (a.kind == locket.KindAgent || a.kind == locket.KindPlugin || a.kind == locket.KindPeer):
		wanted = []locket.Action{locket.ActionRead, locket.ActionSearch}
	default:
		return
	}
	for _, e := range entries {
		if e.Kind == locket.EntryAccess && e.Author == a.id && len(e.Actions) == 1 && slices.Contains(wanted, e.Actions[0].Action) && (a.refused != "" || e.Actions[0].Detail["op"] == r.op) {
			return
		}
	}
	t.Errorf("%s: the journal lacks it: %+v", name, entries)
}

// TestMatrixIsWhole compares the table with that of the package.
func TestMatrixIsWhole(t *testing.T) {
	rows := make(map[string][]*row)
	for _, group := range matrix() {
		for _, r := range group {
			rows[r.op] = append(rows[r.op], r)
		}
	}
	for _, o := range ops.Table() {
		if len(rows[o.Name]) == 0 {
			t.Errorf("%s has no row in the matrix", o.Name)
		}
		for _, r := range rows[o.Name] {
			if o.Permission != r.needs {
				t.Errorf("%s needs %q, in the matrix %q", o.Name, o.Permission, r.needs)
			}
			if r.writes && (o.Permission == locket.MayRead || o.Permission == locket.MaySearch || o.Method == "GET") {
				t.Errorf("%s writes, and is a %s that needs %q", o.Name, o.Method, o.Permission)
			}
			if !r.reads && !r.writes && o.Permission == locket.MayRead {
				t.Errorf("%s reads, and the matrix does not know", o.Name)
			}
		}
		delete(rows, o.Name)
	}
	for name := range rows {
		t.Errorf("there is no op %s", name)
	}
}

// TestMatrixAnonymous asks for everything over HTTP without a credential, and with one
// that is none.
func TestMatrixAnonymous(t *testing.T) {
	w := newMatrixWorld(t)
	for _, r := range slices.Concat(slices.Collect(maps.Values(matrix()))...) {
		h := api.New(api.Config{Doer: w.f, Log: slog.New(slog.DiscardHandler)}) // a new one has counted no guesses
		o := find(t, r.op)
		in := o.New()
		for _, f := range o.Fields() {
			if text, ok := r.args(w, w.actors[0], w.targets[0])[f.Name]; ok {
				w.check(f.Set(in, text))
			}
		}
		for _, credential := range []string{"", "Bearer lk_nothing"} {
			req, err := o.Encode(t.Context(), in, strings.NewReader(r.body))
			w.check(err)
			req.Host, req.RemoteAddr = "localhost", "127.0.0.1:9"
			if credential != "" {
				req.Header.Set("Authorization", credential)
			}
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, req)
			if answer.Code != 401 || !strings.Contains(answer.Body.String(), `"unauthenticated"`) {
				t.Errorf("%s with credential %q: %d %s", r.op, credential, answer.Code, answer.Body)
			}
		}
	}
}
