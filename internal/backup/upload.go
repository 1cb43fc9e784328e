package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/locketpod/locket"
)

// A store is what a target has of one set of recipients. It adds objects by a few
// goroutines of its own; its methods are called from one.
type store struct {
	t      Target
	sealer *sealer
	have   map[Hash]*stored
	free   chan *buffer // as many as there may be at a time
	work   sync.WaitGroup
	cancel context.CancelCauseFunc

	written, objects atomic.Int64
}

// A stored is an object that the target has, or is about to.
type stored struct {
	plain int64 // bytes of plaintext, judged by its size; -1 if no object has such a size
	used  bool  // by the snapshot that is being made
}

// A buffer is an object on its way.
type buffer struct {
	plain  []byte
	sealed bytes.Buffer
}

// openStore lists the objects of the sealer's set. The context it returns ends at the
// first failure. The caller calls wait before anything else ends.
func openStore(ctx context.Context, t Target, s *sealer) (*store, context.Context, error) {
	st := &store{t: t, sealer: s, have: make(map[Hash]*stored), free: make(chan *buffer, workers+1)}
	err := st.each(ctx, func(h Hash, plain int64) error {
		if len(st.have) >= maxObjects {
			return locket.Errorf(locket.CodeTooLarge, "the target has more than %d objects; prune it, or begin another", maxObjects)
		}
		st.have[h] = &stored{plain: plain}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for range cap(st.free) {
		st.free <- new(buffer)
	}
	ctx, st.cancel = context.WithCancelCause(ctx)
	return st, ctx, nil
}

// each gives the objects of the set and the sizes of their plaintexts.
func (st *store) each(ctx context.Context, do func(Hash, int64) error) error {
	for o, err := range st.t.List(ctx, objectFolder+st.sealer.set+"/") {
		if err != nil {
			return err
		}
		set, h, ok := parseObjectName(o.Name)
		if !ok || set != st.sealer.set {
			continue
		}
		plain, ok := st.sealer.plainSize(o.Size)
		if !ok {
			plain = -1
		}
		if err := do(h, plain); err != nil {
			return err
		}
	}
	return nil
}

// take returns an empty buffer, when there is one. It goes back by put or give.
func (st *store) take(ctx context.Context) (*buffer, error) {
	select {
	case b := <-st.free:
		b.plain = b.plain[:0]
		return b, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (st *store) give(b *buffer) { st.free <- b }

// put stores what b holds, unless it is there, and takes b back. It returns before the
// object is stored: wait tells.
func (st *store) put(ctx context.Context, b *buffer) Hash {
	h := Hash(sha256.Sum256(b.plain))
	old := st.have[h]
	if old != nil && old.plain == int64(len(b.plain)) {
		old.used = true
		st.give(b)
		return h
	}
	st.have[h] = &stored{plain: int64(len(b.plain)), used: true}
	st.work.Go(func() {
		defer st.give(b)
		if err := st.send(ctx, objectName(st.sealer.set, h), b, old != nil); err != nil {
			st.cancel(err)
		}
	})
	return h
}

// send seals b and stores it, in the place of one that has the wrong size if so told.
func (st *store) send(ctx context.Context, name string, b *buffer, replace bool) error {
	b.sealed.Reset()
	if err := st.sealer.seal(&b.sealed, b.plain); err != nil {
		return err
	}
	if replace {
		if err := st.t.Delete(ctx, name); err != nil {
			return err
		}
	}
	return st.add(ctx, name, b.sealed.Bytes())
}

// add stores a file. One that has come to be there meanwhile is fine: its name says what
// it holds.
func (st *store) add(ctx context.Context, name string, data []byte) error {
	if err := st.t.Put(ctx, name, data); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	st.written.Add(int64(len(data)))
	st.objects.Add(1)
	return nil
}

func (st *store) putBytes(ctx context.Context, data []byte) (Hash, error) {
	b, err := st.take(ctx)
	if err != nil {
		return Hash{}, err
	}
	b.plain = append(b.plain, data...)
	return st.put(ctx, b), nil
}

// use marks an object as used if it is there and has the right size.
func (st *store) use(h Hash, plain int64) bool {
	o := st.have[h]
	if o == nil || o.plain != plain {
		return false
	}
	o.used = true
	return true
}

// wait returns when nothing is on its way, with the first failure.
func (st *store) wait(ctx context.Context) error {
	st.work.Wait()
	return context.Cause(ctx)
}

// check lists once more and tells whether everything used is there: a prune at the same
// time may have removed an old leftover.
func (st *store) check(ctx context.Context) error {
	missing := 0
	for _, o := range st.have {
		if o.used {
			missing++
		}
	}
	err := st.each(ctx, func(h Hash, plain int64) error {
		if o := st.have[h]; o != nil && o.used && o.plain == plain {
			missing--
		}
		return nil
	})
	if err == nil && missing != 0 {
		return locket.Errorf(locket.CodeConflict, "%d objects went away while the snapshot was made; run it again, and not beside a prune", missing)
	}
	return err
}
