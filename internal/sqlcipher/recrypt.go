package sqlcipher

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/locketpod/locket/internal/secret"
)

// syncPages is how many pages are copied before the disk is given something to do.
const syncPages = 8192

// lockPage is the page at byte 0x40000000. SQLite's locks on the file are on
// bytes of it, and it neither writes nor reads it.
const lockPage = 0x40000000/PageSize + 1

// Recrypt copies the snapshot into a new file at path, mode 0600, sealed with
// newKey under a fresh salt. No page is ever on disk in the clear, and each one
// is verified: damage is a *TamperedError.
//
// Others go on writing while it copies. At the end it freezes the snapshot and
// copies what they changed; the caller closes it when nobody uses the old file
// any more. report, which may be nil, gets the pages copied and their total, not
// at the same time twice.
//
// The file must not exist. After an error or cancellation there is none; after a
// crash there is a part of it, which the caller removes before trying again.
func Recrypt(ctx context.Context, s *Snapshot, oldKey, newKey *secret.Key, path string, report func(done, total int64)) error {
	r := &recrypter{s: s, oldKey: oldKey, newKey: newKey, report: report}
	err := r.checkKeys()
	if err == nil {
		err = r.create(ctx, path)
	}
	if err != nil {
		return fmt.Errorf("sqlcipher: recrypt: %w", err)
	}
	return nil
}

// A recrypter copies in two passes.
type recrypter struct {
	s                *Snapshot
	oldKey, newKey   *secret.Key
	oldSalt, newSalt [SaltSize]byte
	out              *os.File

	// ivs has 8 bytes of the IV of each page as it was when it was copied, 0 if
	// it was not. SQLite's pages get a fresh IV with every write, so the same IV
	// is the same page.
	ivs   []uint64
	again bool // this is the second pass

	mu     sync.Mutex
	done   int64         // pages; guarded by mu
	due    chan struct{} // of a pass: so much is written that it should go to the disk
	report func(done, total int64)
}

// checkKeys reads the salt and tells a wrong key from a damaged page, as
// [file.refuse] does, before there is a file.
func (r *recrypter) checkKeys() error {
	b := make([]byte, min(r.s.Pages(), 2)*PageSize)
	if _, err := r.s.ReadAt(b, 0); err != nil {
		return err
	}
	r.oldSalt = [SaltSize]byte(b)
	_, _ = rand.Read(r.newSalt[:]) // never fails: crypto/rand aborts the program instead
	from, to, err := r.codecs()
	if err != nil {
		return err
	}
	defer from.Wipe()
	defer to.Wipe()
	switch {
	case from.verify(b[:PageSize], 1):
		return nil
	case len(b) > PageSize && from.verify(b[PageSize:], 2):
		return &TamperedError{File: fileMain, Page: 1}
	}
	return ErrWrongKey
}

// codecs returns those of the old and of the new file. The caller wipes both.
func (r *recrypter) codecs() (from, to *Codec, err error) {
	if from, err = NewCodec(r.oldKey, r.oldSalt[:]); err != nil {
		return nil, nil, err
	}
	if to, err = NewCodec(r.newKey, r.newSalt[:]); err != nil {
		from.Wipe()
		return nil, nil, err
	}
	return from, to, nil
}

// create makes the file, or leaves none.
func (r *recrypter) create(ctx context.Context, path string) (err error) {
	r.out, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return err
	case err != nil:
		return named(err)
	}
	defer func() {
		err = errors.Join(err, named(r.out.Close()))
		if err == nil {
			err = named(syncDir(filepath.Dir(path)))
		}
		if err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	if err := r.pass(ctx); err != nil {
		return err
	}
	// Synced now and not only at the end, while writers have to wait.
	if err := r.out.Sync(); err != nil {
		return named(err)
	}
	if err := r.s.Freeze(ctx); err != nil {
		return err
	}
	r.again = true
	if err := r.pass(ctx); err != nil {
		return err
	}
	if err := r.out.Truncate(int64(len(r.ivs)) * PageSize); err != nil {
		return named(err)
	}
	return named(r.out.Sync())
}

