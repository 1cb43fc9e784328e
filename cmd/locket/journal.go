package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

func (c *cli) journalCommand() *cobra.Command {
	var q journalQuery
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Show who did what: changes, reads of agents, refusals",
		Long: `List the entries of the journal, the latest first: every change, what agents, plugins and
peers read, and what was refused. Each is signed, with the key of who did it or by the
pod for them. --follow shows the latest and then new ones as they come, until Ctrl-C; on a
folder the pod stays open meanwhile. The subcommands take the journal, or proof of a
part, out of the pod, and check it anywhere.`,
		Example: "  locket journal\n  locket journal --principal scribe --kind access\n  locket journal --follow\n  locket journal --json --limit 500",
		Args:    takes(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.showJournal(cmd.Context(), q) },
	}
	q.paging(cmd)
	f := cmd.Flags()
	f.StringVar(&q.principal, "principal", "", "only what this principal did, `NAME` or id")
	f.StringVar(&q.kind, "kind", "", "only entries of this kind: change or access")
	f.StringVar(&q.session, "session", "", "only what was done in this session, `ID`")
	cmd.AddCommand(c.journalExportCommand(), c.journalProveCommand(), c.journalCheckCommand(), c.journalCheckpointCommand())
	return cmd
}

// A journalQuery is the flags of commands that list the journal.
type journalQuery struct {
	principal     string // name or id
	kind, session string
	limit, cursor string
	follow        bool
	agent         bool // principal is an agent, of whom more is shown
}

func (q *journalQuery) paging(cmd *cobra.Command) {
	cmd.Flags().StringVar(&q.limit, "limit", "", "most entries to show, `N`")
	cmd.Flags().StringVar(&q.cursor, "cursor", "", "go on where the page before ended")
	cmd.Flags().BoolVarP(&q.follow, "follow", "f", false, "show new entries as they come, until Ctrl-C")
}

func (c *cli) showJournal(ctx context.Context, q journalQuery) error {
	if q.follow && q.cursor != "" {
		return locket.Errorf(locket.CodeInvalid, "--follow begins with the latest entries; leave out --cursor")
	}
	return c.withPod(ctx, func(p pod) error {
		fields := map[string]string{"kind": q.kind, "session": q.session, "limit": q.limit}
		if q.principal != "" {
			find := whom
			if q.agent {
				find = pastAgent
			}
			id, err := find(ctx, p, q.principal)
			if err != nil {
				return err
			}
			fields["principal"] = string(id)
		}
		list := func(cursor string) (locket.Page[store.JournalEntry], error) {
			fields["cursor"] = cursor
			return run[locket.Page[store.JournalEntry]](ctx, p, "journal.list", fields)
		}
		var called *titles
		if q.agent {
			var err error
			if called, err = newTitles(ctx, p); err != nil {
				return err
			}
		}
		if q.follow {
			return followJournal(ctx, list, func(list []store.JournalEntry) error {
				if err := called.learn(ctx, list); err != nil {
					return err
				}
				return c.printEntries(list, called)
			})
		}
		page, err := list(q.cursor)
		if err != nil {
			return err
		}
		if err := called.learn(ctx, page.Items); err != nil {
			return err
		}
		return c.print(called.page(page), func(p *printer) {
			p.entries(page.Items, called)
			p.more(page.Next)
		})
	})
}

const (
	followEvery = time.Second
	maxFollow   = 10_000 // new entries between two looks
)

// followJournal shows the page that list gives first, and then what is new in it every
// second, oldest first, until ctx ends.
func followJournal(ctx context.Context, list func(cursor string) (locket.Page[store.JournalEntry], error), show func([]store.JournalEntry) error) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	var last string // hash of the latest entry that was shown
	for first := true; ; first = false {
		entries, err := since(last, first, list)
		if ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		if len(entries) > 0 {
			last = entries[len(entries)-1].Hash
			if err := show(entries); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// since reads the entries after the one with the hash last, or one page of the latest,
// and returns them oldest first.
func since(last string, onePage bool, list func(cursor string) (locket.Page[store.JournalEntry], error)) ([]store.JournalEntry, error) {
	var entries []store.JournalEntry
	for cursor := ""; ; {
		page, err := list(cursor)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Items {
			if e.Hash == last {
				slices.Reverse(entries)
				return entries, nil
			}
			entries = append(entries, e)
		}
		if cursor = page.Next; cursor == "" || onePage {
			slices.Reverse(entries)
			return entries, nil
		}
		if len(entries) >= maxFollow {
			return nil, locket.Errorf(locket.CodeTooLarge, "%d entries came at once; 'locket journal' lists them page by page", len(entries))
		}
	}
}

// printEntries writes entries one by one, with --json as JSON Lines.
func (c *cli) printEntries(list []store.JournalEntry, called *titles) error {
	if !c.json {
		return c.print(nil, func(p *printer) {
			for _, e := range list {
				for _, row := range entryRows(e, called) {
					p.row(row, []int{19, 16, 6, 6, 0}, "")
				}
			}
		})
	}
	lines := json.NewEncoder(c.out)
	lines.SetEscapeHTML(false)
	for _, e := range list {
		if err := lines.Encode(e); err != nil {
			return locket.Errorf(locket.CodeInternal, "standard output cannot be written").Because(err)
		}
	}
	return nil
}

func (p *printer) entries(list []store.JournalEntry, called *titles) {
	if len(list) == 0 {
		p.line("no entries")
		return
	}
	var rows [][]string
	for _, e := range list {
		rows = append(rows, entryRows(e, called)...)
	}
	p.table([]string{"TIME", "WHO", "SIGNED", "KIND", "WHAT"}, rows)
}

// entryRows is an entry, and in a second row what the items in it are called.
func entryRows(e store.JournalEntry, called *titles) [][]string {
	rows := [][]string{{e.Time.Local().Format(time.DateTime), e.Name, signer(e.SignedBy), string(e.Kind), summary(e)}}
	if names := called.of(e); names != "" {
		rows = append(rows, []string{"", "", "", "", names})
	}
	return rows
}

// signer says by whom something was signed.
func signer(s locket.Signatory) string {
	if s == locket.SignedByAuthor {
		return "self"
	}
	return string(s)
}

// summary says what an entry did: each action, or how often if it is many.
func summary(e store.JournalEntry) string {
	counts := make(map[locket.Action]int)
	for _, a := range e.Actions {
		counts[a.Action]++
	}
	var parts []string
	told := make(map[locket.Action]bool)
	for _, a := range e.Actions {
		switch n := counts[a.Action]; {
		case n <= 2:
			parts = append(parts, action(a))
		case !told[a.Action]:
			parts = append(parts, fmt.Sprintf("%s %d times", a.Action, n))
			told[a.Action] = true
		}
	}
	if e.More > 0 {
		parts = append(parts, fmt.Sprintf("%d more", e.More))
	}
	return strings.Join(parts, ", ")
}

// action says what one action was about, as far as its details have one of the names
// that the journal uses.
func action(a store.JournalAction) string {
	text := string(a.Action)
	for _, name := range []string{"op", "asked", "kind", "type", "name", "target", "state", "audience", "slot", "id"} {
		if v := a.Detail[name]; v != nil && v != "" {
			text += " " + fmt.Sprint(v)
		}
	}
	if a.Item != "" {
		text += " " + string(a.Item)
	}
	if n, ok := a.Detail["count"]; ok {
		text += fmt.Sprintf(" (saw %v)", n)
	}
	if code, ok := a.Detail["code"]; ok {
		text += fmt.Sprintf(" (%v)", code)
	}
	return text
}
