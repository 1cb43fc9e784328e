package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/sqlcipher"
)

// What is on the pages decides what opening and searching cost.
func TestLayout(t *testing.T) {
	b := newBench(t)
	for i := range 300 {
		var text strings.Builder
		for j := range 80 {
			fmt.Fprintf(&text, "word%d ", i*j)
		}
		b.create("Note", props{"text": text.String()})
	}
	db, err := sqlcipher.Open(t.Context(), b.cfg.Path, b.cfg.Key, sqlcipher.Options{MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// A row of a table leaf has 35 bytes less than what a page has for use, before
	// it takes a second page; the row of a block has 4 bytes beside it.
	const room = sqlcipher.PageSize - 80 - 35 - 4
	var commented, blocks, longest int
	err = db.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%--%'),
		(SELECT count(*) FROM search_data), (SELECT max(length(block)) FROM search_data)`).Scan(&commented, &blocks, &longest)
	if err != nil {
		t.Fatal(err)
	}
	if commented > 0 {
		t.Errorf("%d statements of the schema are kept with comments", commented)
	}
	if blocks < 20 || longest < room*9/10 || longest > room {
		t.Errorf("longest of %d blocks of the index: %d bytes, want at most %d and nearly that", blocks, longest, room)
	}
}
