package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/durable"
)

// A Policy says which snapshots Prune keeps: the last few, and the last of so many days,
// weeks (ISO 8601) and months (UTC) that have one. The newest is always kept.
type Policy struct {
	KeepLast, KeepDaily, KeepWeekly, KeepMonthly int
}

// A PruneOptions says how to prune.
type PruneOptions struct {
	Policy Policy
	Now    time.Time // what objects' ages are counted from
	DryRun bool      // only say what would be removed
	Report locket.Reporter
}

// A Pruned is what Prune removed, or would.
type Pruned struct {
	Removed []string  // ids of snapshots
	Kept    []string  // ids of snapshots
	Objects int       // besides
	Bytes   int64     // of everything removed
	Held    []Finding // snapshots that could not be read: they, and all objects of their sets, are kept
}

// Prune removes the snapshots that the policy does not keep, and objects older than a day
// that no snapshot names. It leaves a signed record of the snapshots removed, so that a
// removal by others is told from it. Of keys it needs Recipients, Sign, Identities and
// Verify. Killed at any point it has removed whole snapshots only.
func Prune(ctx context.Context, t Target, keys Keys, o PruneOptions) (Pruned, error) {
	if o.Policy == (Policy{}) || min(o.Policy.KeepLast, o.Policy.KeepDaily, o.Policy.KeepWeekly, o.Policy.KeepMonthly) < 0 {
		return Pruned{}, locket.Errorf(locket.CodeInvalid, "say how many snapshots to keep")
	}
	if keys.Sign == nil || o.Now.IsZero() {
		return Pruned{}, locket.Errorf(locket.CodeInvalid, "pruning needs the pod's signing key and the time")
	}
	p := &pruner{t: t, keys: keys, o: o, named: make(map[objectKey]bool), headers: make(map[string]bool), held: make(map[string]bool)}
	err := p.run(ctx)
	return p.out, failed("pruning", err)
}

// A pruner prunes one target.
type pruner struct {
	t       Target
	keys    Keys
	o       PruneOptions
	out     Pruned
	named   map[objectKey]bool // needed objects
	headers map[string]bool    // of snapshots: whether they are needed
	held    map[string]bool    // sets of which nothing is removed
}

type objectKey struct {
	set  string
	hash Hash
}

func (p *pruner) run(ctx context.Context) error {
	s, err := newSealer(p.keys)
	if err != nil {
		return err
	}
	list, err := List(ctx, p.t, p.keys)
	if err != nil {
		return err
	}
	if err := onePod(list); err != nil {
		return err
	}
	var remove []Snapshot
	for i, keep := range p.o.Policy.choose(list) {
		p.headers[headerName(list[i].ID)] = keep
		if keep {
			p.out.Kept = append(p.out.Kept, list[i].ID)
			if err := p.need(ctx, list[i]); err != nil {
				return err
			}
			continue
		}
		remove = append(remove, list[i])
		p.out.Removed = append(p.out.Removed, list[i].ID)
	}
	if err := p.snapshots(ctx, s, remove); err != nil {
		return err
	}
	if err := p.needNew(ctx); err != nil {
		return err
	}
	return p.objects(ctx)
}

func onePod(list []Snapshot) error {
	var pod locket.PodID
	for _, s := range list {
		if s.Manifest == nil {
			continue
		}
		if pod != "" && s.Manifest.Pod != pod {
			return locket.Errorf(locket.CodeConflict, "the target has snapshots of several pods; give each pod its own")
		}
		pod = s.Manifest.Pod
	}
	return nil
}

// choose marks the snapshots to keep in a list that begins with the oldest. Those that
// cannot be read are kept, and do not count: another is kept for their day.
func (p Policy) choose(list []Snapshot) []bool {
	keep := make([]bool, len(list))
	for i := range list {
		keep[i] = list[i].Manifest == nil
	}
	rules := []struct {
		left   int
		period func(time.Time) string
	}{
		{max(p.KeepLast, 1), nil},
		{p.KeepDaily, func(t time.Time) string { return t.Format(time.DateOnly) }},
		{p.KeepWeekly, func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprint(y, w) }},
		{p.KeepMonthly, func(t time.Time) string { return t.Format("2006-01") }},
	}
	for _, rule := range rules {
		last := ""
		for i := len(list) - 1; i >= 0 && rule.left > 0; i-- {
			period := list[i].ID
			if rule.period != nil {
				period = rule.period(list[i].Time)
			}
			if list[i].Manifest == nil || period == last {
				continue
			}
			last, keep[i] = period, true
			rule.left--
		}
	}
	return keep
}

