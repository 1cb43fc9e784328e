package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/importer"
)

// imported is what "import --json" prints.
type imported struct {
	Plan   *importer.Plan  `json:"plan"`
	Report importer.Report `json:"report"`
}

func (c *cli) importCommand() *cobra.Command {
	i := importRun{c: c}
	cmd := &cobra.Command{
		Use:   "import PATH",
		Short: "Import a file, a folder or an archive",
		Long: `Import a file, a folder, or a zip or tar archive: notes in Markdown and Obsidian vaults,
mail (mbox, eml), contacts (vCard), calendars (iCalendar), memories of agents (the memory server
of MCP, mem0, ai-memory, basic-memory, mcp-memory-service), and any other file as it is;
or what 'locket export' wrote, with ids, history and links, also in an age file.
The plan is shown first. Every record read ends as imported, duplicate or rejected, and
--ledger writes what became of each. Importing again adds nothing twice; so does going on
after Ctrl-C. A database is taken apart into its rows by 'import sqlite' and 'import
sqlcipher'; without that it is a file like any other.`,
		Example: "  locket import ~/Documents/vault\n  locket import takeout.zip --yes --ledger takeout.csv\n  locket import sqlite notes.db",
		Args:    takes("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			i.path = args[0]
			return i.run(cmd.Context())
		},
	}
	i.flags(cmd)
	cmd.Flags().StringVar(&i.keys.identityFile, "age-identity", "", "file with the age identities that open an encrypted export")
	cmd.Flags().StringVar(&i.keys.passphraseFile, "age-passphrase-file", "", "file whose first line is the passphrase of an encrypted export")
	cmd.AddCommand(c.importSQLiteCommand(), c.importSQLCipherCommand())
	return cmd
}

// An importRun is one run of import.
type importRun struct {
	c      *cli
	path   string
	yes    bool
	ledger string
	keys   ageKeys

	sealed *sealedFile        // nil: the source is not encrypted
	tree   *importer.Tree     // nil if the source is a database
	db     *importer.Database // nil if it is none
	plan   *importer.Plan
	bar    *progress
}

func (i *importRun) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&i.yes, "yes", "y", false, "do not ask whether to go on")
	cmd.Flags().StringVar(&i.ledger, "ledger", "", "new CSV file for what became of every record")
}

func (i *importRun) checkLedger() error {
	if _, err := os.Lstat(i.ledger); i.ledger != "" && err == nil {
		return locket.Errorf(locket.CodeExists, "%s exists already; choose another name for the ledger", i.ledger)
	}
	return nil
}

func (i *importRun) run(ctx context.Context) (err error) {
	if err := i.checkLedger(); err != nil {
		return err
	}
	if i.sealed, err = openSealed(i.path, i.keys); err != nil {
		return err
	}
	if i.sealed != nil {
		defer closing(i.sealed, &err)
		i.tree = importer.OpenReader(i.sealed.name, i.sealed, i.sealed.size, importer.DefaultLimits())
	} else if i.tree, err = importer.OpenPath(i.path, importer.DefaultLimits()); err != nil {
		return err
	}
	defer closing(i.tree, &err)
	i.bar = i.c.newProgress()
	defer i.bar.end()
	if i.plan, err = importer.Recognise(ctx, i.tree, importer.Formats(), i.bar.report); err != nil {
		return err
	}
	i.bar.end()
	return i.write(ctx)
}

// write imports what the plan says, if that is agreed to.
func (i *importRun) write(ctx context.Context) error {
	if err := i.agree(ctx); err != nil {
		return err
	}
	return i.c.withPod(ctx, func(p pod) error {
		report, err := p.importTree(ctx, i)
		i.bar.end()
		return i.finish(context.WithoutCancel(ctx), p, report, err)
	})
}

// agree shows the plan, and asks whether to go on if there is somebody to ask.
func (i *importRun) agree(ctx context.Context) error {
	if !i.c.json {
		if err := i.c.print(i.plan, func(p *printer) { p.plan(i.plan) }); err != nil {
			return err
		}
	}
	if i.yes || !i.c.inTTY {
		return nil
	}
	yes, err := i.c.prompt.confirm(ctx, "Import this?")
	if err == nil && !yes {
		err = locket.Errorf(locket.CodeCancelled, "nothing was imported")
	}
	return err
}

