package main

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
)

// overview is what "status" shows.
type overview struct {
	Dir    string         `json:"dir,omitempty"`
	Server string         `json:"server,omitempty"`
	Pods   []locket.PodID `json:"pods,omitempty"`
	Stats  *locket.Stats  `json:"stats,omitempty"` // absent if there is no pod, or no choice among several
	Setup  *setup         `json:"setup,omitempty"` // for the owner, of a pod in a folder

	Waiting int `json:"waiting,omitempty"` // requests for approval
}

func (c *cli) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show where the pods are and count what is in one",
		Example: "  locket status\n  locket status --server https://pod.example.com",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := overview{Server: c.server}
			if c.server == "" {
				if err := c.findPods(&o); err != nil {
					return err
				}
			}
			if c.server != "" || c.pod != "" || len(o.Pods) == 1 {
				err := c.withPod(cmd.Context(), func(p pod) error { return c.overview(cmd.Context(), p, &o) })
				if err != nil {
					return err
				}
			}
			return c.print(o, func(p *printer) { p.overview(o) })
		},
	}
}

func (c *cli) overview(ctx context.Context, p pod, o *overview) error {
	stats, err := run[locket.Stats](ctx, p, "stats.get", nil)
	if err != nil {
		return err
	}
	o.Stats = &stats
	counts, err := waitingFor(ctx, p)
	if err != nil {
		return err
	}
	for _, n := range counts {
		o.Waiting += n
	}
	if l, ok := p.(local); ok && l.visit.View.Owner() {
		keys, err := l.visit.Keys().List(ctx)
		if err != nil {
			return err
		}
		o.Setup = setupOf(keys)
	}
	return nil
}

func (c *cli) findPods(o *overview) (err error) {
	if o.Dir, err = c.podsDir(); err != nil {
		return err
	}
	f, err := c.openFolder()
	if err != nil {
		return err
	}
	defer closing(f, &err)
	o.Pods, err = f.List()
	return err
}

func (p *printer) overview(o overview) {
	pairs := [][2]string{{"folder", o.Dir}}
	if o.Server != "" {
		pairs = [][2]string{{"server", o.Server}}
	}
	for _, id := range o.Pods {
		pairs = append(pairs, [2]string{"pod", string(id)})
	}
	if s := o.Stats; s != nil {
		pairs = append(pairs,
			[2]string{"items", strconv.FormatInt(s.Items, 10)},
			[2]string{"links", strconv.FormatInt(s.Edges, 10)},
			[2]string{"files", strconv.FormatInt(s.Blobs, 10) + ", " + size(s.BlobBytes)},
			[2]string{"changes", strconv.FormatInt(s.Changes, 10)},
			[2]string{"database", size(s.FileBytes)})
		for _, name := range slices.Sorted(maps.Keys(s.ByType)) {
			pairs = append(pairs, [2]string{"  " + name, strconv.FormatInt(s.ByType[name], 10)})
		}
	}
	if o.Waiting > 0 {
		pairs = append(pairs, [2]string{"waiting", count(int64(o.Waiting), "request") + "; 'locket approvals' lists them"})
	}
	p.pairs(pairs)
	if o.Setup != nil {
		p.setup(o.Setup)
	}
	if o.Server == "" && len(o.Pods) == 0 {
		p.line("there is no pod here yet; 'locket init' makes one")
	}
}