// pass copies every page that the new file does not have, or has as it once was.
func (r *recrypter) pass(ctx context.Context) error {
	pages := int(r.s.Pages())
	r.ivs = append(r.ivs, make([]uint64, max(0, pages-len(r.ivs)))...)[:pages]
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64 // the first page, counted from 0, that nobody has taken
	var workers, disk sync.WaitGroup
	r.done, r.due = 0, make(chan struct{}, 1)
	disk.Go(func() {
		for range r.due { // the disk works while others compute
			if err := r.out.Sync(); err != nil {
				cancel(named(err))
			}
		}
	})
	for range min(runtime.GOMAXPROCS(0), 8) {
		workers.Go(func() {
			if err := r.work(ctx, &next); err != nil {
				cancel(err)
			}
		})
	}
	workers.Wait()
	close(r.due)
	disk.Wait()
	return context.Cause(ctx)
}

// work copies batches of pages until none is left or ctx ends.
func (r *recrypter) work(ctx context.Context, next *atomic.Int64) error {
	from, to, err := r.codecs()
	if err != nil {
		return err
	}
	defer from.Wipe()
	defer to.Wipe()
	w := &resealer{recrypter: r, from: from, to: to, sealed: make([]byte, copyPages*PageSize)}
	defer clear(w.plain[:])
	old := make([]byte, copyPages*PageSize)
	for ctx.Err() == nil {
		first := next.Add(copyPages) - copyPages
		n := min(copyPages, int64(len(r.ivs))-first)
		if n <= 0 {
			return nil
		}
		changed, err := r.changed(int(first), int(n))
		if err != nil {
			return err
		}
		if b := old[:n*PageSize]; changed {
			if _, err := r.s.ReadAt(b, first*PageSize); err != nil {
				return err
			}
			if err := w.batch(b, int(first)); err != nil {
				return err
			}
		}
		r.progress(n)
	}
	return nil
}

// changed reports whether any of n pages has to be copied. It reads no more than
// it needs, because in the second pass writers are waiting.
func (r *recrypter) changed(first, n int) (bool, error) {
	if !r.again {
		return true, nil
	}
	var ivs [copyPages]uint64
	if err := r.s.readIVs(ivs[:n], first); err != nil {
		return false, err
	}
	return !slices.Equal(ivs[:n], r.ivs[first:first+n]) || slices.Contains(ivs[:n], 0), nil
}

func (r *recrypter) progress(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done += n
	if !r.again && r.done/syncPages != (r.done-n)/syncPages {
		select {
		case r.due <- struct{}{}:
		default: // the disk is behind
		}
	}
	if r.report != nil {
		r.report(r.done, int64(len(r.ivs)))
	}
}

// A resealer is what one worker needs: codecs of its own, and the only place
// where a page is in the clear.
type resealer struct {
	*recrypter
	from, to *Codec
	plain    [PageSize]byte
	sealed   []byte
}

// batch reseals those of these sealed pages that have changed, and writes each
// run of them with one call. first is counted from 0.
func (w *resealer) batch(old []byte, first int) error {
	run := w.sealed[:0] // ends before page i
	i := first
	for ; len(old) > 0; i, old = i+1, old[PageSize:] {
		iv := binary.LittleEndian.Uint64(old[ivStart:])
		if no := uint32(i) + 1; no != lockPage && (iv != w.ivs[i] || iv == 0) {
			run = run[:len(run)+PageSize]
			if w.from.openTo(w.plain[:], old[:PageSize], no) != nil {
				return &TamperedError{File: fileMain, Page: no}
			}
			w.to.Seal(run[len(run)-PageSize:], w.plain[:], no)
			w.ivs[i] = iv
			continue
		}
		if err := w.write(run, i); err != nil {
			return err
		}
		run = run[:0]
	}
	return w.write(run, i)
}

// write writes sealed pages that end before page end, counted from 0.
func (w *resealer) write(b []byte, end int) error {
	if len(b) == 0 {
		return nil
	}
	_, err := w.out.WriteAt(b, int64(end)*PageSize-int64(len(b)))
	return named(err)
}

// named makes an error of the new file one of this package's.
func named(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return fmt.Errorf("%w: %w", ErrIO, err)
}
