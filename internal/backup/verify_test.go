package backup_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/backup"
)

// Whatever happens to any file of a backup, verify names it, and no restore gives other
// than what was backed up.
func TestVerifyFindsDamage(t *testing.T) {
	h := newHolder(t)
	p := newPod(1100, 0, 1000)
	whole := newMemory()
	create(t, whole, p, h.keys())
	p.change(3)
	last := create(t, whole, p, h.keys())
	names := whole.names("")
	for i, name := range names {
		other := names[(i+1)%len(names)]
		for what, damage := range map[string]func(*memory){
			"flipped at the end":   func(m *memory) { m.objects[name] = flip(m.objects[name], len(m.objects[name])-1) },
			"flipped at the start": func(m *memory) { m.objects[name] = flip(m.objects[name], 0) },
			"cut":                  func(m *memory) { m.objects[name] = m.objects[name][:len(m.objects[name])-1] },
			"longer":               func(m *memory) { m.objects[name] = append(bytes.Clone(m.objects[name]), 0) },
			"empty":                func(m *memory) { m.objects[name] = nil },
			"removed":              func(m *memory) { delete(m.objects, name) },
			"swapped":              func(m *memory) { m.objects[name], m.objects[other] = m.objects[other], m.objects[name] },
		} {
			target := whole.clone()
			damage(target)
			v := verify(t, target, h.keys())
			named := false
			for _, f := range v.Findings {
				// What only a damaged list names is not looked for.
				named = named || strings.HasPrefix(name, f.Name) || what == "swapped" && strings.HasPrefix(other, f.Name)
			}
			// Removing the newest manifest leaves an older backup that is whole: see TestSeen.
			if newest := strings.HasPrefix(name, "snapshots/"+last.ID) && strings.HasSuffix(name, ".age"); !named && !(newest && what == "removed") {
				t.Errorf("%s %s: not found: %v", name, what, v.Findings)
			}
			if got, err := restore(t, target, h.keys(), backup.RestoreOptions{ID: last.ID}); err == nil {
				same(t, got, p.files())
			} else if _, ok := got["header"]; ok {
				t.Errorf("%s %s: restore failed and left a header", name, what)
			}
		}
	}
}

// Nothing but the hash tells two objects of one size apart.
func TestSwappedBlobs(t *testing.T) {
	h := newHolder(t)
	target := newMemory()
	create(t, target, newPod(1, 123456, 123456), h.keys())
	var blobs []string
	for name, data := range target.objects {
		if len(data) > 123456 {
			blobs = append(blobs, name)
		}
	}
	a, b := blobs[0], blobs[1]
	target.objects[a], target.objects[b] = target.objects[b], target.objects[a]
	if v := verify(t, target, h.keys()); len(v.Findings) != 2 {
		t.Errorf("%v", v.Findings)
	}
	if _, err := restore(t, target, h.keys(), backup.RestoreOptions{}); locket.CodeOf(err) != locket.CodeTampered {
		t.Errorf("restored: %v", err)
	}
}

func flip(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 1
	return data
}

// What is damaged is written anew by the next snapshot, which is whole.
func TestCreateRepairs(t *testing.T) {
	h := newHolder(t)
	p := newPod(1100, 1000)
	whole := newMemory()
	create(t, whole, p, h.keys())
	state := p.state()
	for _, name := range whole.names("objects/") {
		for what, damage := range map[string]func(*memory){
			"cut":     func(m *memory) { m.objects[name] = m.objects[name][:len(m.objects[name])-1] },
			"removed": func(m *memory) { delete(m.objects, name) },
		} {
			target := whole.clone()
			damage(target)
			sum, err := backup.Create(t.Context(), target, p, state, h.keys(), nil)
			if err != nil {
				t.Fatalf("%s %s: %v", name, what, err)
			}
			mustRestore(t, target, h.keys(), sum.ID, p.files())
			v, err := backup.Verify(t.Context(), target, h.keys(), backup.VerifyOptions{ID: sum.ID})
			if err != nil || len(v.Findings) != 0 {
				t.Errorf("%s %s: %v, %v", name, what, v.Findings, err)
			}
		}
	}
}

// A target that shows an older state, or another, is noticed by who remembers.
func TestSeen(t *testing.T) {
	h := newHolder(t)
	p := newPod(30)
	target := newMemory()
	create(t, target, p, h.keys())
	old := target.clone()
	seen := create(t, target, p, h.keys()).Link
	create(t, target, p, h.keys())
	check := func(what string, target backup.Target, want locket.Code) {
		t.Helper()
		_, err := backup.Verify(t.Context(), target, h.keys(), backup.VerifyOptions{Seen: seen})
		if locket.CodeOf(err) != want {
			t.Errorf("%s: verify: %v", what, err)
		}
		got, err := restore(t, target, h.keys(), backup.RestoreOptions{Seen: seen})
		if locket.CodeOf(err) != want || err != nil && len(got) != 0 {
			t.Errorf("%s: restore: %v, %d files", what, err, len(got))
		}
	}
	check("grown", target, "")
	check("rolled back", old, locket.CodeRolledBack)

	// An old manifest under the name of a new snapshot, and under that of the one seen.
	manifest := old.names(".manifest")[0]
	for _, id := range []string{"20991231T000000Z-00000000", seen.ID} {
		put := old.clone()
		id0, set, _ := strings.Cut(strings.TrimPrefix(manifest, "snapshots/"), ".")
		put.objects["snapshots/"+id+"."+set] = old.objects[manifest]
		put.objects["snapshots/"+id+".header"] = old.objects["snapshots/"+id0+".header"]
		if v := verify(t, put, h.keys()); len(v.Findings) == 0 {
			t.Errorf("the manifest of %s passes for that of %s", id0, id)
		}
		if _, err := restore(t, put, h.keys(), backup.RestoreOptions{}); locket.CodeOf(err) != locket.CodeTampered {
			t.Errorf("restored: %v", err)
		}
	}
}

