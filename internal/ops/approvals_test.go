package ops_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
)

// newApprovals is a pod of Anna's with a note and two agents whose changes she reviews.
func newApprovals(t *testing.T) (w *matrixWorld, owner, agent, other *actor) {
	t.Helper()
	w = &matrixWorld{t: t, path: filepath.Join(t.TempDir(), "pods"), clock: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
	w.sealer = keyring.NewProcessSealer(func() time.Time { return w.clock })
	w.open()
	t.Cleanup(func() { w.check(w.f.Close()) })
	created, err := w.f.Create(t.Context(), pods.New{Owner: "Anna", KeyName: "laptop"})
	w.check(err)
	w.pod, w.ownerKey = created.Pod, created.Token
	owner = &actor{name: "owner", kind: locket.KindOwner, cred: w.ownerKey}
	it := w.create(owner, `{"name":"tea","folder":"work"}`)
	w.targets = []target{{item: it}, {}}
	const policy = `{"rules":[{"actions":["read","search"],"types":["Note"]},
		{"actions":["create"],"types":["Note"],"where":{"folder":"own"}},
		{"actions":["create","update","delete","link"],"types":["Note"],"review":true}]}`
	agent = w.principal(owner, locket.KindAgent, "scribe", policy, nil, false)
	other = w.principal(owner, locket.KindAgent, "clerk", policy, nil, false)
	return w, owner, agent, other
}

func (w *matrixWorld) create(a *actor, props string) locket.ItemID {
	w.t.Helper()
	var it locket.Item
	w.does(a, &it, "items.create", "type", "Note", "props", props)
	return it.ID
}

// does an operation that must succeed.
func (w *matrixWorld) does(a *actor, out any, op string, args ...string) {
	w.t.Helper()
	answer, err := w.run(a, find(w.t, op), with(map[string]string{}, args), "")
	w.check(err)
	if out != nil {
		w.check(json.Unmarshal([]byte(answer), out))
	}
}

func (w *matrixWorld) fails(a *actor, want locket.Code, op string, args ...string) string {
	w.t.Helper()
	_, err := w.run(a, find(w.t, op), with(map[string]string{}, args), "")
	if locket.CodeOf(err) != want {
		w.t.Errorf("%s: got %v, want %s", op, err, want)
	}
	return locket.MessageOf(err)
}

func (w *matrixWorld) waiting(a *actor) []ops.Approval {
	w.t.Helper()
	var out ops.Approvals
	w.does(a, &out, "approvals.list")
	return out.Approvals
}

// latest is what was asked for last, for the owner.
func (w *matrixWorld) latest(owner *actor) ops.Approval {
	w.t.Helper()
	list := w.waiting(owner)
	if len(list) == 0 {
		w.t.Fatal("nothing waits")
	}
	return list[len(list)-1]
}

func (w *matrixWorld) names(a *actor) (names []string) {
	w.t.Helper()
	var page locket.Page[locket.Item]
	w.does(a, &page, "items.list", "order", "created")
	for _, it := range page.Items {
		names = append(names, fmt.Sprint(it.Props["name"]))
	}
	return names
}

func (w *matrixWorld) verifies() {
	w.t.Helper()
	w.check(w.visit(w.ownerKey, func(ctx context.Context, v *pods.Visit) error {
		got, err := v.View.Verify(ctx, "", nil)
		if err == nil && got.Fault != "" {
			w.t.Error(got.Fault)
		}
		return err
	}))
}

func TestApprove(t *testing.T) {
	w, owner, agent, other := newApprovals(t)
	w.create(agent, `{"name":"mine","folder":"own"}`) // needs nobody's word
	msg := w.fails(agent, locket.CodePending, "items.create", "type", "Note", "props", `{"name":"new","folder":"work"}`)
	if got := w.names(owner); !slices.Equal(got, []string{"tea", "mine"}) {
		t.Fatalf("it was done already: %q", got)
	}
	a := w.latest(owner)
	if !strings.Contains(msg, a.ID) || a.Name != "agent scribe" || a.Op != "items.create" || a.Summary != `create a new Note "new"` || a.Input != nil {
		t.Errorf("it tells %q and %+v", msg, a)
	}
	w.does(owner, &a, "approvals.get", "id", a.ID)
	if text, err := json.Marshal(a.Input); err != nil || string(text) != `{"props":{"folder":"work","name":"new"},"type":"Note"}` {
		t.Errorf("input %s %v", text, err)
	}
	if len(w.waiting(agent)) != 1 || len(w.waiting(other)) != 0 {
		t.Error("others see it, or it does not")
	}
	w.fails(other, locket.CodeNotFound, "approvals.get", "id", a.ID)
	w.fails(agent, locket.CodeDenied, "approvals.approve", "id", a.ID)
	w.verifies()

	w.does(owner, nil, "approvals.approve", "id", a.ID)
	w.fails(owner, locket.CodeNotFound, "approvals.approve", "id", a.ID)
	if got := w.names(owner); !slices.Equal(got, []string{"tea", "mine", "new"}) {
		t.Errorf("there are %q", got)
	}
	entries, _ := w.journal(0)
	if e := entries[0]; e.Author != w.self(owner) || len(e.Actions) != 1 || e.Actions[0].Action != locket.ActionApprove || e.Actions[0].Detail["id"] != a.ID || e.Actions[0].Detail["change"] != entries[1].Hash {
		t.Errorf("the owner's entry is %+v", e)
	}
	if e := entries[1]; e.Author != agent.id || e.Kind != locket.EntryChange || e.SignedBy != locket.SignedByPod {
		t.Errorf("the agent's entry is %+v", e)
	}
	w.verifies()
}

func (w *matrixWorld) self(a *actor) (id locket.PrincipalID) {
	w.check(w.visit(a.cred, func(ctx context.Context, v *pods.Visit) error { id = v.View.Principal().ID; return nil }))
	return id
}

// TestAskJournal: the entry of the one who asks, and none of a refusal.
func TestAskJournal(t *testing.T) {
	w, _, agent, _ := newApprovals(t)
	_, before := w.journal(0)
	w.fails(agent, locket.CodePending, "items.delete", "id", string(w.targets[0].item))
	w.fails(agent, locket.CodePending, "items.delete", "id", string(w.targets[0].item)) // the same waits already
	entries, _ := w.journal(before)
	if len(entries) != 1 || entries[0].Author != agent.id || entries[0].Actions[0].Action != locket.ActionAsk || entries[0].Actions[0].Detail["op"] != "items.delete" {
		t.Errorf("the journal has %+v", entries)
	}
	if n := len(w.waiting(agent)); n != 1 {
		t.Errorf("%d wait", n)
	}
}

// TestAskWrongly: what would fail fails at once, with its own error, and what no word helps
// is refused.
func TestAskWrongly(t *testing.T) {
	w, owner, agent, _ := newApprovals(t)
	id := string(w.targets[0].item)
	for _, c := range []struct {
		want locket.Code
		op   string
		args []string
	}{
		{locket.CodeInvalid, "items.create", []string{"type", "Note", "props", `{"nmae":"x"}`}},
		{locket.CodeConflict, "items.update", []string{"id", id, "version", `"7"`, "props", `{"name":"x"}`}},
		{locket.CodeNotFound, "items.update", []string{"id", "0192f3a4-0000-7000-8000-000000000001", "props", `{"name":"x"}`}},
		{locket.CodeDenied, "items.erase", []string{"id", id}},
		{locket.CodeDenied, "items.create", []string{"type", "Note", "props", `{"name":"x"}`, "id", "0192f3a4-0000-7000-8000-000000000001"}},
		{locket.CodeTooLarge, "items.create", []string{"type", "Note", "props", `{"text":"` + strings.Repeat("x", 256<<10) + `"}`}},
		{locket.CodeInvalid, "bulk.run", []string{"ops", `[{"op":"create","type":"Note","props":{"name":"x"}},{"op":"delete"}]`}},
		{locket.CodeDenied, "bulk.run", []string{"ops", `[{"op":"create","type":"Note","props":{"name":"x"}},{"op":"erase","id":"` + id + `"}]`}},
	} {
		w.fails(agent, c.want, c.op, c.args...)
	}
	if list := w.waiting(owner); len(list) != 0 || len(w.names(owner)) != 1 {
		t.Errorf("there wait %+v", list)
	}
}

// TestNothingToWaitFor: what changes nothing is answered at once.
func TestNothingToWaitFor(t *testing.T) {
	w, owner, agent, _ := newApprovals(t)
	w.does(owner, nil, "items.delete", "id", string(w.targets[0].item))
	w.does(agent, nil, "items.delete", "id", string(w.targets[0].item))

	wary := w.principal(owner, locket.KindAgent, "wary", `{"rules":[{"actions":["read","search"],"types":["Memory"]},{"actions":["create","update","delete","link"],"types":["Memory"],"review":true}]}`, nil, false)
	tea := []string{"text", "Ada drinks tea at noon and no coffee."}
	w.fails(wary, locket.CodePending, "memory.remember", tea...)
	a := w.latest(owner)
	if a.Summary != `create a new Memory "Ada drinks tea at noon and no coffee."` {
		t.Errorf("summary %q", a.Summary)
	}
	w.does(owner, nil, "approvals.approve", "id", a.ID)
	var met struct {
		Met  string      `json:"met"`
		Item locket.Item `json:"item"`
	}
	w.does(wary, &met, "memory.remember", tea...)
	if met.Met != "same" || met.Item.Text("namespace") != locket.AgentNamespace("agent wary") || len(w.waiting(owner)) != 0 {
		t.Errorf("met %+v", met)
	}
	w.fails(wary, locket.CodePending, "memory.file", "command", "create", "path", "/memories/a.md", "file_text", "b")
	w.does(owner, nil, "approvals.approve", "id", w.latest(owner).ID)
	var reply struct {
		Text string `json:"text"`
	}
	w.does(wary, &reply, "memory.file", "command", "view", "path", "/memories/a.md")
	if !strings.Contains(reply.Text, "b") {
		t.Errorf("the file has %q", reply.Text)
	}
	w.does(wary, &reply, "memory.file", "command", "delete", "path", "/memories/none.md")
	w.verifies()
}

func TestBulkWaits(t *testing.T) {
	w, owner, agent, _ := newApprovals(t)
	id := string(w.targets[0].item)
	w.fails(agent, locket.CodePending, "bulk.run", "ops", `[{"op":"create","ref":"a","type":"Note","props":{"name":"own","folder":"own"}},
		{"op":"update","id":"`+id+`","props":{"name":"coffee"}},{"op":"link","source":"@a","name":"mentions","target":"`+id+`"}]`)
	if got := w.names(owner); !slices.Equal(got, []string{"tea"}) {
		t.Fatalf("half of it was done: %q", got)
	}
	a := w.latest(owner)
	if a.Summary != `create a new Note "own"; update the Note "tea"; link from the item` {
		t.Errorf("summary %q", a.Summary)
	}
	w.does(owner, nil, "items.delete", "id", id)
	w.fails(owner, locket.CodeConflict, "approvals.approve", "id", a.ID)
	if got := w.names(owner); len(got) != 0 || len(w.waiting(owner)) != 1 {
		t.Fatalf("half of it was done: %q", got)
	}
	w.does(owner, nil, "items.restore", "id", id)
	w.does(owner, nil, "approvals.approve", "id", a.ID)
	if got := w.names(owner); !slices.Equal(got, []string{"coffee", "own"}) {
		t.Errorf("there are %q", got)
	}
	w.verifies()
}

// TestApproveOnce has several approve at once; one does.
func TestApproveOnce(t *testing.T) {
	w, owner, agent, _ := newApprovals(t)
	w.fails(agent, locket.CodePending, "items.create", "type", "Note", "props", `{"name":"once"}`)
	a := w.latest(owner)
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = w.run(owner, find(t, "approvals.approve"), map[string]string{"id": a.ID}, "") })
	}
	all.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else if locket.CodeOf(err) != locket.CodeNotFound {
			t.Error(err)
		}
	}
	if got := w.names(owner); done != 1 || !slices.Equal(got, []string{"tea", "once"}) {
		t.Errorf("%d did it: %q", done, got)
	}
}

