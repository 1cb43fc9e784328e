package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"time"

	"github.com/locketpod/locket"
)

// Create adds a snapshot of src to a target, which keeps one pod. It writes what the
// newest readable snapshot for the same recipients does not have. The snapshot is there
// when Create returns no error, and not before; whatever a failed run leaves is used
// by the next one or removed by Prune. Of keys it needs Recipients, Sign, Identities
// and Verify; without Identities that open earlier snapshots everything is written anew.
func Create(ctx context.Context, t Target, src Source, state State, keys Keys, report locket.Reporter) (Summary, error) {
	if err := state.check(src, keys); err != nil {
		return Summary{}, err
	}
	s, err := newSealer(keys)
	if err != nil {
		return Summary{}, err
	}
	c := &creator{t: t, src: src, state: state, keys: keys, report: report}
	if err := c.run(ctx, s); err != nil {
		return Summary{}, failed("making the snapshot", err)
	}
	return c.sum, nil
}

// A creator makes one snapshot.
type creator struct {
	t      Target
	src    Source
	state  State
	keys   Keys
	report locket.Reporter

	store *store
	base  *Manifest // the snapshot that this one builds on; may be nil
	m     Manifest
	sum   Summary
	done  int64 // bytes of the source that are dealt with
	total int64
}

func (s *State) check(src Source, keys Keys) error {
	_, pod := locket.ParseUUID(string(s.Pod))
	switch {
	case !pod || !databaseForm.MatchString(s.Database) || src.Pages() == 0:
		return locket.Errorf(locket.CodeInvalid, "this is no pod that can be backed up")
	case s.Epoch < 0 || s.Epoch > maxEpoch || s.Generation < 0 || len(s.Checkpoint) > 4096:
		return locket.Errorf(locket.CodeInvalid, "the pod's epoch, generation or checkpoint is out of bounds")
	case len(s.Header) == 0 || len(s.Header) > maxHeader:
		return locket.Errorf(locket.CodeInvalid, "the pod's header has %d bytes, which is out of bounds", len(s.Header))
	case keys.Sign == nil:
		return locket.Errorf(locket.CodeInvalid, "a backup is signed by the pod, but its key is not given")
	}
	return nil
}

func (c *creator) run(ctx context.Context, s *sealer) error {
	earlier, err := snapshots(ctx, c.t)
	if err != nil {
		return err
	}
	st, working, err := openStore(ctx, c.t, s)
	if err != nil {
		return err
	}
	c.store = st
	defer st.cancel(nil)
	err = c.fill(working, earlier)
	if first := st.wait(working); first != nil {
		err = first // what ended the others
	}
	if err != nil {
		return err
	}
	if err := st.check(ctx); err != nil {
		return err
	}
	return c.finish(ctx)
}

// fill stores everything that the manifest is to name.
func (c *creator) fill(ctx context.Context, earlier []Snapshot) error {
	if err := c.begin(ctx, earlier); err != nil {
		return err
	}
	blobs, err := c.blobFiles()
	if err != nil {
		return err
	}
	c.total += int64(c.src.Pages()) * pageSize
	if err := c.database(ctx); err != nil {
		return err
	}
	return c.blobs(ctx, blobs)
}

// begin finds what the snapshot builds on and begins its manifest.
func (c *creator) begin(ctx context.Context, earlier []Snapshot) error {
	at := c.state.Taken.UTC().Truncate(time.Second)
	var previous Link
	if n := len(earlier); n > 0 {
		last := &earlier[n-1]
		if last.Time.After(at.Add(grace)) {
			return locket.Errorf(locket.CodeConflict, "snapshot %s is of the future; set the clock, or remove it", last.ID)
		}
		if !last.Time.Before(at) {
			at = last.Time.Add(time.Second) // ids ascend even if the clock went back
		}
		if err := last.open(ctx, c.t, c.keys); err != nil {
			return err
		}
		if previous = last.Link; previous.ID == "" {
			return locket.Errorf(locket.CodeConflict, "snapshot %s went away meanwhile; run it again, and not beside a prune", last.ID)
		}
	}
	if err := c.chooseBase(ctx, earlier); err != nil {
		return err
	}
	c.m = Manifest{
		Pod: c.state.Pod, ID: newID(at), Epoch: c.state.Epoch, Generation: c.state.Generation,
		Taken: c.state.Taken.UTC().Truncate(time.Second), Header: sha256.Sum256(c.state.Header), Checkpoint: c.state.Checkpoint,
		Previous: previous, Recipients: c.store.sealer.names, Database: c.state.Database, Pages: c.src.Pages(),
	}
	return nil
}

// chooseBase takes the newest snapshot of the set that can be read.
func (c *creator) chooseBase(ctx context.Context, earlier []Snapshot) error {
	tries := 8
	for i := len(earlier) - 1; i >= 0 && tries > 0; i-- {
		e := &earlier[i]
		if e.Set != c.store.sealer.set {
			continue
		}
		tries--
		if e.Problem == "" && e.Manifest == nil {
			if err := e.open(ctx, c.t, c.keys); err != nil {
				return err
			}
		}
		if e.Manifest == nil {
			c.note("snapshot " + e.ID + ": " + e.Problem)
			continue
		}
		if e.Manifest.Pod != c.state.Pod {
			return locket.Errorf(locket.CodeConflict, "the target has snapshots of pod %s; give each pod its own", e.Manifest.Pod)
		}
		c.base = e.Manifest
		return nil
	}
	return nil
}

// finish makes the snapshot be there: the header first, the manifest last.
func (c *creator) finish(ctx context.Context) error {
	signed, err := signNote(c.m.text(), c.m.Pod, c.keys.Sign)
	if err != nil {
		return err
	}
	if len(signed) > maxManifest {
		return locket.Errorf(locket.CodeTooLarge, "the pod is too large for one snapshot")
	}
	var file bytes.Buffer
	if err := c.store.sealer.seal(&file, signed); err != nil {
		return err
	}
	if err := c.store.add(ctx, headerName(c.m.ID), c.state.Header); err != nil {
		return err
	}
	if err := c.store.add(ctx, manifestName(c.m.ID, c.store.sealer.set), file.Bytes()); err != nil {
		return err
	}
	c.sum.Link = Link{c.m.ID, sha256.Sum256(file.Bytes())}
	c.sum.Pages, c.sum.Blobs, c.sum.Gone, c.sum.Size = c.m.Pages, c.m.Blobs, c.m.Gone, c.m.Size()
	c.sum.Written, c.sum.Objects = c.store.written.Load(), int(c.store.objects.Load())
	return nil
}

const maxNotes = 100

func (c *creator) note(text string) {
	if len(c.sum.Notes) < maxNotes {
		c.sum.Notes = append(c.sum.Notes, text)
	}
}

// progress counts n more bytes of the source.
func (c *creator) progress(stage string, n int64) {
	c.done += n
	c.report.Report(locket.Progress{Stage: stage, Done: c.done, Total: c.total, Unit: "bytes"})
}

// earlierObject reads an object of the base. A damaged one is noted and is nil: what it
// would have saved is written anew.
func (c *creator) earlierObject(ctx context.Context, h Hash) ([]byte, error) {
	data, err := object(ctx, c.t, c.keys.Identities, c.store.sealer.set, h)
	if isFinding(err) {
		c.note(err.Error())
		return nil, nil
	}
	return data, err
}
