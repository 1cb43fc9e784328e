package backup_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"filippo.io/age"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/backup"
)

func TestRestoreEqualsSource(t *testing.T) {
	h := newHolder(t)
	for name, p := range map[string]*pod{
		"one page":          newPod(1),
		"a pack":            newPod(1024),
		"a pack and a page": newPod(1025, 0, 1, 64<<10),
		"two segments":      newPod(1<<16+3, 8<<20, 8<<20+1, 20<<20),
	} {
		t.Run(name, func(t *testing.T) {
			target := newMemory()
			sum := create(t, target, p, h.keys())
			mustRestore(t, target, h.keys(), sum.ID, p.files())
			v := verify(t, target, h.keys())
			if len(v.Findings) != 0 || v.Snapshots != 1 || v.Newest != sum.Link {
				t.Errorf("verify: %+v", v)
			}
			if sum.Written != target.puts {
				t.Errorf("says it wrote %d bytes, wrote %d", sum.Written, target.puts)
			}
		})
	}
}

func TestIncrement(t *testing.T) {
	h := newHolder(t)
	p := newPod(20000, 3<<20, 1<<20)
	target := newMemory()
	full := create(t, target, p, h.keys())
	first := maps.Clone(p.files())
	first["pod.db"] = append([]byte(nil), p.db...)

	for i := range 200 {
		p.change(i * 97 % 20000) // 1 %, scattered
	}
	more := create(t, target, p, h.keys())
	t.Logf("full %d bytes, after 1 %% of pages changed %d: %.2f %%", full.Written, more.Written, 100*float64(more.Written)/float64(full.Written))
	if more.Written*20 > full.Written || more.NewPages != 200 || more.NewBlobs != 0 {
		t.Errorf("wrote %d of %d bytes, %d pages, %d blobs", more.Written, full.Written, more.NewPages, more.NewBlobs)
	}
	none := create(t, target, p, h.keys())
	if none.NewPages != 0 || none.Objects != 2 { // a header and a manifest
		t.Errorf("an unchanged pod: %d pages, %d objects", none.NewPages, none.Objects)
	}
	p.db = append(p.db, random(5*pageSize)...)
	grown := create(t, target, p, h.keys())
	last := maps.Clone(p.files())
	p.db = p.db[:12000*pageSize]
	shrunk := create(t, target, p, h.keys())
	mustRestore(t, target, h.keys(), full.ID, first)
	mustRestore(t, target, h.keys(), grown.ID, last)
	mustRestore(t, target, h.keys(), shrunk.ID, p.files())
	if v := verify(t, target, h.keys()); len(v.Findings) != 0 || v.Snapshots != 5 {
		t.Errorf("verify: %+v", v)
	}
}

func TestWastedPacksAreLeft(t *testing.T) {
	h := newHolder(t)
	p := newPod(1024)
	target := newMemory()
	create(t, target, p, h.keys())
	for i := range 800 { // of the pack 224 pages live on, fewer than a quarter
		p.change(i)
	}
	if sum := create(t, target, p, h.keys()); sum.NewPages != 1024 {
		t.Errorf("%d pages are new, want all", sum.NewPages)
	}
}

func TestErasedBlobIsNoted(t *testing.T) {
	h := newHolder(t)
	p := newPod(3, 100, 200)
	for name := range p.blobs {
		p.erased[name] = true
		break
	}
	target := newMemory()
	sum := create(t, target, p, h.keys())
	if sum.Gone != 1 || sum.Blobs != 1 {
		t.Errorf("%d gone, %d there", sum.Gone, sum.Blobs)
	}
	mustRestore(t, target, h.keys(), sum.ID, p.files())
}

// A recipient reads the snapshots that are for it and no other.
func TestRecipients(t *testing.T) {
	h, friend := newHolder(t), newHolder(t)
	p := newPod(50, 1000)
	target := newMemory()
	alone := create(t, target, p, h.keys())
	both := create(t, target, p, h.keys(friend.id.Recipient()))
	if both.NewPages != 50 {
		t.Error("a new recipient got objects that are not for it")
	}
	after := create(t, target, p, h.keys())
	if after.NewPages != 0 {
		t.Error("the objects of the first set are not used again")
	}
	reader := h.keys()
	reader.Identities = []age.Identity{friend.id}
	mustRestore(t, target, reader, both.ID, p.files())
	for _, id := range []string{alone.ID, after.ID, ""} {
		if _, err := restore(t, target, reader, backup.RestoreOptions{ID: id}); locket.CodeOf(err) != locket.CodeUnauthenticated {
			t.Errorf("%q: %v", id, err)
		}
	}
	v := verify(t, target, reader)
	if v.Snapshots != 1 || len(v.Foreign) != 2 || len(v.Findings) != 0 {
		t.Errorf("verify: %+v", v)
	}
}

