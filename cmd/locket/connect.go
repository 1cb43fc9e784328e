package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agentcfg"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/policy"
)

func (c *cli) connectCommand() *cobra.Command {
	var w connecting
	cmd := &cobra.Command{
		Use:   "connect CLIENT",
		Short: "Give an AI client its memory: let its agent in, and configure it",
		Long: `Configure an AI client so that it runs 'locket mcp', and let its agent in: with a policy that
gives it memories of its own and lets it read those under "shared", and with an API key in a
file of its own, which the client's configuration only names. CLIENT is claude-code,
claude-desktop, codex, cursor or gemini.

What changes in the client's configuration is shown first, and asked about. The file keeps
everything else, also its comments, and a copy of it is kept beside it. Doing it again
changes nothing; an agent that is there keeps its policy.

--hooks also has Claude Code ask for memories by itself, when a session begins and with
every prompt; each time a line says how many came. LOCKET_HOOKS=off or 'locket agents pause'
silences that. --http names the server's address instead of a program, for clients that log
in by themselves; the server asks the owner what the agent may do.

The policy binds what goes through Locket. A client that reads files or runs programs as you
can reach the pod's folder and the key, and with both all of the pod: where that matters,
keep the pod on another account or machine and connect with --server.`,
		Example: `  locket connect claude-code
  locket connect claude-code --hooks --yes
  locket connect cursor --dry-run
  locket connect claude-desktop --review
  locket connect codex --name "Codex at work" --scopes memory.read
  locket connect gemini --http --server https://pod.example.com`,
		Args: takes("CLIENT"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if w.client, err = findClient(args[0]); err != nil {
				return err
			}
			if w.scopes, err = checkScopes(w.scopes); err != nil {
				return err
			}
			return c.connect(cmd.Context(), w)
		},
	}
	f := cmd.Flags()
	f.StringVar(&w.name, "name", "", "what to call the agent; default: CLIENT")
	f.StringSliceVar(&w.scopes, "scopes", nil, "what a new agent may do, with commas between: memory.read, memory.write, memory.delete, items.read; default: all but the last")
	f.BoolVar(&w.review, "review", false, "what a new agent writes, changes or forgets waits for you: 'locket approvals'")
	f.BoolVar(&w.project, "project", false, "configure only the project in this folder")
	f.BoolVar(&w.http, "http", false, "let the client reach the server of --server by itself, and log in there")
	f.BoolVar(&w.hooks, "hooks", false, "add hooks that recall memories, for claude-code")
	f.BoolVar(&w.newKey, "new-key", false, "give the agent a new key and end the one before")
	f.BoolVar(&w.dryRun, "dry-run", false, "only show what would change")
	f.BoolVarP(&w.yes, "yes", "y", false, "do not ask")
	return cmd
}

// A connecting is one run of connect.
type connecting struct {
	client                       aiClient
	name                         string
	scopes                       []string
	review                       bool // what a new agent changes waits for the owner
	project, http, hooks, newKey bool
	dryRun, yes                  bool
}

// policy is that of a new agent.
func (w connecting) policy() locket.Policy {
	p := ops.AgentPolicy(w.name, w.scopes)
	if w.review {
		return policy.Reviewed(p)
	}
	return p
}

// connected is what connect and disconnect print.
type connected struct {
	Client    string             `json:"client"`
	Agent     string             `json:"agent,omitempty"`
	Principal locket.PrincipalID `json:"principal,omitempty"` // absent: it is yet to be made
	KeyFile   string             `json:"keyFile,omitempty"`
	May       []string           `json:"may,omitempty"`
	Files     []changedFile      `json:"files"`
	Changed   bool               `json:"changed"`
	DryRun    bool               `json:"dryRun,omitempty"`

	notes []string
}

// A changedFile is a file of a client.
type changedFile struct {
	Path   string `json:"path"`
	Backup string `json:"backup,omitempty"`
	Diff   string `json:"diff,omitempty"` // absent: nothing changes
}

func (c *cli) connect(ctx context.Context, w connecting) error {
	if w.name == "" {
		w.name = w.client.name
	}
	if w.http {
		return c.connectHTTP(ctx, w)
	}
	if w.hooks && w.client.hooks == nil {
		return locket.Errorf(locket.CodeUnsupported, "%s has no hooks that Locket serves; leave out --hooks", w.client.title)
	}
	return c.withPod(ctx, func(p pod) error {
		s, err := c.findSeat(ctx, p, w.name)
		if err != nil {
			return err
		}
		files, err := c.plan(w, s, p)
		if err != nil {
			return err
		}
		out := connected{Client: w.client.name, Agent: w.name, Principal: s.agent.ID, KeyFile: s.file, May: s.may(w), DryRun: w.dryRun}
		out.notes = append(out.notes, seatNote(s, w))
		fresh := !s.exists || s.key == "" || w.newKey
		return c.carryOut(ctx, &out, files, fresh, w.yes, w.client.after, func() error {
			if err := s.take(ctx, p, w); err != nil {
				return err
			}
			out.Principal = s.agent.ID
			return nil
		})
	})
}