func TestRejectAndRemember(t *testing.T) {
	w, owner, agent, other := newApprovals(t)
	id := string(w.targets[0].item)
	ask := func(want locket.Code, op string, args ...string) string {
		t.Helper()
		w.fails(agent, want, op, args...)
		if want != locket.CodePending {
			return ""
		}
		return w.latest(owner).ID
	}
	var out ops.Decided
	w.does(owner, &out, "approvals.reject", "id", ask(locket.CodePending, "items.update", "id", id, "props", `{"name":"x"}`), "reason", "no")
	if out.Remembered != nil || len(w.waiting(owner)) != 0 {
		t.Errorf("%+v", out)
	}
	w.does(owner, &out, "approvals.approve", "id", ask(locket.CodePending, "items.update", "id", id, "props", `{"name":"green"}`), "remember", "true")
	if !slices.Equal(out.Remembered, []string{"May read, search and update notes."}) {
		t.Errorf("remembered %q", out.Remembered)
	}
	w.does(agent, nil, "items.update", "id", id, "props", `{"name":"black"}`)
	w.does(owner, &out, "approvals.reject", "id", ask(locket.CodePending, "items.delete", "id", id), "remember", "true")
	if !slices.Equal(out.Remembered, []string{
		"No longer: May, once the owner approves it, create, update, delete and link notes.", "May, once the owner approves it, create, update and link notes.",
	}) {
		t.Errorf("remembered %q", out.Remembered)
	}
	ask(locket.CodeDenied, "items.delete", "id", id)
	ask(locket.CodePending, "items.create", "type", "Note", "props", `{"name":"x"}`)
	w.fails(other, locket.CodePending, "items.delete", "id", id)
	w.verifies()
}