// Rotated is a pod with another key: its backups build on the old ones' chain only.
func TestRotation(t *testing.T) {
	old, fresh := newHolder(t), newHolder(t)
	p := newPod(50, 1000)
	target := newMemory()
	before := create(t, target, p, old.keys())
	after := create(t, target, p, fresh.keys())
	mustRestore(t, target, fresh.keys(), after.ID, p.files())
	if _, err := restore(t, target, old.keys(), backup.RestoreOptions{ID: after.ID}); locket.CodeOf(err) != locket.CodeUnauthenticated {
		t.Errorf("the old key: %v", err)
	}
	mustRestore(t, target, old.keys(), before.ID, p.files())
	all := fresh.keys()
	all.Identities = append(all.Identities, old.id)
	all.Verify = append(all.Verify, old.keys().Verify...)
	if v := verify(t, target, all); len(v.Findings) != 0 || v.Snapshots != 2 || len(v.Foreign) != 0 {
		t.Errorf("verify: %+v", v)
	}
	for _, name := range target.names(before.ID + ".") {
		delete(target.objects, name)
	}
	if v := verify(t, target, all); len(v.Findings) != 1 {
		t.Errorf("the old snapshot is gone: %+v", v)
	}
}

// A target that fails from its nth call on leaves the old snapshots whole, and the new one
// whole or absent; the next run completes it.
func TestFailureAtEveryCall(t *testing.T) {
	for _, half := range []bool{false, true} {
		h := newHolder(t)
		base := newMemory()
		p := newPod(1500, 10, 1000)
		first := create(t, base, p, h.keys())
		before := maps.Clone(p.files())
		before["pod.db"] = append([]byte(nil), p.db...)
		p.change(1, 2, 3, 1400)
		p.blobs["00000000000000000000000000000abc"] = random(100)
		state := p.state()
		for n := 1; ; n++ {
			target := base.clone()
			target.failAt, target.half = n, half
			sum, err := backup.Create(t.Context(), target, p, state, h.keys(), nil)
			if err == nil {
				if target.calls >= n || n < 12 {
					t.Errorf("call %d of %d failed and nobody noticed", n, target.calls)
				}
				break
			}
			if !errors.Is(err, errCut) {
				t.Fatalf("call %d: %v", n, err)
			}
			target.calm()
			mustRestore(t, target, h.keys(), first.ID, before)
			if v := verify(t, target, h.keys()); len(v.Findings) != 0 {
				t.Errorf("call %d: %v", n, v.Findings)
			}
			if len(target.names(".manifest")) > 1 {
				if !half {
					t.Errorf("call %d: failed, and the snapshot is there", n)
				}
				mustRestore(t, target, h.keys(), "", p.files())
			}
			left := len(target.objects)
			sum, err = backup.Create(t.Context(), target, p, state, h.keys(), nil)
			if err != nil {
				t.Fatalf("call %d: again: %v", n, err)
			}
			if left+sum.Objects != len(target.objects) {
				t.Errorf("call %d: leftovers were not used", n)
			}
			mustRestore(t, target, h.keys(), sum.ID, p.files())
		}
	}
}

// A forgetful target loses an object while a snapshot is made that refers to it.
type forgetful struct {
	*memory
	lose string
}

func (f forgetful) Put(ctx context.Context, name string, data []byte) error {
	if err := f.Delete(ctx, f.lose); err != nil {
		return err
	}
	return f.memory.Put(ctx, name, data)
}

func TestObjectLostMeanwhile(t *testing.T) {
	h := newHolder(t)
	p := newPod(1024)
	target := newMemory()
	create(t, target, p, h.keys())
	var largest string
	for name, data := range target.objects {
		if len(data) > len(target.objects[largest]) {
			largest = name
		}
	}
	p.change(1)
	_, err := backup.Create(t.Context(), forgetful{target, largest}, p, p.state(), h.keys(), nil)
	if locket.CodeOf(err) != locket.CodeConflict || len(target.names(".manifest")) != 1 {
		t.Errorf("%v, manifests %v", err, target.names(".manifest"))
	}
}