// connectHTTP configures a client that logs in by itself, so no pod need be opened.
func (c *cli) connectHTTP(ctx context.Context, w connecting) error {
	switch {
	case c.server == "":
		return locket.Errorf(locket.CodeInvalid, "say with --server where the client reaches the server")
	case w.client.urlKey == "":
		return locket.Errorf(locket.CodeUnsupported, "%s takes remote servers in its settings, under Connectors: give it %s", w.client.title, mcpURL(c.server))
	case w.hooks || w.newKey:
		return locket.Errorf(locket.CodeInvalid, "with --http the client has no key of Locket's; leave out --hooks and --new-key, or --http")
	}
	f, err := c.planEntry(w, entry{url: mcpURL(c.server)})
	if err != nil {
		return err
	}
	out := connected{Client: w.client.name, DryRun: w.dryRun}
	return c.carryOut(ctx, &out, []*configFile{f}, false, w.yes, w.client.afterHTTP, func() error { return nil })
}

func mcpURL(server string) string { return strings.TrimRight(server, "/") + "/mcp" }

// plan says what becomes of the client's files.
func (c *cli) plan(w connecting, s seat, p pod) ([]*configFile, error) {
	program, err := ownProgram()
	if err != nil {
		return nil, err
	}
	where, err := c.reaching(p)
	if err != nil {
		return nil, err
	}
	where = append([]string{"--api-key-file", s.file}, where...)
	e := entry{command: program, args: append([]string{"mcp"}, where...)}
	if state, ok := os.LookupEnv(envState); ok {
		if e.state, err = filepath.Abs(state); err != nil {
			return nil, err
		}
	}
	f, err := c.planEntry(w, e)
	if err != nil || !w.hooks {
		return []*configFile{f}, err
	}
	h, err := w.client.planHooks(program, where)
	return []*configFile{f, h}, err
}

func (c *cli) planEntry(w connecting, e entry) (*configFile, error) {
	path, err := w.client.path(w.project)
	if err != nil {
		return nil, err
	}
	f, err := openConfig(path)
	if err != nil {
		return nil, err
	}
	return f, f.becomes(func(text []byte) (document, error) { return w.client.put(text, e) })
}

// reaching is the arguments by which another run finds this pod.
func (c *cli) reaching(p pod) ([]string, error) {
	l, ok := p.(local)
	if !ok {
		return []string{"--server", c.server}, nil
	}
	dir, err := c.podsDir()
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	return []string{"--dir", dir, "--pod", string(l.visit.Pod())}, err
}

// ownProgram is how others call this program: by the name in the search path if that
// is it, which outlives updates.
func ownProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", locket.Errorf(locket.CodeInternal, "the path of this program cannot be found").Because(err)
	}
	named, err := exec.LookPath(strings.TrimSuffix(filepath.Base(self), ".exe"))
	if err != nil || !filepath.IsAbs(named) {
		return self, nil
	}
	a, errA := os.Stat(self)
	b, errB := os.Stat(named)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return named, nil
	}
	return self, nil
}

func seatNote(s seat, w connecting) string {
	switch {
	case !s.exists:
		return fmt.Sprintf("A new agent, %s, with a key in %s.", s.name, s.file)
	case s.agent.State == locket.StatePaused:
		return fmt.Sprintf("The agent %s is paused; 'locket agents resume' lets it go on.", s.name)
	case s.key == "":
		return fmt.Sprintf("The agent %s is there already and gets a new key, in %s.", s.name, s.file)
	case w.newKey:
		return fmt.Sprintf("The agent %s gets a new key, in %s, and the one before ends.", s.name, s.file)
	}
	return fmt.Sprintf("The agent %s is there already and keeps its key.", s.name)
}

// carryOut shows what is to be done, asks, does it with do, and writes the files. more
// says that there is something to do beside the files.
func (c *cli) carryOut(ctx context.Context, out *connected, files []*configFile, more, yes bool, after string, do func() error) error {
	out.Changed = more
	for _, f := range files {
		out.Changed = out.Changed || f.dirty()
		out.Files = append(out.Files, changedFile{Path: f.path, Diff: masked(agentcfg.Diff(f.edits))})
	}
	if !out.Changed || out.DryRun {
		return c.print(out, func(p *printer) { p.planned(out, files) })
	}
	if !c.json {
		if err := c.print(out, func(p *printer) { p.planned(out, files) }); err != nil {
			return err
		}
	}
	if err := c.confirm(ctx, "Do this?", yes); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	for i, f := range files {
		if !f.dirty() {
			continue
		}
		backup, err := f.save(time.Now())
		if err != nil {
			return err
		}
		out.Files[i].Backup = backup
	}
	if c.json {
		return c.print(out, nil)
	}
	return c.print(out, func(p *printer) {
		for _, f := range out.Files {
			if f.Backup != "" {
				p.line("kept the file as it was: %s", clean(f.Backup, false))
			}
		}
		p.line("done. %s", after)
	})
}

// planned writes what is to be done.
func (p *printer) planned(out *connected, files []*configFile) {
	if !out.Changed {
		p.line("nothing to do: %s is as it should be", clean(out.Client, false))
		return
	}
	for i, f := range out.Files {
		if f.Diff == "" {
			continue
		}
		note := ""
		if real := files[i].real; real != f.Path {
			note = ", a link to " + real
		} else if !files[i].exists {
			note = ", a new file"
		}
		p.line("%s", p.styled(bold, clean(f.Path+note, false)))
		p.line("%s", clean(strings.TrimRight(f.Diff, "\n"), true))
	}
	for _, n := range out.notes {
		p.line("%s", clean(n, false))
	}
	p.sentences(out.May)
}
