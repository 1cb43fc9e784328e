package backup

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/locketpod/locket"
)

// A Snapshot is one that a target has.
type Snapshot struct {
	ID       string
	Time     time.Time // from the ID
	Set      string    // names the recipients
	Stored   int64     // bytes of the manifest as stored; objects are shared and not counted
	Link     Link      // zero unless the manifest was read
	Manifest *Manifest // nil if it could not be opened
	Foreign  bool      // the manifest is for other recipients than the identities given
	Problem  string    // why it could not be opened
}

// List returns the snapshots of a target, the oldest first. Without Identities and
// Verify it knows ids, times and sizes only.
func List(ctx context.Context, t Target, keys Keys) ([]Snapshot, error) {
	list, err := snapshots(ctx, t)
	if err != nil {
		return nil, failed("listing the snapshots", err)
	}
	if len(keys.Identities) == 0 {
		return list, nil
	}
	for i := range list {
		if err := list[i].open(ctx, t, keys); err != nil {
			return nil, failed("reading the manifests", err)
		}
	}
	return list, nil
}

// Header returns the pod's header as it was when a snapshot was taken: what a bare
// machine opens with a credential to get at the keys for everything else. It is public
// and proves nothing; Restore compares it with what the manifest says.
func Header(ctx context.Context, t Target, id string) ([]byte, error) {
	if _, ok := timeOf(id); !ok {
		return nil, locket.Errorf(locket.CodeInvalid, "%.60q is no snapshot id", id)
	}
	data, err := fetch(ctx, t, headerName(id), maxHeader)
	if isFinding(err) {
		return nil, locket.Errorf(locket.CodeNotFound, "snapshot %s has no header here; list the snapshots", id).Because(err)
	}
	return data, failed("reading the header", err)
}

// snapshots lists what has a manifest, the oldest first.
func snapshots(ctx context.Context, t Target) ([]Snapshot, error) {
	var list []Snapshot
	for o, err := range t.List(ctx, snapshotFolder) {
		if err != nil {
			return nil, err
		}
		id, set, ok := parseManifestName(o.Name)
		if !ok {
			continue
		}
		at, _ := timeOf(id)
		list = append(list, Snapshot{ID: id, Time: at, Set: set, Stored: o.Size})
		if len(list) > maxSnapshots {
			return nil, locket.Errorf(locket.CodeTooLarge, "the target has more than %d snapshots; prune it", maxSnapshots)
		}
	}
	slices.SortFunc(list, func(a, b Snapshot) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Set, b.Set))
	})
	return list, nil
}

// open reads the manifest. What is wrong with it goes into s; the error is the target's.
func (s *Snapshot) open(ctx context.Context, t Target, keys Keys) error {
	name := manifestName(s.ID, s.Set)
	file, err := fetch(ctx, t, name, maxManifest+maxManifest/chunkSize*tagSize+ageSlack)
	if err != nil && !isFinding(err) {
		return err
	}
	if err == nil {
		s.Link = Link{s.ID, sha256.Sum256(file)}
		var signed []byte
		if signed, err = unseal(name, file, keys.Identities, maxManifest); err == nil {
			s.Manifest, err = openManifest(signed, s.ID, s.Set, keys.Verify)
		}
	}
	if err != nil {
		_, s.Foreign = errors.AsType[*age.NoIdentityMatchError](err)
		s.Problem = problemOf(err)
	}
	return nil
}

// problemOf words an error of reading for a report. It holds names and no content.
func problemOf(err error) string {
	if e, ok := errors.AsType[*locket.Error](err); ok {
		return e.Msg
	}
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return "is for other recipients"
	}
	if f, ok := errors.AsType[Finding](err); ok {
		return f.Problem
	}
	return "cannot be read"
}
