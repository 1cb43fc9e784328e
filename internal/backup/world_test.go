package backup_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/backup"
)

const (
	pageSize = 4096
	testPod  = locket.PodID("7f0cbb21-8a5c-4a4f-9a5e-0d6b1c3f2a10")
)

var start = time.Date(2026, 11, 21, 14, 30, 0, 0, time.UTC)

// A pod is a Source of random pages and blobs.
type pod struct {
	db     []byte
	blobs  map[string][]byte
	erased map[string]bool // listed, and gone when opened
	header []byte
	taken  time.Time
}

func newPod(pages int, blobs ...int) *pod {
	p := &pod{blobs: make(map[string][]byte), erased: make(map[string]bool), header: random(500), taken: start}
	p.db = random(pages * pageSize)
	for _, size := range blobs {
		p.blobs[fmt.Sprintf("%x", random(16))] = random(size)
	}
	return p
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func (p *pod) change(pages ...int) {
	for _, n := range pages {
		copy(p.db[n*pageSize:], random(pageSize))
	}
}

func (p *pod) ReadAt(b []byte, off int64) (int, error) { return bytes.NewReader(p.db).ReadAt(b, off) }
func (p *pod) Pages() uint32                           { return uint32(len(p.db) / pageSize) }

func (p *pod) Blobs() iter.Seq2[backup.BlobFile, error] {
	return func(yield func(backup.BlobFile, error) bool) {
		for name, data := range p.blobs {
			if !yield(backup.BlobFile{Name: name, Size: int64(len(data))}, nil) {
				return
			}
		}
	}
}

func (p *pod) OpenBlob(name string) (io.ReadCloser, error) {
	data, ok := p.blobs[name]
	if !ok || p.erased[name] {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// state gives what a backup says of the pod, a day later each time.
func (p *pod) state() backup.State {
	p.taken = p.taken.Add(24 * time.Hour)
	return backup.State{
		Pod: testPod, Epoch: 1, Generation: 3, Taken: p.taken,
		Database: "pod.db", Header: p.header, Checkpoint: "locket-pod/x\n1\nroot\n",
	}
}

// files returns what a restored folder must hold.
func (p *pod) files() map[string][]byte {
	files := map[string][]byte{"header": p.header, "pod.db": p.db}
	for name, data := range p.blobs {
		if !p.erased[name] {
			files["blobs/"+name] = data
		}
	}
	return files
}

// A holder has the keys of a pod.
type holder struct {
	id   *age.HybridIdentity
	sign ed25519.PrivateKey
}

func newHolder(t testing.TB) holder {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	_, sign, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return holder{id, sign}
}

func (h holder) keys(more ...*age.HybridRecipient) backup.Keys {
	return backup.Keys{
		Recipients: append([]*age.HybridRecipient{h.id.Recipient()}, more...),
		Sign:       crypto.Signer(h.sign), Identities: []age.Identity{h.id},
		Verify: []ed25519.PublicKey{h.sign.Public().(ed25519.PublicKey)},
	}
}

// A memory is a Target that can be made to fail.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	times   map[string]time.Time
	now     time.Time
	calls   int
	failAt  int  // the call that fails, counted from 1; and all after it
	half    bool // an upload that fails was stored all the same: only the answer was lost
	puts    int64
}

var errCut = errors.New("the connection was cut")

func newMemory() *memory {
	return &memory{objects: make(map[string][]byte), times: make(map[string]time.Time), now: start}
}

func (m *memory) call() error {
	m.calls++
	if m.failAt > 0 && m.calls >= m.failAt {
		return errCut
	}
	return nil
}

func (m *memory) Put(ctx context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.call()
	if err != nil && !(m.half && m.calls == m.failAt) {
		return err
	}
	if _, ok := m.objects[name]; ok {
		return fs.ErrExist
	}
	m.objects[name], m.times[name] = bytes.Clone(data), m.now
	m.puts += int64(len(data))
	return errors.Join(err, ctx.Err())
}

func (m *memory) Get(ctx context.Context, name string, limit int64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(); err != nil {
		return nil, err
	}
	data, ok := m.objects[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if int64(len(data)) > limit {
		return nil, backup.ErrTooLong
	}
	return data, ctx.Err()
}

func (m *memory) List(_ context.Context, prefix string) iter.Seq2[backup.Object, error] {
	return func(yield func(backup.Object, error) bool) {
		m.mu.Lock()
		err := m.call()
		var list []backup.Object
		for name, data := range m.objects {
			if strings.HasPrefix(name, prefix) {
				list = append(list, backup.Object{Name: name, Size: int64(len(data)), Modified: m.times[name]})
			}
		}
		m.mu.Unlock()
		for _, o := range list {
			if !yield(o, nil) {
				return
			}
		}
		if err != nil {
			yield(backup.Object{}, err)
		}
	}
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(); err != nil {
		return err
	}
	delete(m.objects, name)
	return nil
}

// calm makes the target work from now on.
func (m *memory) calm() { m.calls, m.failAt = 0, 0 }

func (m *memory) clone() *memory {
	c := newMemory()
	c.objects, c.times, c.now = maps.Clone(m.objects), maps.Clone(m.times), m.now
	return c
}

func (m *memory) names(part string) []string {
	var list []string
	for name := range m.objects {
		if strings.Contains(name, part) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

func create(t testing.TB, target backup.Target, p *pod, keys backup.Keys) backup.Summary {
	t.Helper()
	sum, err := backup.Create(t.Context(), target, p, p.state(), keys, nil)
	if err != nil {
		t.Fatalf("create: %v (%v)", err, errors.Unwrap(err))
	}
	return sum
}

func verify(t testing.TB, target backup.Target, keys backup.Keys) backup.Verified {
	t.Helper()
	v, err := backup.Verify(t.Context(), target, keys, backup.VerifyOptions{})
	if err != nil {
		t.Fatalf("verify: %v (%v)", err, errors.Unwrap(err))
	}
	return v
}

func restore(t testing.TB, target backup.Target, keys backup.Keys, o backup.RestoreOptions) (map[string][]byte, error) {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	_, err = backup.Restore(t.Context(), target, root, keys, o)
	return readTree(t, root.Name()), err
}

func readTree(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		files[filepath.ToSlash(rel)] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func mustRestore(t testing.TB, target backup.Target, keys backup.Keys, id string, want map[string][]byte) {
	t.Helper()
	got, err := restore(t, target, keys, backup.RestoreOptions{ID: id})
	if err != nil {
		t.Fatalf("restore %s: %v (%v)", id, err, errors.Unwrap(err))
	}
	same(t, got, want)
}

func same(t testing.TB, got, want map[string][]byte) {
	t.Helper()
	for name, data := range want {
		if !bytes.Equal(got[name], data) {
			t.Errorf("%s: %d bytes that differ from the %d of the source", name, len(got[name]), len(data))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is not of the source", name)
		}
	}
}

func openRoot(t testing.TB, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}
