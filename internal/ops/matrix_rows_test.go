package ops_test

import (
	"fmt"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

// A row says what an operation is expected to answer, and to whom.
type row struct {
	op, variant   string
	needs         locket.Permission // that the table of operations must name
	reads, writes bool              // it leaves an entry of the reads of programs; it changes something
	on            string            // what it works on: "item", "blob", or nothing in particular
	give          func(w *matrixWorld, a *actor, tg target) map[string]string
	body          string
	expect        func(w *matrixWorld, a *actor, tg target) locket.Code
}

func (r *row) args(w *matrixWorld, a *actor, tg target) map[string]string {
	if r.give == nil {
		return nil
	}
	return r.give(w, a, tg)
}

// among is what the row is tried on. Who comes by password, which is slow, tries one.
func (r *row) among(w *matrixWorld, a *actor) []target {
	if r.on == "" || a.name == "owner by password" {
		return w.targets[:1]
	}
	return w.targets
}

func item(name string, more ...string) func(*matrixWorld, *actor, target) map[string]string {
	return func(_ *matrixWorld, _ *actor, tg target) map[string]string {
		return with(map[string]string{name: string(tg.item)}, more)
	}
}

func with(args map[string]string, more []string) map[string]string {
	for i := 0; i < len(more); i += 2 {
		args[more[i]] = more[i+1]
	}
	return args
}

func given(args ...string) func(*matrixWorld, *actor, target) map[string]string {
	return func(*matrixWorld, *actor, target) map[string]string { return with(map[string]string{}, args) }
}

// text gives a field that depends on the world.
func text(name string, value func(w *matrixWorld) string, more ...string) func(*matrixWorld, *actor, target) map[string]string {
	return func(w *matrixWorld, _ *actor, _ target) map[string]string {
		return with(map[string]string{name: value(w)}, more)
	}
}

func victim(w *matrixWorld) string  { return string(w.victim.id) }
func protege(w *matrixWorld) string { return string(w.protege.id) }
func ownerID(w *matrixWorld) string { return string(w.actors[0].id) }

// matrix returns the rows in groups.
func matrix() map[string][]*row {
	return map[string][]*row{
		"items": itemRows(), "links": linkRows(), "bulk": bulkRows(), "principals": principalRows(),
		"keys": keyRows(), "grants": grantRows(), "journal": journalRows(), "imports": importRows(),
		"memories":     memoryRows(),
		"memory files": memoryFileRows(), "graph": graphRows(),
		"approvals": approvalRows(),
	}
}

const (
	atWork  = `{"name":"new","folder":"work"}`
	changed = `{"text":"changed"}`
	nobodys = "00000000-0000-4000-8000-000000000000"
)

func approvalRows() []*row {
	waiting := func(w *matrixWorld) string { return w.approval }
	rows := []*row{
		{op: "approvals.list", needs: ops.Own, reads: true, expect: everybody},
		{op: "approvals.get", needs: ops.Own, reads: true, give: text("id", waiting), expect: hidden(managed(false))},
		{op: "approvals.get", variant: "a missing one", needs: ops.Own, give: given("id", nobodys), expect: nobody},
	}
	for _, op := range []string{"approvals.approve", "approvals.reject"} {
		rows = append(rows,
			&row{op: op, needs: locket.MayManage, writes: true, give: text("id", waiting), expect: managed(false)},
			&row{op: op, variant: "a missing one", needs: locket.MayManage, writes: true, give: given("id", nobodys), expect: func(w *matrixWorld, a *actor, tg target) locket.Code {
				if a.can(locket.MayManage) {
					return notFound
				}
				return denied
			}},
			&row{op: op, variant: "for good", needs: locket.MayManage, writes: true, give: text("id", waiting, "remember", "true"), expect: handsOut(managed(false))})
	}
	return rows
}

func itemRows() []*row {
	return []*row{
		{op: "items.create", needs: locket.MayCreate, writes: true, give: given("type", "Note", "props", atWork), expect: anywhere(locket.MayCreate)},
		{
			op: "items.create", variant: "with an id", needs: locket.MayCreate, writes: true,
			give: given("type", "Note", "props", atWork, "id", "0192f3a4-0000-7000-8000-000000000001"),
			expect: func(_ *matrixWorld, a *actor, _ target) locket.Code {
				if a.owner() {
					return fine
				}
				return denied
			},
		},
		{op: "items.list", needs: locket.MayRead, reads: true, expect: anywhere(locket.MayRead)},
		{op: "items.list", variant: "deleted", needs: locket.MayRead, reads: true, give: given("deleted", "true"), expect: anywhere(locket.MayRead)},
		{op: "items.query", needs: locket.MayRead, reads: true, give: given("type", "Note"), expect: anywhere(locket.MayRead)},
		{op: "items.search", needs: locket.MaySearch, reads: true, give: given("q", "tulip"), expect: anywhere(locket.MaySearch)},
		{op: "items.get", needs: locket.MayRead, reads: true, on: "item", give: item("id"), expect: on(locket.MayRead)},
		{op: "items.history", needs: locket.MayRead, reads: true, on: "item", give: item("id"), expect: on(locket.MayRead)},
		{op: "items.provenance", needs: locket.MayRead, reads: true, on: "item", give: item("id"), expect: on(locket.MayRead)},
		{op: "items.update", needs: locket.MayUpdate, writes: true, on: "item", give: item("id", "props", changed), expect: on(locket.MayUpdate)},
		{op: "items.update", variant: "into reach", needs: locket.MayUpdate, writes: true, on: "item", give: item("id", "props", `{"folder":"work"}`), expect: on(locket.MayUpdate)},
		{op: "items.delete", needs: locket.MayDelete, writes: true, on: "item", give: item("id"), expect: on(locket.MayDelete)},
		{op: "items.restore", needs: locket.MayDelete, writes: true, on: "item", give: item("id"), expect: on(locket.MayDelete)},
		{op: "items.erase", needs: locket.MayManage, writes: true, on: "item", give: item("id"), expect: on(locket.MayManage)},
		{op: "items.proof", needs: locket.MayManage, reads: true, on: "item", give: item("id"), expect: func(w *matrixWorld, a *actor, tg target) locket.Code {
			if code := unbounded(locket.MayManage)(w, a, tg); code != fine {
				return code
			}
			return on(locket.MayRead)(w, a, tg)
		}},
		{op: "blobs.put", needs: locket.MayCreate, writes: true, body: "content", expect: anywhere(locket.MayCreate)},
		{
			op: "blobs.get", needs: locket.MayRead, reads: true, on: "blob",
			give: func(_ *matrixWorld, _ *actor, tg target) map[string]string {
				return map[string]string{"id": string(tg.blob)}
			},
			expect: on(locket.MayRead),
		},
		{op: "schema.get", needs: ops.Own, expect: everybody},
		{
			op: "schema.extend", needs: locket.MayManage, writes: true, give: given("type", "Tool", "properties", `[{"name":"title","kind":"text"}]`),
			expect: unbounded(locket.MayManage),
		},
		{op: "stats.get", needs: locket.MayRead, reads: true, expect: anywhere(locket.MayRead)},
	}
}

func linkRows() []*row {
	from := func(w *matrixWorld, _ *actor, tg target) map[string]string {
		return map[string]string{"source": string(tg.item), "name": "mentions", "target": string(w.other)}
	}
	to := func(w *matrixWorld, _ *actor, tg target) map[string]string {
		return map[string]string{"source": string(w.other), "name": "mentions", "target": string(tg.item)}
	}
	return []*row{
		{op: "edges.list", needs: locket.MayRead, reads: true, on: "item", give: item("id"), expect: on(locket.MayRead)},
		{op: "edges.link", needs: locket.MayLink, writes: true, on: "item", give: from, expect: on(locket.MayLink)},
		{op: "edges.link", variant: "to", needs: locket.MayLink, writes: true, on: "item", give: to, expect: linkTo},
		{op: "edges.unlink", needs: locket.MayLink, writes: true, on: "item", give: from, expect: on(locket.MayLink)},
		{op: "edges.unlink", variant: "to", needs: locket.MayLink, writes: true, on: "item", give: to, expect: linkTo},
	}
}

func bulkRows() []*row {
	steps := func(form string) func(*matrixWorld, *actor, target) map[string]string {
		return func(w *matrixWorld, _ *actor, tg target) map[string]string {
			if form == "create" {
				return map[string]string{"ops": `[{"op":"create","type":"Note","props":` + atWork + `}]`}
			}
			return map[string]string{"ops": fmt.Sprintf("["+form+"]", tg.item, w.other)}
		}
	}
	bulk := func(variant, form string, e expectation) *row {
		return &row{op: "bulk.run", variant: variant, needs: ops.Own, writes: true, on: "item", give: steps(form), expect: e}
	}
	return []*row{
		{op: "bulk.run", variant: "create", needs: ops.Own, writes: true, give: steps("create"), expect: anywhere(locket.MayCreate)},
		bulk("update", `{"op":"update","id":"%[1]s","props":`+changed+`}`, on(locket.MayUpdate)),
		bulk("delete", `{"op":"delete","id":"%[1]s"}`, on(locket.MayDelete)),
		bulk("restore", `{"op":"restore","id":"%[1]s"}`, on(locket.MayDelete)),
		bulk("erase", `{"op":"erase","id":"%[1]s"}`, on(locket.MayManage)),
		bulk("link", `{"op":"link","source":"%[1]s","name":"x","target":"%[2]s"}`, on(locket.MayLink)),
		bulk("link to", `{"op":"link","source":"%[2]s","name":"x","target":"%[1]s"}`, linkTo),
		bulk("unlink", `{"op":"unlink","source":"%[1]s","name":"x","target":"%[2]s"}`, on(locket.MayLink)),
	}
}

func principalRows() []*row {
	rename := func(who func(*matrixWorld) string) func(*matrixWorld, *actor, target) map[string]string {
		return text("id", who, "name", "renamed")
	}
	missing := func(*matrixWorld) string { return nobodys }
	rows := []*row{
		{op: "principals.list", needs: locket.MayManage, reads: true, expect: anywhere(locket.MayManage)},
		{op: "principals.self", needs: ops.Own, expect: everybody},
		{op: "principals.create", needs: locket.MayManage, writes: true, give: given("kind", "agent", "name", "new"), expect: handsOut(anywhere(locket.MayManage))},
		{op: "principals.create", variant: "with a key", needs: locket.MayManage, writes: true, give: given("kind", "agent", "name", "new", "key", "true"), expect: handsOut(anywhere(locket.MayManage))},
		{
			op: "principals.create", variant: "wider than oneself", needs: locket.MayManage, writes: true,
			give: given("kind", "agent", "name", "new", "policy", mayAll), expect: handsOut(unbounded(locket.MayManage)),
		},
		{op: "principals.update", variant: "the owner", needs: locket.MayManage, writes: true, give: rename(ownerID), expect: ofOwner(fine)},
		{op: "principals.revoke", variant: "the owner", needs: locket.MayManage, writes: true, give: text("id", ownerID), expect: ofOwner(locket.CodeConflict)},
		{op: "principals.explain", variant: "of an item", needs: locket.MayManage, reads: true, on: "item", give: func(w *matrixWorld, _ *actor, tg target) map[string]string {
			return map[string]string{"id": protege(w), "item": string(tg.item)}
		}, expect: on(locket.MayManage)},
		{op: "policies.test", needs: locket.MayManage, reads: true, give: given("policy", mayAtWork), expect: anywhere(locket.MayManage)},
		{op: "policies.test", variant: "of much", needs: locket.MayManage, reads: true, give: given("policy", mayAll), expect: anywhere(locket.MayManage)},
	}
	for _, who := range []struct {
		name   string
		id     func(*matrixWorld) string
		expect expectation
	}{{"the owner's", victim, managed(false)}, {"the steward's", protege, managed(true)}, {"a missing one", missing, func(w *matrixWorld, a *actor, tg target) locket.Code {
		if !a.can(locket.MayManage) {
			return denied
		}
		return notFound
	}}} {
		rows = append(rows,
			&row{op: "principals.get", variant: who.name, needs: locket.MayManage, reads: true, give: text("id", who.id), expect: who.expect},
			&row{op: "principals.explain", variant: who.name, needs: locket.MayManage, reads: true, give: text("id", who.id), expect: who.expect},
			&row{op: "principals.update", variant: who.name, needs: locket.MayManage, writes: true, give: rename(who.id), expect: who.expect},
			&row{op: "principals.revoke", variant: who.name, needs: locket.MayManage, writes: true, give: text("id", who.id), expect: who.expect})
	}
	return rows
}

// handsOut refuses those who come with a policy of the session.
func handsOut(e expectation) expectation {
	return func(w *matrixWorld, a *actor, tg target) locket.Code {
		if a.narrow {
			return denied
		}
		return e(w, a, tg)
	}
}

func keyRows() []*row {
	create := func(variant string, who func(*matrixWorld) string, e expectation) *row {
		return &row{op: "keys.create", variant: variant, needs: locket.MayManage, writes: true, give: text("principal", who, "name", "k"), expect: handsOut(e)}
	}
	rows := []*row{
		{op: "keys.list", needs: ops.Own, expect: everybody},
		create("for the owner's", victim, letIn(false)),
		create("for the steward's", protege, letIn(true)),
		create("for the owner", ownerID, ofOwner(fine)),
		{
			op: "keys.create", variant: "for oneself", needs: locket.MayManage, writes: true, give: given("name", "k"),
			expect: handsOut(managed(false)),
		},
	}
	for _, op := range []string{"keys.revoke", "keys.rename"} {
		give := func(id func(*matrixWorld) string) func(*matrixWorld, *actor, target) map[string]string {
			if op == "keys.rename" {
				return text("id", id, "name", "another name")
			}
			return text("id", id)
		}
		key := func(a func(*matrixWorld) *actor) func(*matrixWorld, *actor, target) map[string]string {
			return give(func(w *matrixWorld) string { return a(w).key })
		}
		missing := func(*matrixWorld) string { return "00000000000000000000000000000000" }
		rows = append(rows,
			&row{op: op, variant: "of the owner's", needs: ops.Own, writes: true, give: key(func(w *matrixWorld) *actor { return w.victim }), expect: hidden(managed(false))},
			&row{op: op, variant: "of the steward's", needs: ops.Own, writes: true, give: key(func(w *matrixWorld) *actor { return w.protege }), expect: hidden(managed(true))},
			&row{op: op, variant: "a missing one", needs: ops.Own, writes: true, give: give(missing), expect: nobody},
			&row{
				op: op, variant: "of the owner", needs: ops.Own, writes: true, give: give(func(w *matrixWorld) string { return w.ownerKeyID }),
				expect: func(_ *matrixWorld, a *actor, _ target) locket.Code {
					switch {
					case a.owner():
						return fine
					case a.kind == locket.KindOwner || a.can(locket.MayManage) && a.all:
						return denied
					}
					return notFound
				},
			})
	}
	return rows
}

func grantRows() []*row {
	create := func(variant string, who func(*matrixWorld) string, e expectation) *row {
		return &row{op: "grants.create", variant: variant, needs: ops.Own, writes: true, give: text("principal", who), expect: handsOut(e)}
	}
	return []*row{
		{op: "grants.list", needs: ops.Own, reads: true, expect: everybody},
		{op: "grants.create", needs: ops.Own, writes: true, expect: handsOut(everybody)},
		{
			op: "grants.create", variant: "wide", needs: ops.Own, writes: true, give: given("policy", `{"rules":[{"actions":["read"]}]}`),
			expect: handsOut(unbounded(locket.MayRead)),
		},
		create("for the owner's", victim, letIn(false)),
		create("for the steward's", protege, letIn(true)),
		create("for the owner", ownerID, ofOwner(fine)),
		{op: "grants.end", needs: ops.Own, writes: true, give: text("id", func(w *matrixWorld) string { return w.victimGrant }), expect: hidden(managed(false))},
		{op: "grants.end", variant: "a missing one", needs: ops.Own, writes: true, give: given("id", "00000000000000000000000000000000"), expect: nobody},
		{op: "session.end", needs: ops.Own, writes: true, expect: func(_ *matrixWorld, a *actor, _ target) locket.Code {
			if a.session {
				return fine
			}
			return locket.CodeConflict
		}},
	}
}

func journalRows() []*row {
	return []*row{
		{op: "changes.get", needs: ops.Own, give: given("id", "1"), expect: everybody}, // the first of one's own, or of all
		{op: "changes.get", variant: "a missing one", needs: ops.Own, give: given("id", "1000000"), expect: nobody},
		{op: "journal.list", needs: ops.Own, reads: true, expect: everybody},
		{op: "journal.list", variant: "of the owner's", needs: ops.Own, reads: true, give: text("principal", victim), expect: hidden(managed(false))},
		{op: "journal.list", variant: "of the steward's", needs: ops.Own, reads: true, give: text("principal", protege), expect: hidden(managed(true))},
		{op: "journal.checkpoint", needs: locket.MayManage, expect: unbounded(locket.MayManage)},
		{op: "journal.verify", needs: locket.MayManage, expect: unbounded(locket.MayManage)},
		{op: "journal.export", needs: locket.MayManage, expect: unbounded(locket.MayManage)},
		{op: "journal.undo", needs: locket.MayManage, writes: true, give: text("principal", ownerID), expect: unbounded(locket.MayManage)},
		{op: "journal.undo", variant: "dry", needs: locket.MayManage, give: text("principal", ownerID, "dryRun", "true"), expect: unbounded(locket.MayManage)},
	}
}

// exportedNote is an export of one note.
const exportedNote = `{"format":"locket-export","version":1,"pod":"` + nobodys + `","time":"2026-11-21T10:00:00Z","locket":"x","complete":false,"history":false}
{"item":{"id":"0192f3a4-0000-7000-8000-000000000009","type":"Note","props":{"name":"new","folder":"work"},"created":"2026-11-21T10:00:00Z","updated":"2026-11-21T10:00:00Z","version":1,"trust":"owner"}}
{"end":{"types":0,"principals":0,"blobs":0,"blobBytes":0,"items":1,"deleted":0,"revisions":0,"edges":0,"byType":{"Note":1}}}
`

// exports asks for both permissions that an export needs.
func exports(_ *matrixWorld, a *actor, _ target) locket.Code {
	if !a.can(locket.MayExport) || !a.can(locket.MayRead) {
		return denied
	}
	return fine
}

func importRows() []*row {
	ofRun := func(op, variant, id string) *row {
		return &row{op: op, variant: variant, needs: locket.MayRead, reads: true, give: given("id", id), expect: func(_ *matrixWorld, a *actor, _ target) locket.Code {
			switch {
			case !a.can(locket.MayRead):
				return denied
			case !a.reads || id != "run-1":
				return notFound
			}
			return fine
		}}
	}
	return []*row{
		{op: "export.get", needs: locket.MayExport, reads: true, expect: exports},
		{op: "export.get", variant: "lines only", needs: locket.MayExport, reads: true, give: given("formats", "none"), expect: exports},
		{op: "imports.plan", needs: locket.MayImport, writes: true, give: given("name", "note.md"), body: "# Title\n\ntext\n", expect: anywhere(locket.MayImport)},
		{op: "imports.run", needs: locket.MayImport, writes: true, give: given("name", "note.md"), body: "# Title\n\ntext\n", expect: anywhere(locket.MayImport)},
		{
			op: "imports.run", variant: "of an export", needs: locket.MayImport, writes: true, give: given("name", "locket.jsonl"), body: exportedNote,
			expect: func(_ *matrixWorld, a *actor, _ target) locket.Code {
				if a.owner() {
					return fine
				}
				return denied
			},
		},
		{op: "imports.list", needs: locket.MayRead, reads: true, expect: anywhere(locket.MayRead)},
		ofRun("imports.ledger", "", "run-1"), ofRun("imports.ledger", "a missing one", "run-2"),
		ofRun("imports.csv", "", "run-1"), ofRun("imports.csv", "a missing one", "run-2"),
	}
}

// readsAll and writesAll ask for what only policies for all types permit on memories.
func readsAll(_ *matrixWorld, a *actor, _ target) locket.Code {
	if !a.reads {
		return denied
	}
	return fine
}

func writesAll(_ *matrixWorld, a *actor, _ target) locket.Code {
	if !a.all {
		return denied
	}
	return fine
}

func memoryFileRows() []*row {
	const path = "/memories/a.md"
	return []*row{
		{op: "memory.file", needs: ops.Own, give: given("command", "view", "path", "/memories"), expect: readsAll},
		{op: "memory.file", variant: "missing", needs: ops.Own, give: given("command", "delete", "path", path), expect: readsAll},
		{op: "memory.file", variant: "create", needs: ops.Own, writes: true, give: given("command", "create", "path", path, "file_text", "text"), expect: writesAll},
	}
}

func graphRows() []*row {
	const anna = `{"entities":[{"name":"Anna","entityType":"person","observations":["x"]}]}`
	return []*row{
		{op: "graph.call", needs: ops.Own, give: given("tool", "read_graph"), expect: readsAll},
		{op: "graph.call", variant: "missing", needs: ops.Own, give: given("tool", "delete_entities", "arguments", `{"entityNames":["Anna"]}`), expect: readsAll},
		{op: "graph.call", variant: "create", needs: ops.Own, writes: true, give: given("tool", "create_entities", "arguments", anna), expect: writesAll},
		{op: "graph.call", variant: "unknown", needs: ops.Own, give: given("tool", "drop"), expect: func(w *matrixWorld, a *actor, tg target) locket.Code {
			if code := readsAll(w, a, tg); code != fine {
				return code
			}
			return notFound
		}},
	}
}