// finish writes the ledger and the summary of a run that ended well or was stopped.
func (i *importRun) finish(ctx context.Context, p pod, r importer.Report, err error) error {
	if r.ID == "" {
		return err // it did not begin
	}
	if i.ledger != "" {
		if e := i.writeLedger(ctx, p, r.ID); err == nil {
			err = e
		}
	}
	if e := i.c.print(imported{i.plan, r}, func(p *printer) { p.report(r) }); err == nil {
		err = e
	}
	return err
}

func (i *importRun) writeLedger(ctx context.Context, p pod, id string) error {
	o, in, err := input("imports.csv", map[string]string{"id": id})
	if err != nil {
		return err
	}
	return writeNew(i.ledger, func(w io.Writer) error { return p.fetch(ctx, o, in, w) })
}

func (p *printer) plan(plan *importer.Plan) {
	p.line("%s holds", p.styled(bold, clean(plan.Source, false)))
	var rows [][]string
	for _, f := range plan.Formats {
		rows = append(rows, []string{f.Title, fmt.Sprint(f.Files), size(f.Bytes), strings.Join(f.Examples[:min(2, len(f.Examples))], ", ")})
	}
	if plan.Tables != nil {
		p.tables(plan)
		return
	}
	p.table([]string{"FORMAT", "FILES", "SIZE", "SUCH AS"}, rows)
	if n := plan.Refused.Count; n > 0 {
		p.line("%d files cannot be read:", n)
		for _, e := range plan.Refused.Examples {
			p.line("  %s: %s", clean(e.Path, false), clean(e.Reason, false))
		}
	}
	if n := plan.Ignored.Count; n > 0 {
		p.line("%d files and folders of programs and systems are left out, such as %s", n, clean(plan.Ignored.Examples[0].Path, false))
	}
}

// tables names every table of a database.
func (p *printer) tables(plan *importer.Plan) {
	var rows [][]string
	for _, t := range plan.Tables {
		if t.LeftOut != "" {
			rows = append(rows, []string{t.Table, "", "left out: " + t.LeftOut})
			continue
		}
		rows = append(rows, []string{t.Table, fmt.Sprint(t.Rows), "items of type " + t.Type})
	}
	p.table([]string{"TABLE", "ROWS", "BECOMES"}, rows)
}

func (p *printer) report(r importer.Report) {
	p.line("%d records read: %d imported, %d duplicates, %d rejected", r.Read, r.Imported, r.Duplicate, r.Rejected)
	if r.Links > 0 || r.Dropped > 0 {
		p.line("%d links; %d lead to something that is not there", r.Links, r.Dropped)
	}
	if r.Finished.IsZero() {
		p.line("Not finished. Run the same command again to go on: what is imported is recognised.")
	}
	p.line("%s", p.styled(dim, "import "+r.ID))
}

// importTree imports into a folder.
func (l local) importTree(ctx context.Context, i *importRun) (importer.Report, error) {
	if i.db != nil {
		return importer.RunDatabase(ctx, l.visit.View, i.db, i.bar.report)
	}
	return importer.Run(ctx, l.visit.View, i.tree, i.plan, importer.Options{Report: i.bar.report})
}

// importTree uploads the file, or an archive made of the folder on the way.
func (r *remote) importTree(ctx context.Context, i *importRun) (report importer.Report, err error) {
	body, name, err := i.openUpload()
	if err != nil {
		return report, err
	}
	defer closing(body, &err)
	o, in, err := input("imports.run", map[string]string{"name": name})
	if err != nil {
		return report, err
	}
	out, err := r.do(ctx, o, in, body, i.bar.report)
	if err != nil {
		return report, err
	}
	return out.(importer.Report), nil
}

func (i *importRun) openUpload() (io.ReadCloser, string, error) {
	if i.sealed != nil {
		return io.NopCloser(io.NewSectionReader(i.sealed, 0, i.sealed.size)), i.sealed.name, nil
	}
	return openUpload(i.path)
}
