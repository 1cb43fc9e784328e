package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync/atomic"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/durable"
)

// A RestoreOptions says what to restore. The zero value is the newest snapshot.
type RestoreOptions struct {
	ID     string // of the snapshot; empty: the newest
	Seen   Link   // the snapshot seen last; if the target lacks it, CodeRolledBack
	Report locket.Reporter
}

const (
	headerFile = "header"
	blobFolder = "blobs"
)

// Restore writes a snapshot into dst, which must be empty, and returns its manifest.
// Everything is checked and durable when it returns no error. The header is written last:
// what a failed run leaves is no pod. Of keys it needs Identities and Verify.
func Restore(ctx context.Context, t Target, dst *os.Root, keys Keys, o RestoreOptions) (*Manifest, error) {
	s, err := choose(ctx, t, keys, o.ID, o.Seen)
	if err != nil {
		return nil, failed("choosing the snapshot", damage(err))
	}
	r := &restorer{t: t, dst: dst, keys: keys, m: s.Manifest, set: s.Set, report: o.Report}
	if err := r.run(ctx); err != nil {
		return nil, failed("restoring", damage(err))
	}
	return s.Manifest, nil
}

// choose opens a snapshot, the newest if id is empty.
func choose(ctx context.Context, t Target, keys Keys, id string, seen Link) (*Snapshot, error) {
	list, err := snapshots(ctx, t)
	if err != nil {
		return nil, err
	}
	var chosen *Snapshot
	for i := range list {
		if id == "" && i == len(list)-1 || list[i].ID == id {
			chosen = &list[i]
		}
		if chosen == &list[i] || list[i].ID == seen.ID {
			if err := list[i].open(ctx, t, keys); err != nil {
				return nil, err
			}
		}
	}
	if chosen == nil {
		return nil, locket.Errorf(locket.CodeNotFound, "the backup has no such snapshot; list them")
	}
	if err := chosen.unreadable(); err != nil {
		return nil, err
	}
	if seen.ID == "" {
		return chosen, nil
	}
	gone, err := readPrunes(ctx, t, chosen.Manifest.Pod, keys, func(Finding) {})
	if err != nil {
		return nil, err
	}
	return chosen, checkSeen(seen, list, gone)
}

// unreadable is the error for a snapshot whose manifest was not opened.
func (s *Snapshot) unreadable() error {
	switch {
	case s.Manifest != nil:
		return nil
	case s.Foreign:
		return locket.Errorf(locket.CodeUnauthenticated, "snapshot %s is for other recipients; unlock with the header that it has, or choose another", s.ID)
	default:
		return locket.Errorf(locket.CodeTampered, "snapshot %s: its manifest %s; choose another snapshot", s.ID, s.Problem)
	}
}

// A restorer writes one snapshot.
type restorer struct {
	t      Target
	dst    *os.Root
	keys   Keys
	m      *Manifest
	set    string
	report locket.Reporter
	done   atomic.Int64
}

func (r *restorer) run(ctx context.Context) error {
	if err := mustBeEmpty(r.dst); err != nil {
		return err
	}
	header, err := fetch(ctx, r.t, headerName(r.m.ID), maxHeader)
	if err != nil {
		return err
	}
	if sha256.Sum256(header) != r.m.Header {
		return Finding{headerName(r.m.ID), "is not the header that was backed up"}
	}
	if err := r.database(ctx); err != nil {
		return err
	}
	if err := r.blobs(ctx); err != nil {
		return err
	}
	return durable.WriteFile(r.dst, headerFile, header)
}

func mustBeEmpty(dst *os.Root) error {
	d, err := dst.Open(".")
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(1)
	if err == io.EOF {
		err = nil
	}
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	if len(names) > 0 {
		return locket.Errorf(locket.CodeExists, "the folder to restore into is not empty; name a new one")
	}
	return nil
}

// database writes the database file.
func (r *restorer) database(ctx context.Context) error {
	f, err := r.dst.OpenFile(r.m.Database, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	g := newGroup(ctx)
	err = g.wait(r.segments(g, f))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (r *restorer) segments(g *group, f *os.File) error {
	for i, s := range r.m.segments {
		packs, digests, err := s.layout(g.ctx, r.t, r.keys, r.set)
		if err != nil {
			return err
		}
		first := int64(i) * segmentPages
		for h, runs := range packs {
			err := g.do(func(ctx context.Context) error {
				pack, err := object(ctx, r.t, r.keys.Identities, r.set, h)
				if err != nil {
					return err
				}
				return checkPages(objectName(r.set, h), pack, runs, digests, func(at uint32, pages []byte) error {
					_, err := f.WriteAt(pages, (first+int64(at))*pageSize)
					r.done.Add(int64(len(pages)))
					return err
				})
			})
			if err != nil {
				return err
			}
			r.progress("restoring the database")
		}
	}
	return nil
}

// blobs writes the blobs, one after the other, so that the parts of one are in order.
func (r *restorer) blobs(ctx context.Context) error {
	if err := r.dst.Mkdir(blobFolder, 0o700); err != nil {
		return err
	}
	g := newGroup(ctx)
	if err := g.wait(r.startBlobs(g)); err != nil {
		return err
	}
	return durable.SyncDir(r.dst, blobFolder)
}

// startBlobs collects the parts of each blob and hands it to the group.
func (r *restorer) startBlobs(g *group) error {
	var parts []part
	start := func() error {
		if len(parts) == 0 || parts[0].gone {
			return nil
		}
		own := parts
		r.progress("restoring the blobs")
		return g.do(func(ctx context.Context) error { return r.blob(ctx, own) })
	}
	for p, err := range r.m.parts(g.ctx, r.t, r.keys, r.set) {
		if err != nil {
			return err
		}
		if len(parts) > 0 && parts[0].blob != p.blob {
			if err := start(); err != nil {
				return err
			}
			parts = nil
		}
		parts = append(parts, p)
	}
	return start()
}

func (r *restorer) blob(ctx context.Context, parts []part) error {
	f, err := r.dst.OpenFile(path.Join(blobFolder, parts[0].blob), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err = r.part(ctx, f, p); err != nil {
			break
		}
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (r *restorer) part(ctx context.Context, f *os.File, p part) error {
	data, err := object(ctx, r.t, r.keys.Identities, r.set, p.hash)
	if err != nil {
		return err
	}
	if int64(len(data)) != p.size {
		return Finding{objectName(r.set, p.hash), "has another size than the blob of the snapshot"}
	}
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	r.done.Add(p.size)
	return nil
}

func (r *restorer) progress(stage string) {
	r.report.Report(locket.Progress{Stage: stage, Done: r.done.Load(), Total: r.m.Size(), Unit: "bytes"})
}