// A manifest that somebody else signed, encrypted to the right recipients, is no manifest.
func TestForgedManifest(t *testing.T) {
	h, forger := newHolder(t), newHolder(t)
	p := newPod(30)
	target := newMemory()
	keys := h.keys()
	keys.Sign = forger.sign
	create(t, target, p, keys)
	if _, err := restore(t, target, h.keys(), backup.RestoreOptions{}); locket.CodeOf(err) != locket.CodeTampered {
		t.Errorf("restored: %v", err)
	}
	if v := verify(t, target, h.keys()); len(v.Findings) != 1 {
		t.Errorf("%+v", v)
	}
}

func TestVerifyHookAndSample(t *testing.T) {
	h := newHolder(t)
	p := newPod(3000, 100, 200)
	target := newMemory()
	create(t, target, p, h.keys())
	p.change(0, 2000)
	create(t, target, p, h.keys())
	seen := make(chan uint32, 10000)
	var bad error
	o := backup.VerifyOptions{Page: func(_ *backup.Manifest, no uint32, page []byte) error {
		if no != 1 && no != 2001 && !bytes.Equal(page, p.db[(no-1)*pageSize:no*pageSize]) {
			return errors.New("another page")
		}
		seen <- no
		return bad
	}}
	v, err := backup.Verify(t.Context(), target, h.keys(), o)
	if err != nil || len(v.Findings) != 0 || len(seen) < 3002 {
		t.Fatalf("%d pages, %+v, %v", len(seen), v, err)
	}
	bad = errors.New("no")
	if v, err = backup.Verify(t.Context(), target, h.keys(), o); err != nil || len(v.Findings) != 4 {
		t.Errorf("all pages are bad: %v, %v", v.Findings, err)
	}
	some, err := backup.Verify(t.Context(), target, h.keys(), backup.VerifyOptions{Sample: 1e-9})
	if err != nil || some.Objects != 0 || some.Snapshots != 2 {
		t.Errorf("%+v, %v", some, err)
	}
}

func TestListWithoutKeys(t *testing.T) {
	h := newHolder(t)
	p := newPod(30)
	target := newMemory()
	sum := create(t, target, p, h.keys())
	got, err := backup.List(t.Context(), target, backup.Keys{})
	if err != nil || len(got) != 1 || got[0].ID != sum.ID || got[0].Manifest != nil || !got[0].Time.Equal(p.taken) || got[0].Stored == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = backup.List(t.Context(), target, h.keys())
	if err != nil || got[0].Manifest == nil || got[0].Manifest.Pages != 30 || got[0].Link != sum.Link {
		t.Errorf("%+v, %v", got, err)
	}
	header, err := backup.Header(t.Context(), target, sum.ID)
	if err != nil || !bytes.Equal(header, p.header) {
		t.Errorf("header: %v", err)
	}
	if _, err := backup.Header(t.Context(), target, "../x"); locket.CodeOf(err) != locket.CodeInvalid {
		t.Error(err)
	}
}

func TestRestoreNeedsAnEmptyFolder(t *testing.T) {
	h := newHolder(t)
	target := newMemory()
	create(t, target, newPod(3), h.keys())
	f, dir := folder(t)
	if err := f.Put(t.Context(), "x", nil); err != nil {
		t.Fatal(err)
	}
	root := openRoot(t, dir)
	if _, err := backup.Restore(t.Context(), target, root, h.keys(), backup.RestoreOptions{}); locket.CodeOf(err) != locket.CodeExists {
		t.Error(err)
	}
}

// A restore that fails at any call leaves no pod.
func TestRestoreFailsAtEveryCall(t *testing.T) {
	h := newHolder(t)
	p := newPod(10, 100)
	target := newMemory()
	create(t, target, p, h.keys())
	for n := 1; ; n++ {
		target.calm()
		target.failAt = n
		got, err := restore(t, target, h.keys(), backup.RestoreOptions{})
		if err == nil {
			if n < 6 {
				t.Errorf("only %d calls", n)
			}
			same(t, got, p.files())
			break
		}
		if _, ok := got["header"]; ok || !errors.Is(err, errCut) {
			t.Errorf("call %d: %v, files %v", n, err, fmt.Sprint(maps.Keys(got)))
		}
	}
}
