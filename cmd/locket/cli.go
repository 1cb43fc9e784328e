package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

// The environment variables.
const (
	envDir    = "LOCKET_DIR"
	envKey    = "LOCKET_KEY"
	envFile   = "LOCKET_KEY_FILE"
	envServer = "LOCKET_SERVER"
	envSign   = "LOCKET_SIGN_KEY"
	envWork   = "LOCKET_SESSION"
	envOwner  = "LOCKET_OWNER_KEY"
	envDevice = "LOCKET_DEVICE_SECRET"
)

// A cli is one run of the program: its streams, what it found in the environment,
// and the flags that all commands share.
type cli struct {
	in       *os.File
	out, err io.Writer

	inTTY, errTTY bool
	colour        bool // on standard output
	width         int  // columns of the terminal; 0 if standard output is none

	key    *secret.Key // the API key: of LOCKET_KEY, or of a file; empty if there is none
	prompt prompter    // the terminal

	findStore func(name string) (keyStore, bool) // where the machine keeps secrets

	dir, server, pod string
	state            string // folder that remembers how far pods had come; "": nothing is remembered
	signWith         string // file with the caller's own signing key; "": the pod signs
	session          string // id of the session that the changes belong to
	backup           string // LOCKET_BACKUP
	keyFile          string // file with the API key
	ownerKey         string // file with the secret half of an owner's key
	deviceSecret     string // file with the device secret
	model            modelChoice
	passphraseFile   string
	passphraseFD     int
	json, verbose    bool
	running          bool // a command has begun, so that later errors are not about usage
}

// newCLI makes a cli of the process's streams and environment.
func newCLI(in, out, err *os.File, getenv func(string) string) *cli {
	c := &cli{
		in: in, out: out, err: err,
		inTTY: isTerminal(in), errTTY: isTerminal(err),
		key:    secret.Take([]byte(getenv(envKey))),
		prompt: terminal{}, findStore: findStore,
		backup: getenv(envBackup), keyFile: getenv(envFile), ownerKey: getenv(envOwner), deviceSecret: getenv(envDevice),
		dir: getenv(envDir), server: getenv(envServer), state: stateDir(),
		model:    modelChoice{at: getenv(envEmbed), model: getenv(envEmbedModel), key: secret.Take([]byte(getenv(envEmbedKey)))},
		signWith: getenv(envSign), session: getenv(envWork),
	}
	if isTerminal(out) {
		c.colour = getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
		c.width = 80
		if w, _, err := term.GetSize(int(out.Fd())); err == nil && w > 0 {
			c.width = w
		}
	}
	return c
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// run runs one command line, prints its error and returns the exit status.
func (c *cli) run(ctx context.Context, args []string) int {
	defer func() { c.key.Wipe() }() // a file may have given another meanwhile
	defer c.model.key.Wipe()
	err := c.execute(ctx, args)
	if err != nil {
		c.fail(err)
	}
	return int(statusOf(err))
}

// execute runs one command line. Its error has a code.
func (c *cli) execute(ctx context.Context, args []string) error {
	c.running = false
	root := c.rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !c.running {
		c.json = c.json || slices.Contains(args, "--json")
		err = usage(err)
	}
	if err != nil && ctx.Err() != nil {
		err = cancelled(err)
	}
	return coded(err)
}

// usage makes an error about the command line of what the flag parser says.
func usage(err error) error {
	if e, ok := errors.AsType[*locket.Error](err); ok {
		return e
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return locket.Errorf(locket.CodeInvalid, "%s; see 'locket help'", first)
}

// cancelled gives an error that came of Ctrl-C its code, unless it says more
// already.
func cancelled(err error) error {
	if locket.CodeOf(err) == locket.CodeInternal {
		return locket.Errorf(locket.CodeCancelled, "stopped").Because(err)
	}
	return err
}

// logger writes to standard error: text on a terminal, else JSON lines. It gets
// ids and codes, never contents.
func (c *cli) logger() *slog.Logger {
	level := slog.LevelInfo
	if c.verbose {
		level = slog.LevelDebug
	}
	options := &slog.HandlerOptions{Level: level}
	if c.errTTY {
		return slog.New(slog.NewTextHandler(c.err, options))
	}
	return slog.New(slog.NewJSONHandler(c.err, options))
}

// rootCommand lists all commands.
func (c *cli) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "locket",
		Short: "One encrypted home for your data and for the memory of your AI agents",
		Long: `Locket keeps notes, mail, contacts, events, photos and files in one encrypted pod.

Commands work directly on the pod folder (--dir, ` + envDir + `; default: the platform's
data folder), or against a server (--server, ` + envServer + `). ` + envKey + ` may hold an API
key, or --api-key-file name a file with one, so that nothing is asked.`,
		Example: `  locket init
  locket import ~/Downloads/takeout.zip
  locket search from:anna harbour
  locket serve`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			c.running = true
			return c.settle(cmd)
		},
	}
	c.sharedFlags(root)
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	groups := []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Start:", []*cobra.Command{c.initCommand(), c.serveCommand(), c.demoCommand()}},
		{"Data:", []*cobra.Command{
			c.addCommand(), c.getCommand(), c.listCommand(), c.searchCommand(),
			c.historyCommand(), c.importCommand(), c.exportCommand(), c.encryptCommand(), c.opCommand(),
		}},
		{"Agents and access:", []*cobra.Command{
			c.connectCommand(), c.disconnectCommand(), c.hookCommand(), c.mcpCommand(),
			c.memoryCommand(), c.agentsCommand(), c.approvalsCommand(), c.principalCommand(), c.policyCommand(), c.keyCommand(), c.sessionsCommand(),
		}},
		{"Safety:", []*cobra.Command{c.recoveryCommand(), c.backupCommand(), c.restoreCommand()}},
		{"Proof:", []*cobra.Command{c.journalCommand(), c.verifyCommand(), c.undoCommand()}},
		{"Care:", []*cobra.Command{c.statusCommand(), c.doctorCommand(), c.versionCommand()}},
	}
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.title
			root.AddCommand(cmd)
		}
	}
	root.AddCommand(exitStatusTopic())
	return root
}

