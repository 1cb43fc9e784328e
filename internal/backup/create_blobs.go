package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/locketpod/locket"
)

// blobFiles lists the pod's blobs by name.
func (c *creator) blobFiles() ([]BlobFile, error) {
	var list []BlobFile
	for b, err := range c.src.Blobs() {
		if err != nil {
			return nil, fmt.Errorf("backup: %w", err)
		}
		if !blobForm.MatchString(b.Name) || b.Size < 0 {
			return nil, locket.Errorf(locket.CodeInvalid, "%.60q is no blob", b.Name)
		}
		if list = append(list, b); len(list) > maxBlobs {
			return nil, locket.Errorf(locket.CodeTooLarge, "the pod has more than %d blobs", maxBlobs)
		}
		c.total += b.Size
	}
	slices.SortFunc(list, func(a, b BlobFile) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// blobs stores the blobs that are new and lists all of them.
func (c *creator) blobs(ctx context.Context, files []BlobFile) error {
	next, stop := iter.Pull2(c.earlierBlobs(ctx))
	defer stop()
	old, err, more := next()
	var list strings.Builder
	for _, f := range files {
		for more && err == nil && old[0].blob < f.Name {
			old, err, more = next()
		}
		if err != nil {
			return err
		}
		var parts []part
		if more && old[0].blob == f.Name && c.stillThere(old, f.Size) {
			parts = old
			c.progress("reading the blobs", f.Size)
		} else if parts, err = c.blob(ctx, f); err != nil {
			return err
		}
		if err := c.list(ctx, &list, parts); err != nil {
			return err
		}
	}
	return c.endList(ctx, &list)
}

// stillThere tells whether the target has all parts of a blob of the base. Blobs never
// change, so that the name and the size are enough.
func (c *creator) stillThere(parts []part, size int64) bool {
	for _, p := range parts {
		size -= p.size
		if p.gone || !c.store.use(p.hash, p.size) {
			return false
		}
	}
	return size == 0
}

// blob stores a blob that is new.
func (c *creator) blob(ctx context.Context, f BlobFile) ([]part, error) {
	r, err := c.src.OpenBlob(f.Name)
	if errors.Is(err, fs.ErrNotExist) {
		c.m.Gone++
		c.progress("reading the blobs", f.Size)
		return []part{{blob: f.Name, gone: true}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	parts, err := c.parts(ctx, f, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	c.sum.NewBlobs++
	return parts, nil
}

func (c *creator) parts(ctx context.Context, f BlobFile, r io.Reader) ([]part, error) {
	var parts []part
	for left := f.Size; left > 0 || parts == nil; {
		b, err := c.store.take(ctx)
		if err != nil {
			return nil, err
		}
		n := min(left, maxObject)
		b.plain = slices.Grow(b.plain, int(n))[:n]
		if _, err := io.ReadFull(r, b.plain); err != nil {
			c.store.give(b)
			return nil, locket.Errorf(locket.CodeTampered, "blob %s is shorter than it was or cannot be read; run 'locket verify'", f.Name).Because(err)
		}
		left -= n
		parts = append(parts, part{blob: f.Name, size: n, hash: c.store.put(ctx, b)})
		c.progress("reading the blobs", n)
	}
	return parts, nil
}

// list appends the lines of a blob. A list ends before a name that every 4096th has, and
// so is mostly the same in the next snapshot, whatever came and went elsewhere.
func (c *creator) list(ctx context.Context, list *strings.Builder, parts []part) error {
	if strings.HasSuffix(parts[0].blob, "000") {
		if err := c.endList(ctx, list); err != nil {
			return err
		}
	}
	if !parts[0].gone {
		c.m.Blobs++
	}
	for _, p := range parts {
		if list.Len() > maxObject-maxPart {
			if err := c.endList(ctx, list); err != nil {
				return err
			}
		}
		c.m.BlobBytes += p.size
		list.WriteString(p.text())
	}
	return nil
}

func (c *creator) endList(ctx context.Context, list *strings.Builder) error {
	if list.Len() == 0 {
		return nil
	}
	h, err := c.store.putBytes(ctx, []byte(list.String()))
	list.Reset()
	c.m.blobs = append(c.m.blobs, h)
	return err
}

// earlierBlobs gives the parts of each blob of the base, by name. It ends early where a
// list is damaged: later blobs are then read again.
func (c *creator) earlierBlobs(ctx context.Context) iter.Seq2[[]part, error] {
	return func(yield func([]part, error) bool) {
		if c.base == nil {
			return
		}
		var parts []part
		for p, err := range c.base.parts(ctx, c.t, c.keys, c.store.sealer.set) {
			if isFinding(err) {
				c.note(err.Error())
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if len(parts) > 0 && parts[0].blob != p.blob {
				if !yield(parts, nil) {
					return
				}
				parts = nil
			}
			parts = append(parts, p)
		}
		if len(parts) > 0 {
			yield(parts, nil)
		}
	}
}
