package ops

import "github.com/locketpod/locket"

// Table lists all operations.
func Table() []Op {
	return []Op{
		define("items.create", "POST", "/v1/items", locket.MayCreate, "Create an item.", createItem).creates(),
		define("items.list", "GET", "/v1/items", locket.MayRead, "List items, newest change first.", listItems),
		define("items.get", "GET", "/v1/items/{id}", locket.MayRead, "Get an item.", getItem),
		define("items.update", "PATCH", "/v1/items/{id}", locket.MayUpdate, "Change properties of an item.", updateItem),
		define("items.delete", "DELETE", "/v1/items/{id}", locket.MayDelete, "Hide an item; it can be restored.", deleteItem),
		define("items.restore", "POST", "/v1/items/{id}/restore", locket.MayDelete, "Bring a deleted item back.", restoreItem),
		define("items.erase", "POST", "/v1/items/{id}/erase", locket.MayManage, "Remove an item and its history for good.", eraseItem),
		define("items.history", "GET", "/v1/items/{id}/history", locket.MayRead, "List the changes of an item, newest first.", itemHistory),
		define("items.query", "POST", "/v1/query", locket.MayRead, "List items by type and property, with ranges.", queryItems),
		define("items.search", "GET", "/v1/search", locket.MaySearch, "Find items by words.", searchItems),
		define("bulk.run", "POST", "/v1/bulk", Own, "Make many changes at once, all or none.", runBulk).maxBody(bulkBody).waits(),

		define("items.provenance", "GET", "/v1/items/{id}/provenance", locket.MayRead, "Say who wrote each value of an item, when, and what it came of.", itemProvenance),
		define("items.proof", "GET", "/v1/items/{id}/proof", locket.MayManage, "Prove what was done with an item, for somebody without the pod.", proveItem),

		define("edges.list", "GET", "/v1/items/{id}/edges", locket.MayRead, "List the items linked with an item.", listEdges),
		define("edges.link", "PUT", "/v1/items/{source}/edges/{name}/{target}", locket.MayLink, "Link two items.", linkItems),
		define("edges.unlink", "DELETE", "/v1/items/{source}/edges/{name}/{target}", locket.MayLink, "Remove a link.", unlinkItems),

		define("memory.remember", "POST", "/v1/memories", locket.MayCreate, "Remember something, unless it is known.", remember).creates(),
		define("memory.recall", "POST", "/v1/recall", locket.MaySearch, "Recall what answers a question, with the reason for each hit.", recallMemories),
		define("memory.update", "PATCH", "/v1/memories/{id}", locket.MayUpdate, "Change a memory; what it was stays in its history.", updateMemory),
		define("memory.forget", "POST", "/v1/memories/{id}/forget", locket.MayDelete, "Hide a memory; it can be restored.", forget),
		define("memory.timeline", "GET", "/v1/memories", locket.MayRead, "List memories by when they were.", timeline),
		define("memory.status", "GET", "/v1/memory/status", locket.MayRead, "Count the memories there are to recall.", memoryStatus),
		define("memory.audit", "GET", "/v1/memory/audit", locket.MayRead, "List what is doubtful among the memories: duplicates, contradictions, unused and unsourced ones.", auditMemories),
		define("memory.tend", "POST", "/v1/memory/tend", locket.MayDelete, "Archive the memories whose time is over.", tendMemories),
		define("memory.embed", "POST", "/v1/memory/embed", locket.MayUpdate, "Make the vectors that recall by meaning needs.", embedMemories).reports(),

		define("blobs.put", "POST", "/v1/blobs", locket.MayCreate, "Store a file.", putBlob).creates().uploads(),
		define("blobs.get", "GET", "/v1/blobs/{id}", locket.MayRead, "Read a file, or ranges of it.", getBlob),

		define("schema.get", "GET", "/v1/schema", Own, "List the types of items and their properties.", getSchema),
		define("schema.extend", "PUT", "/v1/schema/{type}", locket.MayManage, "Add a type, or properties to a type.", extendSchema),
		define("stats.get", "GET", "/v1/stats", locket.MayRead, "Count what is in the pod.", getStats),
		define("changes.get", "GET", "/v1/changes/{id}", Own, "Get an entry of the journal: who, when, and its signature.", getChange),

		define("principals.list", "GET", "/v1/principals", locket.MayManage, "List who may act.", listPrincipals),
		define("principals.self", "GET", "/v1/self", Own, "Say who is asking, and what they may do.", getSelf),
		define("principals.get", "GET", "/v1/principals/{id}", locket.MayManage, "Get a principal.", getPrincipal),
		define("principals.create", "POST", "/v1/principals", locket.MayManage, "Let somebody act, within a policy.", createPrincipal).creates(),
		define("principals.update", "PATCH", "/v1/principals/{id}", locket.MayManage, "Rename, pause or resume a principal, or give it another policy.", updatePrincipal),
		define("principals.revoke", "POST", "/v1/principals/{id}/revoke", locket.MayManage, "End a principal for good, with its keys and grants.", revokePrincipal),
		define("principals.explain", "GET", "/v1/principals/{id}/explain", locket.MayManage, "Say in words what a principal may do, and by which rule.", explainPrincipal),
		define("policies.test", "POST", "/v1/policies/test", locket.MayManage, "Say what a policy would let somebody see, without giving it to anybody.", testPolicy),
		define("keys.list", "GET", "/v1/keys", Own, "List the keys that open the pod.", listKeys),
		define("keys.create", "POST", "/v1/keys", locket.MayManage, "Make an API key for a principal.", createKey).creates(),
		define("keys.rename", "PATCH", "/v1/keys/{id}", Own, "Call a key something else.", renameKey),
		define("keys.revoke", "DELETE", "/v1/keys/{id}", Own, "End a key.", revokeKey),
		define("grants.list", "GET", "/v1/grants", Own, "List the sessions and grants that have not ended.", listGrants),
		define("grants.create", "POST", "/v1/grants", Own, "Make a grant, for oneself or for a principal that one manages.", createGrant).creates(),
		define("grants.end", "DELETE", "/v1/grants/{id}", Own, "End a session or a grant.", endGrant),
		define("session.end", "DELETE", "/v1/session", Own, "Log out: end the session that asks.", endSession),

		define("approvals.list", "GET", "/v1/approvals", Own, "List what waits for the owner.", listApprovals),
		define("approvals.get", "GET", "/v1/approvals/{id}", Own, "Get something that waits for the owner, with all that was asked for.", getApproval),
		define("approvals.approve", "POST", "/v1/approvals/{id}/approve", locket.MayManage, "Do what waits, as whoever asked for it.", approve),
		define("approvals.reject", "POST", "/v1/approvals/{id}/reject", locket.MayManage, "Drop what waits.", reject),

		define("journal.list", "GET", "/v1/journal", Own, "List the entries of the journal, newest first.", listJournal),
		define("journal.checkpoint", "GET", "/v1/journal/checkpoint", locket.MayManage, "Get a signed checkpoint of the journal, and proof that it has only grown.", getCheckpoint),
		define("journal.verify", "POST", "/v1/journal/verify", locket.MayManage, "Check the whole journal, and the pod against it.", verifyJournal).reports(),
		define("journal.export", "GET", "/v1/journal/export", locket.MayManage, "The whole journal, to be verified without the pod.", exportJournal),
		define("journal.undo", "POST", "/v1/journal/undo", locket.MayManage, "Revert what a principal or a session did.", undoChanges),

		define("memory.file", "POST", "/v1/memory/file", Own, "Do a command of Claude's memory tool on the files of one's own.", memoryFile).waits(),
		define("graph.call", "POST", "/v1/graph/{tool}", Own, "Call a tool of the MCP reference server memory on the knowledge graph of one's own.", graphCall).waits(),

		define("export.get", "GET", "/v1/export", locket.MayExport, "Everything that may be exported, as a tar archive that can be imported again.", getExport),
		define("imports.plan", "POST", "/v1/imports/plan", locket.MayImport, "Upload a file or archive and say what importing it would read.", planImport).uploads().reports(),
		define("imports.run", "POST", "/v1/imports", locket.MayImport, "Import an upload; doing it again adds nothing twice.", runImport).uploads().reports(),
		define("imports.list", "GET", "/v1/imports", locket.MayRead, "List the imports, latest first.", listImports),
		define("imports.ledger", "GET", "/v1/imports/{id}/ledger", locket.MayRead, "List what became of every record of an import.", importLedger),
		define("imports.csv", "GET", "/v1/imports/{id}/ledger.csv", locket.MayRead, "The whole ledger of an import as CSV.", importCSV),
	}
}

// Find returns the operation of a name.
func Find(name string) (Op, bool) {
	for _, o := range Table() {
		if o.Name == name {
			return o, true
		}
	}
	return Op{}, false
}
