package ops_test

import "github.com/locketpod/locket"

func memoryRows() []*row {
	// The targets are notes: who sees one is told that it is no memory.
	noMemory := func(p locket.Permission) expectation {
		return func(_ *matrixWorld, a *actor, tg target) locket.Code {
			switch {
			case !a.can(p):
				return denied
			case !a.sees(tg):
				return notFound
			}
			return locket.CodeInvalid
		}
	}
	return []*row{
		{op: "memory.remember", needs: locket.MayCreate, writes: true, give: given("text", "The boat is moored at pier 4"), expect: unbounded(locket.MayCreate)},
		{op: "memory.recall", needs: locket.MaySearch, reads: true, give: given("query", "where is the tulip?"), expect: anywhere(locket.MaySearch)},
		{op: "memory.recall", variant: "of notes", needs: locket.MaySearch, reads: true, give: given("query", "tulip", "types", `["Note"]`), expect: anywhere(locket.MaySearch)},
		{op: "memory.update", needs: locket.MayUpdate, writes: true, on: "item", give: item("id", "text", "changed"), expect: noMemory(locket.MayUpdate)},
		{op: "memory.forget", needs: locket.MayDelete, writes: true, on: "item", give: item("id"), expect: noMemory(locket.MayDelete)},
		{op: "memory.timeline", needs: locket.MayRead, reads: true, expect: anywhere(locket.MayRead)},
		{op: "memory.status", needs: locket.MayRead, reads: true, expect: anywhere(locket.MayRead)},
		{op: "memory.audit", needs: locket.MayRead, reads: true, expect: anywhere(locket.MayRead)},
		{op: "memory.tend", needs: locket.MayDelete, expect: anywhere(locket.MayDelete)},
		{op: "memory.embed", needs: locket.MayUpdate, expect: func(_ *matrixWorld, a *actor, _ target) locket.Code {
			if !a.can(locket.MayUpdate) {
				return denied
			}
			return locket.CodeUnsupported // the matrix has no embedder
		}},
	}
}
