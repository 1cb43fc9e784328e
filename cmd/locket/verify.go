package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

func (c *cli) verifyCommand() *cobra.Command {
	var v verification
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check the whole journal, and the pod against it",
		Long: `Check every entry of the journal, its signature and its place, and what is in the pod
against it. --checkpoint names a checkpoint that was noted before: the journal must have
only grown since. --export checks a file that 'locket journal export' wrote, without the pod.
What is wrong is said, and the exit status is 7.

A pod that is older than when it was last used here is refused by every command.
--accept-older goes on with it, for who put back a backup on purpose. With --server it
forgets what was seen here of the pod behind that server, with this API key.`,
		Example: "  locket verify\n  locket verify --checkpoint monday.note\n  locket verify --export journal.jsonl --checkpoint monday.note",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return v.run(cmd.Context(), c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.checkpoint, "checkpoint", "", "file with a checkpoint that was noted before")
	f.StringVar(&v.export, "export", "", "check this export instead of a pod")
	f.BoolVar(&v.acceptOlder, "accept-older", false, "go on with an older copy of the pod that was put back")
	f.BoolVarP(&v.yes, "yes", "y", false, "do not ask, with --accept-older")
	return cmd
}

// A verification is the flags of one run of verify.
type verification struct {
	checkpoint, export string // files
	acceptOlder, yes   bool
}

func (v *verification) run(ctx context.Context, c *cli) error {
	var note []byte
	var err error
	if v.checkpoint != "" {
		if note, err = readFile(c.in, v.checkpoint, maxNote); err != nil {
			return err
		}
	}
	switch {
	case v.export != "" && v.acceptOlder:
		return locket.Errorf(locket.CodeInvalid, "--accept-older is about a pod; leave out --export")
	case v.export != "":
		return v.file(c, note)
	case v.acceptOlder:
		return v.older(ctx, c, note)
	}
	return c.withPod(ctx, func(p pod) error { return c.verify(ctx, p, note) })
}

func (v *verification) older(ctx context.Context, c *cli, note []byte) error {
	if err := c.confirm(ctx, "Go on with this copy of the pod, even if it is older than what was here before?", v.yes); err != nil {
		return err
	}
	if c.server != "" {
		if err := c.forgetSeen(); err != nil {
			return err
		}
		return c.withPod(ctx, func(p pod) error { return c.verify(ctx, p, note) })
	}
	return c.withFolder(ctx, func(f *pods.Folder, id locket.PodID, k *credential) error {
		if err := f.AcceptOlder(ctx, id, k.keyring()); err != nil {
			return err
		}
		return c.visit(ctx, f, id, k, func(v *pods.Visit) error { return c.verify(ctx, c.local(v), note) })
	})
}

// verify checks an open pod. A fault is printed, and then errFault.
func (c *cli) verify(ctx context.Context, p pod, note []byte) error {
	bar := c.newProgress()
	defer bar.end()
	out, err := runLong[store.Verified](ctx, p, "journal.verify", map[string]string{"checkpoint": string(note)}, bar.report)
	if err != nil {
		return err
	}
	bar.end()
	if err := c.print(out, func(p *printer) { p.verified(out, len(note) > 0) }); err != nil {
		return err
	}
	if out.Fault != "" {
		return errFault
	}
	return nil
}

func (p *printer) verified(v store.Verified, noted bool) {
	if v.Fault != "" {
		p.line("%s %s", p.styled(red, "fault:"), clean(v.Fault, false))
		p.line("What comes after it was not checked.")
		return
	}
	p.pairs([][2]string{
		{"entries", fmt.Sprint(v.Entries)},
		{"actions", fmt.Sprint(v.Actions)},
		{"items", fmt.Sprint(v.Items)},
		{"checkpoint", v.Checkpoint},
	})
	if noted {
		p.line("no fault found; the journal has only grown since the noted checkpoint")
	} else {
		p.line("no fault found")
	}
}

// verifiedExport is what "verify --export" prints.
type verifiedExport struct {
	Pod     locket.PodID `json:"pod"`
	PodKey  string       `json:"podKey"` // Ed25519, hexadecimal
	Entries int64        `json:"entries"`
	Actions int64        `json:"actions"`
	Erased  int64        `json:"erased"` // of the actions
	First   time.Time    `json:"first,omitzero"`
	Last    time.Time    `json:"last,omitzero"`
}

// file checks an export.
func (v *verification) file(c *cli, note []byte) (err error) {
	f, err := os.Open(v.export)
	if errors.Is(err, os.ErrNotExist) {
		return locket.Errorf(locket.CodeNotFound, "there is no file %s", v.export).Because(err)
	} else if err != nil {
		return locket.Errorf(locket.CodeInvalid, "%s cannot be read", v.export).Because(err)
	}
	defer closing(f, &err)
	var noted [][]byte
	if len(note) > 0 {
		noted = append(noted, note)
	}
	s, err := journal.VerifyExport(f, noted...)
	if err != nil {
		return err
	}
	out := verifiedExport{s.Header.Pod, s.Header.PodKey, s.Checkpoint.Size, s.Actions, s.Erased, s.First, s.Last}
	return c.print(out, func(p *printer) {
		p.pairs([][2]string{
			{"pod", string(out.Pod)},
			{"key", out.PodKey},
			{"entries", fmt.Sprint(out.Entries)},
			{"actions", fmt.Sprintf("%d, %d of them erased", out.Actions, out.Erased)},
			{"from", when(out.First)},
			{"to", when(out.Last)},
		})
		p.line("no fault found, if that is the pod's key; its owner knows")
	})
}
