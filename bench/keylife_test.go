package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/backup"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

var podMB = flag.Int("pod-mb", 64, "megabytes of the pod that gets another key and is backed up")

const fileKB = 48 // of each of its files: they lie in the database

// addFiles adds items with a file of random bytes each.
func (g *ground) addFiles(n int) error {
	return g.do(func(v *store.View) error {
		for n > 0 {
			batch := min(n, 100)
			_, err := v.Write(g.ctx, func(w *store.Writer) error {
				for range batch {
					data := make([]byte, fileKB<<10)
					_, _ = rand.Read(data) // never fails: crypto/rand aborts the program instead
					b, err := w.PutBlob(bytes.NewReader(data))
					if err != nil {
						return err
					}
					g.next++
					it, err := w.Create(store.Draft{Type: "File", Props: map[string]any{"name": fmt.Sprint("file ", g.next), "blob": b.ID}})
					if err != nil {
						return err
					}
					g.ids = append(g.ids, it.ID)
				}
				return nil
			})
			if err != nil {
				return err
			}
			n -= batch
		}
		return nil
	})
}

// changeOne changes one percent of the pod: every 200th item gets another name, and
// half a percent of new ones come.
func (g *ground) changeOne() error {
	old := len(g.ids)
	if err := g.addFiles(max(old/200, 1)); err != nil {
		return err
	}
	return g.do(func(v *store.View) error {
		_, err := v.Write(g.ctx, func(w *store.Writer) error {
			for i := 0; i < old; i += 200 {
				if _, err := w.Update(g.ids[i], 0, map[string]any{"name": "renamed"}); err != nil {
					return err
				}
			}
			return nil
		})
		return err
	})
}

