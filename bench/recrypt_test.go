package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

var recryptSize = flag.Int("recrypt-mb", 32, "megabytes of the database that gets another key")

// BenchmarkRecrypt copies a database to another key, against a plain copy of the
// file, both synced; and tells how long another connection waits to write while
// nothing, and while every 100th row, is changed meanwhile.
func BenchmarkRecrypt(b *testing.B) {
	path := filepath.Join(b.TempDir(), "x.db")
	oldKey, newKey := secret.Random(sqlcipher.KeySize), secret.Random(sqlcipher.KeySize)
	defer oldKey.Wipe()
	defer newKey.Wipe()
	db, err := sqlcipher.Open(b.Context(), path, oldKey, sqlcipher.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := fillPages(b.Context(), db, *recryptSize<<20/sqlcipher.PageSize); err != nil {
		b.Fatal(err)
	}
	for _, change := range []bool{false, true} {
		b.Run(fmt.Sprintf("changed=%t", change), func(b *testing.B) {
			var mbs, perCore, ratios, waits []float64
			for b.Loop() {
				size, plain, err := copySynced(path, path+".copy")
				if err != nil {
					b.Fatal(err)
				}
				took, wait, err := recryptWatched(b.Context(), db, oldKey, newKey, path+".new", change)
				if err != nil {
					b.Fatal(err)
				}
				mbs = append(mbs, float64(size)/1e6/took.wall.Seconds())
				perCore = append(perCore, float64(size)/1e6/took.cpu.Seconds())
				ratios = append(ratios, ratio(took.wall, plain))
				waits = append(waits, wait.Seconds()*1000)
			}
			b.ReportMetric(median(mbs), "MB/s")
			b.ReportMetric(median(perCore), "MB/cpu-s")
			b.ReportMetric(median(ratios), "x-copy")
			b.ReportMetric(median(waits), "ms-writer-waits")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// fillPages adds rows of about a page each.
func fillPages(ctx context.Context, db *sqlcipher.DB, pages int) error {
	if _, err := db.ExecContext(ctx, "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, pad BLOB)"); err != nil {
		return err
	}
	for from := 0; from < pages; from += 10_000 {
		_, err := db.ExecContext(ctx, "WITH RECURSIVE s(i) AS (SELECT ?1 UNION ALL SELECT i+1 FROM s WHERE i<?2) INSERT INTO t SELECT i, 0, randomblob(3900) FROM s",
			from+1, min(pages, from+10_000))
		if err != nil {
			return err
		}
	}
	_, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// recryptWatched runs Recrypt, and beside it a writer that tells its longest wait.
func recryptWatched(ctx context.Context, db *sqlcipher.DB, oldKey, newKey *secret.Key, to string, change bool) (took cost, longest time.Duration, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s, err := db.Snapshot(ctx)
	if err != nil {
		return cost{}, 0, err
	}
	result := make(chan error, 1)
	go func() {
		if change {
			if _, err := db.ExecContext(ctx, "UPDATE t SET n=n+1 WHERE id%100=1"); err != nil {
				result <- err
				return
			}
		}
		for ctx.Err() == nil {
			start := time.Now()
			if _, err := db.ExecContext(ctx, "UPDATE t SET n=n+1 WHERE id=1"); err != nil && ctx.Err() == nil {
				result <- err
				return
			}
			longest = max(longest, time.Since(start))
		}
		result <- nil
	}()
	took, err = measured(func() error { return sqlcipher.Recrypt(ctx, s, oldKey, newKey, to, nil) })
	err = errors.Join(err, s.Close(), os.Remove(to))
	stop()
	return took, longest, errors.Join(<-result, err)
}

// copySynced is what cp and sync do.
func copySynced(from, to string) (size int64, took time.Duration, err error) {
	start := time.Now()
	in, err := os.Open(from)
	if err != nil {
		return 0, 0, err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return 0, 0, err
	}
	size, err = io.Copy(out, in)
	err = errors.Join(err, out.Sync())
	took = time.Since(start)
	return size, took, errors.Join(err, out.Close(), os.Remove(to))
}