// TestAskersState: who is paused gets nothing done, who is revoked asks for nothing, and
// who may no longer do it even with the owner's word does not.
func TestAskersState(t *testing.T) {
	w, owner, agent, other := newApprovals(t)
	w.fails(agent, locket.CodePending, "items.create", "type", "Note", "props", `{"name":"x"}`)
	w.fails(other, locket.CodePending, "items.create", "type", "Note", "props", `{"name":"y"}`)
	list := w.waiting(owner)
	w.does(owner, nil, "principals.update", "id", string(agent.id), "state", "paused")
	w.fails(owner, locket.CodeConflict, "approvals.approve", "id", list[0].ID)
	w.does(owner, nil, "principals.update", "id", string(agent.id), "state", "active", "policy", mayAtWork)
	w.fails(owner, locket.CodeConflict, "approvals.approve", "id", list[0].ID)
	w.fails(owner, locket.CodeConflict, "approvals.reject", "id", list[0].ID, "remember", "true")
	w.does(owner, nil, "approvals.reject", "id", list[0].ID)
	w.does(owner, nil, "principals.revoke", "id", string(other.id))
	if left := w.waiting(owner); len(left) != 0 {
		t.Errorf("there wait %+v", left)
	}
	if got := w.names(owner); !slices.Equal(got, []string{"tea"}) {
		t.Errorf("there are %q", got)
	}
	w.verifies()
}

