package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/harden"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// A problem is one thing that doctor found.
type problem struct {
	Code  string `json:"code"` // stable
	Title string `json:"title"`
	Hint  string `json:"hint"` // what to do
}

// A checkup is what doctor prints.
type checkup struct {
	Pod      locket.PodID `json:"pod"`
	Items    int64        `json:"items"` // read and verified, deleted ones too
	Blobs    int64        `json:"blobs"`
	Removed  int          `json:"removed"` // files that belonged to no item
	Problems []problem    `json:"problems"`

	Protections []harden.Protection `json:"protections"` // of a server; none that is off is a problem
}

const (
	minFree  = 100 << 20 // bytes on the disk
	maxAhead = time.Minute
)

func (c *cli) doctorCommand() *cobra.Command {
	only := false
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check that the pod is whole and safe",
		Long: `Check that the pod is whole and safe: that others cannot read its folder, that it opens,
that every page of its database, every item and every file is as it was written, that
there is room on the disk and that the clock is right. Files that an interrupted upload
left behind are removed. The exit status is 11 if something is wrong.

At the end it lists what protects a server that is started here from the rest of the
machine, and the machine from the server, with what to do about each that is off.`,
		Example: "  locket doctor\n  locket doctor --json\n  locket doctor --protections",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if only {
				return c.protectAndReport()
			}
			return c.withFolder(cmd.Context(), func(f *pods.Folder, id locket.PodID, k *credential) error {
				d := checkup{Pod: id, Problems: []problem{}}
				if err := d.examine(cmd.Context(), f, k); err != nil {
					return err
				}
				var err error
				if d.Protections, err = protections(cmd.Context()); err != nil {
					return err
				}
				if err := c.print(d, func(p *printer) { p.checkup(d) }); err != nil {
					return err
				}
				if len(d.Problems) > 0 {
					return errProblems
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&only, "protections", false, "only list what protects a server; needs no pod")
	return cmd
}

func (d *checkup) add(code, title, hint string) {
	d.Problems = append(d.Problems, problem{code, title, hint})
}

// examine does all checks. What a credential does not open, or Ctrl-C stopped, is no
// finding but an error.
func (d *checkup) examine(ctx context.Context, f *pods.Folder, k *credential) error {
	dir := filepath.Join(f.Path(), string(d.Pod))
	if err := d.modes(dir); err != nil {
		return err
	}
	if free, ok := durable.FreeSpace(dir); ok && free < minFree {
		d.add("disk_space", "there are only "+size(free)+" free on the disk", "make room; writes fail when it is full, and lose nothing")
	}
	err := f.Do(ctx, d.Pod, k.keyring(), func(v *store.View) error { return d.contents(ctx, v) })
	if code := locket.CodeOf(err); code == locket.CodeTampered || code == locket.CodeNewer {
		d.add(string(code), locket.MessageOf(err), "restore the pod's folder from a backup")
		return nil
	}
	if err != nil {
		return err
	}
	d.Removed, err = f.Tend(ctx, d.Pod, k.keyring())
	return err
}

// modes finds files that others on this machine may read. Windows has no such modes.
func (d *checkup) modes(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a log that was just removed
		} else if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			d.add("permissions", "others on this machine may open "+path, "chmod go-rwx "+path)
		}
		return nil
	})
}

// contents reads everything.
func (d *checkup) contents(ctx context.Context, v *store.View) error {
	wrong, err := v.CheckIntegrity(ctx)
	if err != nil {
		return err
	}
	for _, line := range wrong {
		d.add("integrity", "the database is damaged: "+line, "restore the pod's folder from a backup")
	}
	stats, err := v.Stats(ctx)
	if err != nil {
		return err
	}
	if stats.Changes > 0 {
		last, err := v.Change(ctx, stats.Changes)
		if err != nil {
			return err
		}
		if time.Until(last.Time) > maxAhead {
			d.add("clock", "the latest change is dated "+when(last.Time)+", in the future", "set the clock of this machine, or find out which device's is wrong")
		}
	}
	for _, deleted := range []bool{false, true} {
		if err := d.items(ctx, v, deleted); err != nil {
			return err
		}
	}
	return nil
}

func (d *checkup) items(ctx context.Context, v *store.View, deleted bool) error {
	q := locket.Query{Order: "created", Limit: 500, Deleted: deleted}
	for {
		page, err := v.Query(ctx, q)
		if err != nil {
			return err
		}
		for _, it := range page.Items {
			d.Items++
			if err := d.files(ctx, v, it); err != nil {
				return err
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}

// files reads the blobs of an item to their ends, which authenticates them.
func (d *checkup) files(ctx context.Context, v *store.View, it locket.Item) error {
	for _, name := range []string{"blob", "rawBlob"} {
		id, ok := it.Props[name].(locket.BlobID)
		if !ok {
			continue
		}
		err := readBlob(ctx, v, id)
		switch {
		case errors.Is(err, context.Canceled):
			return err
		case err != nil:
			d.add("blob", "the file of "+it.Type+" "+string(it.ID)+" cannot be read: "+locket.MessageOf(err),
				"restore blobs/ in the pod's folder from a backup")
		default:
			d.Blobs++
		}
	}
	return nil
}

func readBlob(ctx context.Context, v *store.View, id locket.BlobID) (err error) {
	b, err := v.OpenBlob(ctx, id)
	if err != nil {
		return err
	}
	defer closing(b, &err)
	_, err = io.Copy(io.Discard, b)
	return err
}

func (p *printer) checkup(d checkup) {
	p.line("read %d items and %d files of pod %s", d.Items, d.Blobs, d.Pod)
	if d.Removed > 0 {
		p.line("removed %d files that an interrupted upload left behind", d.Removed)
	}
	for _, x := range d.Problems {
		p.line("%s %s", p.styled(red, x.Code+":"), clean(x.Title, false))
		p.line("    %s", clean(x.Hint, false))
	}
	if len(d.Problems) == 0 {
		p.line("no problems found")
	}
	p.protections(d.Protections)
}