func (c *cli) sharedFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&c.dir, "dir", c.dir, "folder that holds the pods")
	f.StringVar(&c.pod, "pod", "", "id of the pod, if the folder holds several")
	f.StringVar(&c.server, "server", c.server, "address of a server to use instead of a folder, e.g. https://pod.example.com")
	f.StringVar(&c.signWith, "sign-with", c.signWith, "file with your own signing key, as 'locket principal keygen' makes it; folders only")
	f.BoolVar(&c.json, "json", false, "print JSON, errors too")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "say more on standard error")
	f.StringVar(&c.passphraseFile, "passphrase-file", "", "read the passphrase from the first line of a file")
	f.StringVar(&c.keyFile, "api-key-file", c.keyFile, "file with an API key, readable by its owner only")
	f.StringVar(&c.ownerKey, "owner-key", c.ownerKey, "file with your own key, as 'locket key keygen' makes it; folders only")
	f.StringVar(&c.deviceSecret, "device-secret", c.deviceSecret, "file with the secret of this device that a passphrase may need")
	f.IntVar(&c.passphraseFD, "passphrase-fd", -1, "read the passphrase from the first line of a file descriptor")
}

// takes is an argument check: the arguments have these names, in this order; a last
// name that ends in "..." stands for one or more. Arguments are not repeated in the
// message: they may be secrets given by mistake.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		open := len(names) > 0 && strings.HasSuffix(names[len(names)-1], "...")
		switch {
		case len(args) < len(names):
			return locket.Errorf(locket.CodeInvalid, "%s is missing; see '%s --help'", strings.TrimSuffix(names[len(args)], "..."), cmd.CommandPath())
		case len(args) > len(names) && !open:
			return locket.Errorf(locket.CodeInvalid, "there is an argument too many; passphrases and keys are never arguments; see '%s --help'", cmd.CommandPath())
		}
		return nil
	}
}

// oneOf refuses flags that exclude each other. (Cobra's own check comes when the command
// counts as running.)
func oneOf(cmd *cobra.Command, names ...string) error {
	given := ""
	for _, n := range names {
		switch f := cmd.Flags().Lookup(n); {
		case f == nil || !f.Changed:
		case given != "":
			return locket.Errorf(locket.CodeInvalid, "give --%s or --%s, not both", given, n)
		default:
			given = n
		}
	}
	return nil
}

// exitStatusTopic is "locket help exit-status".
func exitStatusTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("The exit status says how a command ended:\n\n")
	for _, s := range statuses {
		b.WriteString("  " + statusRow(s.status, s.codes, s.meaning) + "\n")
	}
	return &cobra.Command{Use: "exit-status", Short: "What the exit statuses mean", Long: b.String()}
}
