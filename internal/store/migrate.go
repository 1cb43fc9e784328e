package store

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"

	"github.com/locketpod/locket"
)

// Schemas in order; schema n is schemas[n-1]. A released one never changes.
var schemas = [...]string{schemaV1, schemaV2, schemaV3}

var (
	//go:embed schema_v1.sql
	schemaV1 string
	//go:embed schema_v2.sql
	schemaV2 string
	//go:embed schema_v3.sql
	schemaV3 string
)

// SchemaVersion is the schema this program writes.
const SchemaVersion = len(schemas)

var (
	sqlComment = regexp.MustCompile(`--.*`)
	sqlSpace   = regexp.MustCompile(`\s+`)
)

// compact takes comments and indentation out of a schema: SQLite keeps its text,
// and reads it at every open.
func compact(schema string) string {
	return sqlSpace.ReplaceAllString(sqlComment.ReplaceAllString(schema, ""), " ")
}

// initialise fills a new database.
func (s *Store) initialise(ctx context.Context, owner locket.Principal) error {
	id, ok := uuidBytes(string(owner.ID))
	if !ok {
		return locket.Errorf(locket.CodeInvalid, "the owner needs an id")
	}
	return s.transaction(ctx, func(t *tx) error {
		var n int
		if err := t.queryRow(`SELECT count(*) FROM sqlite_schema`).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return locket.Errorf(locket.CodeExists, "there is a database already; nothing was changed")
		}
		for v := 1; v <= SchemaVersion; v++ {
			if err := t.script(compact(schemas[v-1])); err != nil {
				return err
			}
		}
		if err := t.script(typeIndexes(locket.BuiltinTypes())); err != nil {
			return err
		}
		if err := t.exec(`INSERT INTO pod(n, id, schema) VALUES(1, ?, ?)`, string(s.pod), SchemaVersion); err != nil {
			return err
		}
		return t.exec(`INSERT INTO principals(n, id, kind, name, created) VALUES(1, ?, ?, ?, ?)`,
			id, string(locket.KindOwner), owner.Name, int64(locket.HLCAt(s.now())))
	})
}

// check compares the database with what this program expects and migrates it. It
// reads nothing but columns that no schema changes.
func (s *Store) check(ctx context.Context) error {
	var pod string
	var version int
	err := s.db.QueryRowContext(ctx, `SELECT id, schema, (SELECT substr(tree, 1, 32) FROM changes WHERE n = ?), (SELECT COALESCE(max(n), 0) FROM changes)
		FROM pod WHERE n = 1`, s.seen.Size).Scan(&pod, &version, &s.entryThere, &s.entries)
	if err != nil {
		return failure("open pod", err)
	}
	switch {
	case pod != string(s.pod):
		return locket.Errorf(locket.CodeTampered, "this database belongs to another pod; put back the file that was here")
	case version > SchemaVersion:
		return locket.Errorf(locket.CodeNewer,
			"this pod has schema %d, written by a newer Locket; this one knows up to schema %d: install the newer version", version, SchemaVersion)
	case version < SchemaVersion:
		return s.migrate(ctx)
	}
	return nil
}

// migrate runs the missing schema steps, each in its own transaction.
func (s *Store) migrate(ctx context.Context) error {
	for {
		var done bool
		err := s.transaction(ctx, func(t *tx) error {
			var version int // read again under the lock: another process may have migrated
			if err := t.queryRow(`SELECT schema FROM pod WHERE n = 1`).Scan(&version); err != nil {
				return err
			}
			if done = version >= SchemaVersion; done {
				return nil
			}
			if version < 1 {
				return errors.New("schema number below 1")
			}
			if err := t.script(compact(schemas[version])); err != nil {
				return fmt.Errorf("schema %d: %w", version+1, err)
			}
			return t.exec(`UPDATE pod SET schema = ? WHERE n = 1`, version+1)
		})
		if err != nil || done {
			return err
		}
	}
}