// TestNobodyLiftsTheirOwnReview: a manager approves what it may do itself at once, for
// whom it has made; its own review is for the owner.
func TestNobodyLiftsTheirOwnReview(t *testing.T) {
	w, owner, _, _ := newApprovals(t)
	steward := w.principal(owner, locket.KindAgent, "steward", `{"rules":[{"actions":["read","manage","update"],"types":["Note"]},{"actions":["create","update","delete"],"types":["Note"],"review":true}]}`, nil, false)
	made := w.principal(steward, locket.KindAgent, "made", `{"rules":[{"actions":["read"],"types":["Note"]},{"actions":["create","update"],"types":["Note"],"review":true}]}`, nil, false)
	id := string(w.targets[0].item)
	w.fails(made, locket.CodePending, "items.create", "type", "Note", "props", `{"name":"x"}`)
	w.fails(made, locket.CodePending, "items.update", "id", id, "props", `{"name":"oolong"}`)
	w.fails(steward, locket.CodePending, "items.delete", "id", id)
	list := w.waiting(steward)
	if len(list) != 3 {
		t.Fatalf("it sees %+v", list)
	}
	w.fails(steward, locket.CodeDenied, "approvals.approve", "id", list[0].ID)
	w.fails(steward, locket.CodeNotFound, "approvals.approve", "id", list[2].ID)
	w.fails(steward, locket.CodeNotFound, "approvals.reject", "id", list[2].ID)
	w.does(steward, nil, "approvals.approve", "id", list[1].ID)
	w.does(owner, nil, "approvals.approve", "id", list[0].ID)
	if got := w.names(owner); !slices.Equal(got, []string{"oolong", "x"}) {
		t.Errorf("there are %q", got)
	}
}