// need notes every file that a kept snapshot consists of.
func (p *pruner) need(ctx context.Context, s Snapshot) error {
	hold := func(f Finding) {
		p.held[s.Set] = true
		p.out.Held = append(p.out.Held, f)
	}
	p.headers[headerName(s.ID)] = true
	if s.Manifest == nil {
		hold(Finding{manifestName(s.ID, s.Set), s.Problem})
		return nil
	}
	err := p.needObjects(ctx, s)
	if f, ok := errors.AsType[Finding](err); ok {
		hold(f)
		return nil
	}
	return err
}

func (p *pruner) needObjects(ctx context.Context, s Snapshot) error {
	for _, seg := range s.Manifest.segments {
		p.named[objectKey{s.Set, seg.digests}] = true
		if p.named[objectKey{s.Set, seg.extents}] {
			continue // read for another snapshot
		}
		p.named[objectKey{s.Set, seg.extents}] = true
		text, err := object(ctx, p.t, p.keys.Identities, s.Set, seg.extents)
		if err != nil {
			return err
		}
		extents, err := parseExtents(text, seg.pages)
		if err != nil {
			return at(objectName(s.Set, seg.extents), err)
		}
		for _, e := range extents {
			p.named[objectKey{s.Set, e.pack}] = true
		}
	}
	for _, h := range s.Manifest.blobs {
		p.named[objectKey{s.Set, h}] = true
	}
	for part, err := range s.Manifest.parts(ctx, p.t, p.keys, s.Set) {
		if err != nil {
			return err
		}
		p.named[objectKey{s.Set, part.hash}] = true
	}
	return nil
}

// needNew needs the snapshots that were made since the first look.
func (p *pruner) needNew(ctx context.Context) error {
	list, err := snapshots(ctx, p.t)
	if err != nil {
		return err
	}
	for _, s := range list {
		if _, ok := p.headers[headerName(s.ID)]; ok {
			continue
		}
		if err := s.open(ctx, p.t, p.keys); err != nil {
			return err
		}
		if err := p.need(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// snapshots removes snapshots, the newest first, each manifest before its header. The
// record of it is there before the first is gone.
func (p *pruner) snapshots(ctx context.Context, s *sealer, remove []Snapshot) error {
	if len(remove) == 0 || p.o.DryRun {
		return nil
	}
	var record []pruned
	for _, r := range remove {
		record = append(record, pruned{r.Link, r.Manifest.Previous})
	}
	pod := remove[0].Manifest.Pod
	signed, err := signNote(pruneText(pod, record), pod, p.keys.Sign)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := s.seal(&file, signed); err != nil {
		return err
	}
	if err := p.t.Put(ctx, pruneName(newID(p.o.Now)), file.Bytes()); err != nil {
		return err
	}
	for i := len(remove) - 1; i >= 0; i-- {
		if err := p.t.Delete(ctx, manifestName(remove[i].ID, remove[i].Set)); err != nil {
			return err
		}
	}
	return nil
}

// objects removes what nothing needs: objects, headers without a manifest, and files that
// never were finished.
func (p *pruner) objects(ctx context.Context) error {
	for _, folder := range []string{snapshotFolder, objectFolder, pruneFolder} {
		for o, err := range p.t.List(ctx, folder) {
			if err != nil {
				return err
			}
			if !p.useless(o) {
				continue
			}
			p.out.Objects++
			p.out.Bytes += o.Size
			if p.o.DryRun {
				continue
			}
			if err := p.t.Delete(ctx, o.Name); err != nil {
				return err
			}
			p.o.Report.Report(locket.Progress{Stage: "removing", Done: int64(p.out.Objects), Unit: "records"})
		}
	}
	return nil
}

// useless tells whether a file is one that this package made and nobody needs. What is
// neither named nor old may belong to a snapshot that is being made.
func (p *pruner) useless(o Object) bool {
	needed, known := p.headers[o.Name]
	if known {
		return !needed
	}
	if p.o.Now.Sub(o.Modified) <= grace {
		return false
	}
	if set, h, ok := parseObjectName(o.Name); ok {
		return !p.held[set] && !p.named[objectKey{set, h}]
	}
	if id, ok := strings.CutSuffix(strings.TrimPrefix(o.Name, snapshotFolder), headerEnd); ok {
		_, ok := timeOf(id)
		return ok
	}
	_, unfinished := durable.TempOf(o.Name)
	return unfinished
}
