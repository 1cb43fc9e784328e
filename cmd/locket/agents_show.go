package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// maxCounted bounds how many entries of the journal are counted.
const maxCounted = 10_000

// deeds is how often an agent did what.
type deeds struct {
	Reads   int `json:"reads"` // searches, too
	Writes  int `json:"writes"`
	Refused int `json:"refused"`
}

// count adds an entry of the journal.
func (t *deeds) count(e store.JournalEntry) {
	switch {
	case e.Kind == locket.EntryChange:
		t.Writes++
	case slices.ContainsFunc(e.Actions, func(a store.JournalAction) bool { return a.Action == locket.ActionRefuse }):
		t.Refused++
	default:
		t.Reads++
	}
}

// A workSession is what an agent did under one id.
type workSession struct {
	ID    string    `json:"id"` // "" is what was done in none
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	deeds
}

// A dossier is what "agents show" prints.
type dossier struct {
	Agent  ops.Known      `json:"agent"`
	Memory string         `json:"memory"` // the namespace of its own
	Keys   []pods.KeyInfo `json:"keys"`
	Grants []store.Grant  `json:"grants"`
	Counts deeds          `json:"counts"`
	Partly bool           `json:"partly,omitempty"` // only the latest entries are counted
}

func (c *cli) agentsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show an agent: what it may do, its keys, and how much it did",
		Long: `Show an agent: in words what it may do, its keys and grants, when it was last here, and how
often it read, wrote and was refused. 'locket agents log' shows each.`,
		Example: "  locket agents show claude-code\n  locket agents show claude-code --json",
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAgent(cmd.Context(), args[0], func(p pod, agent locket.Principal) error {
				d, err := dossierOf(cmd.Context(), p, agent)
				if err != nil {
					return err
				}
				return c.print(d, func(p *printer) { p.dossier(d) })
			})
		},
	}
}

func dossierOf(ctx context.Context, p pod, agent locket.Principal) (d dossier, err error) {
	d = dossier{Agent: ops.Known{Principal: agent, May: may(agent)}, Memory: agent.Namespace(), Keys: []pods.KeyInfo{}}
	keys, err := run[ops.KeyList](ctx, p, "keys.list", nil)
	if err != nil {
		return d, err
	}
	for _, k := range keys.Keys {
		if k.Principal == agent.ID {
			d.Keys = append(d.Keys, k)
		}
	}
	if d.Grants, err = grantsOf(ctx, p, agent); err != nil {
		return d, err
	}
	d.Partly, err = eachEntry(ctx, p, agent, d.Counts.count)
	return d, err
}

func grantsOf(ctx context.Context, p pod, agent locket.Principal) ([]store.Grant, error) {
	out, err := run[ops.Grants](ctx, p, "grants.list", nil)
	list := []store.Grant{}
	for _, g := range out.Grants {
		if g.Principal == agent.ID {
			list = append(list, g)
		}
	}
	return list, err
}

// eachEntry calls fn with the latest entries of an agent's, newest first; more is true
// if there are older ones.
func eachEntry(ctx context.Context, p pod, agent locket.Principal, fn func(store.JournalEntry)) (more bool, err error) {
	fields := map[string]string{"principal": string(agent.ID), "limit": "1000"}
	for n := 0; n < maxCounted; {
		page, err := run[locket.Page[store.JournalEntry]](ctx, p, "journal.list", fields)
		if err != nil {
			return false, err
		}
		for _, e := range page.Items {
			fn(e)
		}
		if page.Next == "" {
			return false, nil
		}
		n += len(page.Items)
		fields["cursor"] = page.Next
	}
	return true, nil
}

func (p *printer) dossier(d dossier) {
	p.principal(d.Agent.Principal)
	latest := ""
	if d.Partly {
		latest = fmt.Sprintf(" (of the latest %d entries)", maxCounted)
	}
	p.pairs([][2]string{
		{"own memories", d.Memory},
		{"did", fmt.Sprintf("%s, %s, %s%s", count(int64(d.Counts.Reads), "read"), count(int64(d.Counts.Writes), "write"), count(int64(d.Counts.Refused), "refusal"), latest)},
	})
	p.sentences(d.Agent.May)
	if len(d.Keys) > 0 {
		p.line("")
		p.keys(d.Keys)
	}
	if len(d.Grants) > 0 {
		p.line("")
		p.grants(d.Grants, map[locket.PrincipalID]string{d.Agent.ID: d.Agent.Name})
	}
}

// sessionsOf is what "agents sessions" prints.
type sessionsOf struct {
	Sessions []workSession `json:"sessions"` // the latest first
	Grants   []store.Grant `json:"grants"`
	Partly   bool          `json:"partly,omitempty"`
}

func (c *cli) agentsSessionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sessions NAME",
		Short: "List the sessions of an agent, and what lets it in for a while",
		Long: `List the sessions of an agent's work, the latest first, as its client names them: how often
it read, wrote and was refused in each. 'locket agents undo NAME --session ID' takes back what
it wrote in one. What lets it in for a while on a server follows; 'locket sessions end' ends
that.`,
		Example: "  locket agents sessions claude-code\n  locket agents sessions claude-code --json",
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAgent(cmd.Context(), args[0], func(p pod, agent locket.Principal) error {
				out, err := sessionsDone(cmd.Context(), p, agent)
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) { p.sessions(out, agent) })
			})
		},
	}
}

func sessionsDone(ctx context.Context, p pod, agent locket.Principal) (sessionsOf, error) {
	out := sessionsOf{Sessions: []workSession{}}
	at := map[string]int{}
	var err error
	out.Partly, err = eachEntry(ctx, p, agent, func(e store.JournalEntry) {
		i, ok := at[e.Source.Session]
		if !ok {
			i = len(out.Sessions)
			at[e.Source.Session] = i
			out.Sessions = append(out.Sessions, workSession{ID: e.Source.Session, Last: e.Time})
		}
		out.Sessions[i].First = e.Time
		out.Sessions[i].count(e)
	})
	if err != nil {
		return out, err
	}
	out.Grants, err = grantsOf(ctx, p, agent)
	return out, err
}

func (p *printer) sessions(s sessionsOf, agent locket.Principal) {
	if len(s.Sessions) == 0 {
		p.line("%s has done nothing yet", clean(agent.Name, false))
	} else {
		var rows [][]string
		for _, w := range s.Sessions {
			id := w.ID
			if id == "" {
				id = "(none)"
			}
			rows = append(rows, []string{id, when(w.First), when(w.Last), fmt.Sprint(w.Reads), fmt.Sprint(w.Writes), fmt.Sprint(w.Refused)})
		}
		p.table([]string{"SESSION", "FIRST", "LAST", "READS", "WRITES", "REFUSED"}, rows)
	}
	if s.Partly {
		p.line("of the latest %d entries of the journal", maxCounted)
	}
	if len(s.Grants) > 0 {
		p.line("")
		p.grants(s.Grants, map[locket.PrincipalID]string{agent.ID: agent.Name})
	}
}
