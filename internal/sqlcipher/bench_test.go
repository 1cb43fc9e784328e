package sqlcipher_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket/internal/sqlcipher"
)

func benchDB(b *testing.B, rows string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "x.db")
	db, err := sqlcipher.Open(b.Context(), path, testKey(), sqlcipher.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := db.ExecContext(b.Context(), schema+fillRows("1", rows)); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkOpen… is the cost of a request that finds its pod shut.
func BenchmarkOpenLookupClose(b *testing.B) {
	for _, held := range []bool{false, true} {
		name := map[bool]string{false: "bare", true: "held"}[held]
		b.Run(name, func(b *testing.B) {
			path := benchDB(b, "1000")
			holder := sqlcipher.NewHolder(path)
			defer func() { _ = holder.Release() }()
			for b.Loop() {
				db, err := sqlcipher.Open(b.Context(), path, testKey(), sqlcipher.Options{MaxConns: 1})
				if err != nil {
					b.Fatal(err)
				}
				var n int
				if err := db.QueryRowContext(b.Context(), "SELECT length(body) FROM items WHERE id=77").Scan(&n); err != nil {
					b.Fatal(err)
				}
				if held {
					if err := holder.Hold(); err != nil {
						b.Fatal(err)
					}
				}
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScan reads every page through a cache that is too small to help.
func BenchmarkScan(b *testing.B) {
	path := benchDB(b, "5000")
	db, err := sqlcipher.Open(b.Context(), path, testKey(), sqlcipher.Options{MaxConns: 1, Pragmas: []string{"cache_size(10)"}})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	scan(b, db.DB)
}

// BenchmarkScanPlain is the same without encryption, to compare with.
func BenchmarkScanPlain(b *testing.B) {
	db, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "x.db")+"?_pragma=cache_size(10)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(b.Context(), "PRAGMA journal_mode=WAL;"+schema+fillRows("1", "5000")); err != nil {
		b.Fatal(err)
	}
	scan(b, db)
}

func scan(b *testing.B, db *sql.DB) {
	for b.Loop() {
		var n int
		if err := db.QueryRowContext(b.Context(), "SELECT sum(length(body)) FROM items NOT INDEXED").Scan(&n); err != nil {
			b.Fatal(err)
		}
	}
}