// TestApproveInSession: a session's own policy bounds what waits of it, after the session too.
func TestApproveInSession(t *testing.T) {
	w, owner, agent, _ := newApprovals(t)
	id := string(w.targets[0].item)
	narrow := w.grant(agent, "session", `{"rules":[{"actions":["read"],"types":["Note"]},{"actions":["update"],"types":["Note"],"where":{"folder":"work"},"review":true}]}`, time.Hour, nil, false)
	second := w.grant(agent, "second", `{"rules":[{"actions":["read"],"types":["Note"],"where":{"folder":"none"}}]}`, time.Hour, nil, false)
	w.fails(narrow, locket.CodePending, "items.update", "id", id, "props", `{"name":"white"}`)
	a := w.latest(owner)
	if len(w.waiting(narrow)) != 1 || len(w.waiting(agent)) != 1 || len(w.waiting(second)) != 0 {
		t.Error("a narrowed session sees what others asked for")
	}
	w.clock = w.clock.Add(2 * time.Hour)
	w.does(owner, nil, "items.update", "id", id, "props", `{"folder":"home"}`)
	w.fails(owner, locket.CodeConflict, "approvals.approve", "id", a.ID)
	w.does(owner, nil, "items.update", "id", id, "props", `{"folder":"work"}`)
	w.does(owner, nil, "approvals.approve", "id", a.ID)
	entries, _ := w.journal(0)
	if e := entries[1]; e.Author != agent.id || e.Source.Session != narrow.key {
		t.Errorf("its change is of %+v", e)
	}
}

// TestWaitingAfterRotation: what waits goes over to the database of the new key.
func TestWaitingAfterRotation(t *testing.T) {
	w, owner, agent, _ := newApprovals(t)
	w.fails(agent, locket.CodePending, "items.create", "type", "Note", "props", `{"name":"kept"}`)
	w.check(w.visit(w.ownerKey, func(ctx context.Context, v *pods.Visit) error {
		_, err := v.Rotate(ctx, nil, nil)
		return err
	}))
	w.verifies()
	w.does(owner, nil, "approvals.approve", "id", w.latest(owner).ID)
	if got := w.names(owner); !slices.Equal(got, []string{"tea", "kept"}) {
		t.Errorf("there are %q", got)
	}
	w.verifies()
}

func TestWaitingEnds(t *testing.T) {
	w, owner, agent, other := newApprovals(t)
	id := w.create(owner, `{"name":"secret"}`)
	w.fails(agent, locket.CodePending, "items.update", "id", string(id), "props", `{"name":"x"}`)
	w.fails(agent, locket.CodePending, "edges.link", "source", string(w.targets[0].item), "name", "mentions", "target", string(id))
	w.fails(agent, locket.CodePending, "items.create", "type", "Note", "props", `{"name":"y"}`)
	w.does(owner, nil, "items.erase", "id", string(id))
	if list := w.waiting(owner); len(list) != 1 || list[0].Op != "items.create" {
		t.Errorf("after the erasure there wait %+v", list)
	}
	for i := range 99 {
		w.fails(agent, locket.CodePending, "items.create", "type", "Note", "props", fmt.Sprintf(`{"name":"%d"}`, i))
	}
	w.fails(agent, locket.CodeTooMany, "items.create", "type", "Note", "props", `{"name":"one more"}`)
	w.fails(other, locket.CodePending, "items.create", "type", "Note", "props", `{"name":"another's"}`)
	last := w.latest(owner)
	w.clock = w.clock.AddDate(0, 0, 30).Add(time.Second)
	if list := w.waiting(owner); len(list) != 0 {
		t.Errorf("%d wait after 30 days", len(list))
	}
	w.fails(owner, locket.CodeNotFound, "approvals.approve", "id", last.ID)
	w.verifies()
	w.create(owner, `{"name":"drops them"}`)
	w.fails(agent, locket.CodePending, "items.create", "type", "Note", "props", `{"name":"again"}`)
	w.verifies()
}
