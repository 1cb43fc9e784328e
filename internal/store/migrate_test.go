package store_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/locketpod/locket/internal/sqlcipher"
	"github.com/locketpod/locket/internal/store"
)

// A database that was migrated from any schema has the tables and indexes of a new one.
func TestMigratedIsLikeNew(t *testing.T) {
	want := schemaOf(t, newBench(t).cfg)
	for version := 1; version < store.SchemaVersion; version++ {
		b := newBench(t)
		if err := b.s.Close(); err != nil {
			t.Fatal(err)
		}
		old := b.cfg
		old.Path += ".old"
		db, err := sqlcipher.Open(t.Context(), old.Path, old.Key, sqlcipher.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range append(store.SchemasTo(version), `CREATE INDEX items_Person_name ON items(props->>'name') WHERE type = 'Person' AND deleted = 0`) {
			if _, err := db.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.ExecContext(t.Context(), `INSERT INTO pod(n, id, schema) VALUES(1, ?, ?)`, string(old.Pod), version); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), old)
		if err != nil {
			t.Fatal(err, cause(err))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		got := schemaOf(t, old)
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("from schema %d: %s is\n%q, new it is\n%q", version, name, got[name], want[name])
			}
		}
		if len(got) != len(want) {
			t.Errorf("from schema %d: %v, new %v", version, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
}

func schemaOf(t *testing.T, c store.Config) map[string]string {
	t.Helper()
	db, err := sqlcipher.Open(t.Context(), c.Path, c.Key, sqlcipher.Options{MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT name, coalesce(sql, '') FROM sqlite_schema`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := make(map[string]string)
	for rows.Next() {
		var name, sql string
		if err := rows.Scan(&name, &sql); err != nil {
			t.Fatal(err)
		}
		all[name] = sql
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
