package backup_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/backup"
)

// history makes a snapshot on each of so many days, and says what each must restore to.
func history(t *testing.T, target *memory, h holder, days int) (*pod, map[string][]byte) {
	t.Helper()
	p := newPod(200, 500)
	want := make(map[string][]byte)
	for day := range days {
		p.change(day%200, day*7%200)
		target.now = p.taken.Add(24 * time.Hour)
		sum := create(t, target, p, h.keys())
		want[sum.ID] = bytes.Clone(p.db)
	}
	return p, want
}

func wholeAfterPrune(t *testing.T, target *memory, h holder, p *pod, want map[string][]byte) {
	t.Helper()
	list, err := backup.List(t.Context(), target, h.keys())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		files := p.files()
		files["pod.db"] = want[s.ID]
		mustRestore(t, target, h.keys(), s.ID, files)
	}
	if v := verify(t, target, h.keys()); len(v.Findings) != 0 || v.Snapshots != len(list) {
		t.Errorf("%+v", v)
	}
}

func TestPrune(t *testing.T) {
	h := newHolder(t)
	target := newMemory()
	p, want := history(t, target, h, 100) // from 2026-11-22, a Sunday, to 2027-03-01
	o := backup.PruneOptions{
		Policy: backup.Policy{KeepLast: 2, KeepDaily: 3, KeepWeekly: 4, KeepMonthly: 10},
		Now:    target.now.Add(48 * time.Hour), DryRun: true,
	}
	before := len(target.objects)
	dry, err := backup.Prune(t.Context(), target, h.keys(), o)
	if err != nil || len(target.objects) != before {
		t.Fatalf("a dry run: %v, %d objects of %d", err, len(target.objects), before)
	}
	o.DryRun = false
	done, err := backup.Prune(t.Context(), target, h.keys(), o)
	if err != nil || !slices.Equal(done.Kept, dry.Kept) || done.Objects != dry.Objects {
		t.Fatalf("%v, dry %d, done %d", err, dry.Objects, done.Objects)
	}
	var days []string
	for _, id := range done.Kept {
		days = append(days, id[:8])
	}
	wantDays := []string{"20261130", "20261231", "20270131", "20270214", "20270221", "20270227", "20270228", "20270301"}
	if !slices.Equal(days, wantDays) {
		t.Errorf("kept %v, want %v", days, wantDays)
	}
	wholeAfterPrune(t, target, h, p, want)
	again, err := backup.Prune(t.Context(), target, h.keys(), o)
	if err != nil || again.Objects != 0 || len(again.Removed) != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
	// The chain holds across what was pruned, and across that alone.
	create(t, target, p, h.keys())
	if v := verify(t, target, h.keys()); len(v.Findings) != 0 {
		t.Errorf("%v", v.Findings)
	}
	for _, name := range target.names("snapshots/" + done.Kept[2]) {
		delete(target.objects, name)
	}
	if v := verify(t, target, h.keys()); len(v.Findings) != 1 || !strings.Contains(v.Findings[0].Name, done.Kept[2]) {
		t.Errorf("a snapshot was removed by others: %v", v.Findings)
	}
}

func TestSeenAfterPrune(t *testing.T) {
	h := newHolder(t)
	target := newMemory()
	p := newPod(10)
	seen := create(t, target, p, h.keys()).Link
	create(t, target, p, h.keys())
	if _, err := backup.Prune(t.Context(), target, h.keys(), backup.PruneOptions{Policy: backup.Policy{KeepLast: 1}, Now: p.taken}); err != nil {
		t.Fatal(err)
	}
	if _, err := restore(t, target, h.keys(), backup.RestoreOptions{Seen: seen}); err != nil {
		t.Error(err)
	}
	for _, name := range target.names("prunes/") {
		delete(target.objects, name)
	}
	if _, err := restore(t, target, h.keys(), backup.RestoreOptions{Seen: seen}); locket.CodeOf(err) != locket.CodeRolledBack {
		t.Errorf("without the record: %v", err)
	}
}

// Killed at any call, a prune has removed whole snapshots only, and the next completes it.
func TestPruneFailsAtEveryCall(t *testing.T) {
	h := newHolder(t)
	base := newMemory()
	p, want := history(t, base, h, 5)
	o := backup.PruneOptions{Policy: backup.Policy{KeepLast: 2}, Now: base.now.Add(48 * time.Hour)}
	for n := 1; ; n++ {
		target := base.clone()
		target.failAt = n
		_, err := backup.Prune(t.Context(), target, h.keys(), o)
		target.calm()
		wholeAfterPrune(t, target, h, p, want)
		if err == nil {
			if n < 10 {
				t.Errorf("only %d calls", n)
			}
			break
		}
		if done, err := backup.Prune(t.Context(), target, h.keys(), o); err != nil || len(done.Kept) != 2 {
			t.Errorf("call %d: again: %+v, %v", n, done, err)
		}
		if got := target.names(".header"); len(got) != 2 {
			t.Errorf("call %d: headers %v", n, got)
		}
		wholeAfterPrune(t, target, h, p, want)
	}
}

// Leftovers stay for a day: they may belong to a snapshot that is being made.
func TestPruneGrace(t *testing.T) {
	h := newHolder(t)
	target := newMemory()
	p := newPod(10)
	create(t, target, p, h.keys())
	p.change(1)
	target.calm()
	target.failAt = 9
	state := p.state()
	if _, err := backup.Create(t.Context(), target, p, state, h.keys(), nil); err == nil {
		t.Fatal("it did not fail")
	}
	target.calm()
	o := backup.PruneOptions{Policy: backup.Policy{KeepLast: 5}, Now: target.now.Add(23 * time.Hour)}
	if got, err := backup.Prune(t.Context(), target, h.keys(), o); err != nil || got.Objects != 0 {
		t.Errorf("within a day: %+v, %v", got, err)
	}
	o.Now = o.Now.Add(2 * time.Hour)
	if got, err := backup.Prune(t.Context(), target, h.keys(), o); err != nil || got.Objects == 0 {
		t.Errorf("after it: %+v, %v", got, err)
	}
	if v := verify(t, target, h.keys()); len(v.Findings) != 0 {
		t.Error(v.Findings)
	}
}

// Snapshots that cannot be read keep all that they may need.
func TestPruneHoldsWhatItCannotRead(t *testing.T) {
	old, fresh := newHolder(t), newHolder(t)
	target := newMemory()
	p := newPod(20, 100)
	before := create(t, target, p, old.keys())
	create(t, target, p, fresh.keys())
	damaged := target.names(".manifest")[0]
	o := backup.PruneOptions{Policy: backup.Policy{KeepLast: 1}, Now: target.now.Add(1000 * time.Hour)}
	got, err := backup.Prune(t.Context(), target, fresh.keys(), o)
	if err != nil || len(got.Removed) != 0 || got.Objects != 0 || len(got.Held) != 1 || got.Held[0].Name != damaged {
		t.Errorf("%+v, %v", got, err)
	}
	mustRestore(t, target, old.keys(), before.ID, p.files())
	both := fresh.keys()
	both.Identities = append([]age.Identity{old.id}, both.Identities...)
	both.Verify = append(both.Verify, old.keys().Verify...)
	if got, err = backup.Prune(t.Context(), target, both, o); err != nil || len(got.Removed) != 1 || got.Objects == 0 {
		t.Errorf("with both keys: %+v, %v", got, err)
	}
}
