package ops

// Table lists all operations.
func Table() []Op {
	return []Op{
		define("items.create", "POST", "/v1/items", Create, "Create an item.", createItem).creates(),
		define("items.list", "GET", "/v1/items", Read, "List items, newest change first.", listItems),
		define("items.get", "GET", "/v1/items/{id}", Read, "Get an item.", getItem),
		define("items.update", "PATCH", "/v1/items/{id}", Update, "Change properties of an item.", updateItem),
		define("items.delete", "DELETE", "/v1/items/{id}", Delete, "Hide an item; it can be restored.", deleteItem),
		define("items.restore", "POST", "/v1/items/{id}/restore", Delete, "Bring a deleted item back.", restoreItem),
		define("items.erase", "POST", "/v1/items/{id}/erase", Delete, "Remove an item and its history for good.", eraseItem),
		define("items.history", "GET", "/v1/items/{id}/history", Read, "List the changes of an item, newest first.", itemHistory),
		define("items.query", "POST", "/v1/query", Read, "List items by type and property, with ranges.", queryItems),
		define("items.search", "GET", "/v1/search", Search, "Find items by words.", searchItems),
		define("bulk.run", "POST", "/v1/bulk", Update, "Make many changes at once, all or none.", runBulk).maxBody(bulkBody),

		define("edges.list", "GET", "/v1/items/{id}/edges", Read, "List the items linked with an item.", listEdges),
		define("edges.link", "PUT", "/v1/items/{source}/edges/{name}/{target}", Link, "Link two items.", linkItems),
		define("edges.unlink", "DELETE", "/v1/items/{source}/edges/{name}/{target}", Link, "Remove a link.", unlinkItems),

		define("blobs.put", "POST", "/v1/blobs", Create, "Store a file.", putBlob).creates().uploads(),
		define("blobs.get", "GET", "/v1/blobs/{id}", Read, "Read a file, or ranges of it.", getBlob),

		define("schema.get", "GET", "/v1/schema", Read, "List the types of items and their properties.", getSchema),
		define("schema.extend", "PUT", "/v1/schema/{type}", Manage, "Add a type, or properties to a type.", extendSchema),
		define("stats.get", "GET", "/v1/stats", Read, "Count what is in the pod.", getStats),
		define("changes.get", "GET", "/v1/changes/{id}", Read, "Get a change: who, when, and its signature.", getChange),

		define("imports.plan", "POST", "/v1/imports/plan", Import, "Upload a file or archive and say what importing it would read.", planImport).uploads().reports(),
		define("imports.run", "POST", "/v1/imports", Import, "Import an upload; doing it again adds nothing twice.", runImport).uploads().reports(),
		define("imports.list", "GET", "/v1/imports", Read, "List the imports, latest first.", listImports),
		define("imports.ledger", "GET", "/v1/imports/{id}/ledger", Read, "List what became of every record of an import.", importLedger),
		define("imports.csv", "GET", "/v1/imports/{id}/ledger.csv", Read, "The whole ledger of an import as CSV.", importCSV),
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