// BenchmarkRotate gives a pod another key, against a synced copy of its database.
func BenchmarkRotate(b *testing.B) {
	g := ownGround(b)
	if err := g.addFiles(*podMB << 10 / fileKB); err != nil {
		b.Fatal(err)
	}
	var mbs, ratios []float64
	for epoch := int64(1); b.Loop(); epoch++ {
		path := filepath.Join(g.dir, string(g.pod), pods.DatabaseName(epoch))
		size, plain, err := copySynced(path, path+".copy")
		if err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		err = g.folder.Visit(g.ctx, pods.Call{Pod: g.pod, Credential: g.token}, func(v *pods.Visit) error {
			_, err := v.Rotate(g.ctx, nil, nil)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		took := time.Since(start)
		mbs, ratios = append(mbs, float64(size)/1e6/took.Seconds()), append(ratios, ratio(took, plain))
	}
	b.ReportMetric(median(mbs), "MB/s")
	b.ReportMetric(median(ratios), "x-copy")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkBackup backs a pod up to a folder: whole, after one percent of it has changed,
// read back, and restored.
func BenchmarkBackup(b *testing.B) {
	g := ownGround(b)
	if err := g.addFiles(*podMB << 10 / fileKB); err != nil {
		b.Fatal(err)
	}
	var full, part, verify, restore, bytesOf []float64
	for b.Loop() {
		dir := b.TempDir()
		t, err := backup.OpenFolder(dir)
		if err != nil {
			b.Fatal(err)
		}
		whole, rate := g.backUp(b, t)
		full = append(full, rate)
		if err := g.changeOne(); err != nil {
			b.Fatal(err)
		}
		again, rate := g.backUp(b, t)
		part, bytesOf = append(part, rate), append(bytesOf, 100*float64(again.Written)/float64(whole.Written))
		verify = append(verify, g.readBack(b, t, again.Size))
		restore = append(restore, g.restore(b, t, again.Size))
		if err := errors.Join(t.Close(), os.RemoveAll(dir)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(median(full), "full-MB/s")
	b.ReportMetric(median(part), "1%-MB/s")
	b.ReportMetric(median(bytesOf), "1%-%bytes")
	b.ReportMetric(median(verify), "verify-MB/s")
	b.ReportMetric(median(restore), "restore-MB/s")
	b.ReportMetric(0, "ns/op")
}

// backUp returns what it wrote and MB/s of the pod.
func (g *ground) backUp(b *testing.B, t backup.Target) (sum backup.Summary, rate float64) {
	b.Helper()
	start := time.Now()
	g.withBackupKeys(b, func(v *pods.Visit, keys backup.Keys) error {
		f, err := v.Freeze(g.ctx)
		if err != nil {
			return err
		}
		sum, err = backup.Create(g.ctx, t, source{f}, backup.State{
			Pod: f.Pod, Epoch: f.Epoch, Generation: f.Generation, Taken: f.Taken, Database: f.Database, Header: f.Header, Checkpoint: f.Checkpoint,
		}, keys, nil)
		return errors.Join(err, f.Close())
	})
	return sum, float64(sum.Size) / 1e6 / time.Since(start).Seconds()
}

func (g *ground) readBack(b *testing.B, t backup.Target, size int64) (rate float64) {
	b.Helper()
	start := time.Now()
	g.withBackupKeys(b, func(_ *pods.Visit, keys backup.Keys) error {
		v, err := backup.Verify(g.ctx, t, keys, backup.VerifyOptions{})
		if err == nil && len(v.Findings) > 0 {
			err = fmt.Errorf("%v", v.Findings)
		}
		return err
	})
	return float64(size) / 1e6 / time.Since(start).Seconds()
}

func (g *ground) restore(b *testing.B, t backup.Target, size int64) (rate float64) {
	b.Helper()
	dir := b.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	g.withBackupKeys(b, func(_ *pods.Visit, keys backup.Keys) error {
		_, err := backup.Restore(g.ctx, t, root, keys, backup.RestoreOptions{})
		return err
	})
	rate = float64(size) / 1e6 / time.Since(start).Seconds()
	if err := errors.Join(root.Close(), os.RemoveAll(dir)); err != nil {
		b.Fatal(err)
	}
	return rate
}

func (g *ground) withBackupKeys(b *testing.B, fn func(*pods.Visit, backup.Keys) error) {
	b.Helper()
	err := g.folder.Visit(g.ctx, pods.Call{Pod: g.pod, Credential: g.token}, func(v *pods.Visit) error {
		own, err := v.BackupKeys(g.ctx)
		if err != nil {
			return err
		}
		defer own.Wipe()
		text := agekey.Identity(own.Seed)
		defer text.Wipe()
		id, err := age.ParseHybridIdentity(string(text.Bytes()))
		if err != nil {
			return err
		}
		return fn(v, backup.Keys{
			Recipients: []*age.HybridRecipient{id.Recipient()}, Sign: own.Sign, Identities: []age.Identity{id}, Verify: own.Verify,
		})
	})
	if err != nil {
		b.Fatal(err)
	}
}

// A source is a frozen pod as the backup reads it.
type source struct{ *pods.Frozen }

func (s source) Blobs() iter.Seq2[backup.BlobFile, error] {
	return func(yield func(backup.BlobFile, error) bool) {
		for f, err := range s.Files() {
			if !yield(backup.BlobFile{Name: f.Name, Size: f.Size}, err) {
				return
			}
		}
	}
}

func (s source) OpenBlob(name string) (io.ReadCloser, error) { return s.OpenFile(name) }

// BenchmarkPassphrase opens a header with a passphrase of the default cost.
func BenchmarkPassphrase(b *testing.B) {
	h, podKey, err := keyring.New(locket.NewPodID())
	if err != nil {
		b.Fatal(err)
	}
	defer podKey.Wipe()
	kdf := keyring.NewKDF(1)
	password := keyring.Password{Secret: secret.Take([]byte("correct horse battery staple"))}
	if _, err := h.AddPassword(context.WithoutCancel(b.Context()), kdf, podKey, password, keyring.DefaultParams()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		key, _, err := h.Open(b.Context(), kdf, password)
		if err != nil {
			b.Fatal(err)
		}
		key.Wipe()
	}
}
