package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket/internal/daemon"
	"github.com/locketpod/locket/internal/demo"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

func (c *cli) demoCommand() *cobra.Command {
	var exit bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try it all with a made-up life in a temporary pod",
		Long: `Make a temporary pod with the life of Linnea Quillfeather, who does not exist: about
2,000 notes, letters, events, photos and more. It is served until Ctrl-C and then
removed. Commands to try are printed; --exit runs them and ends.`,
		Example: "  locket demo\n  locket demo --exit",
		Args:    takes(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.demo(cmd.Context(), exit) },
	}
	cmd.Flags().BoolVar(&exit, "exit", false, "run the commands to try, show what they print, and end")
	return cmd
}

// tryOut returns the five commands to try.
func tryOut(url string) [][]string {
	return [][]string{
		{"status"},
		{"search", "harbour", "atlas", "--limit", "3"},
		{"search", "from:priya", "after:2026-01-01", "deadline", "--limit", "3"},
		{"list", "--type", "Event", "--order", "time", "--limit", "5"},
		{"search", "등대", "--limit", "3", "--server", url},
	}
}

func (c *cli) demo(ctx context.Context, exit bool) (err error) {
	dir, err := os.MkdirTemp("", "locket-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	key, err := fillDemo(ctx, dir)
	if err != nil {
		return err
	}
	defer key.Wipe()
	return c.serveDemo(ctx, dir, func(ctx context.Context, url string) error {
		if !exit {
			c.printDemo(dir, url, key)
			<-ctx.Done()
			return nil
		}
		for _, args := range tryOut(url) {
			fmt.Fprintf(c.out, "\n$ locket %s\n", strings.Join(args, " "))
			visitor := *c
			visitor.dir, visitor.server, visitor.pod, visitor.key = dir, "", "", key
			visitor.state, visitor.signWith = "", ""
			if err := visitor.execute(ctx, args); err != nil {
				return err
			}
		}
		return nil
	})
}

// fillDemo makes the pod and returns an API key for it.
func fillDemo(ctx context.Context, dir string) (key *secret.Key, err error) {
	f, err := pods.Open(dir, pods.Options{})
	if err != nil {
		return nil, err
	}
	defer closing(f, &err)
	made, err := f.Create(ctx, pods.New{Owner: "Linnea Quillfeather", KeyName: "demo"})
	if err != nil {
		return nil, err
	}
	defer made.Token.Wipe()
	err = f.Do(ctx, made.Pod, made.Token, func(v *store.View) error {
		_, err := demo.Fill(ctx, v, demo.Generate(1, demo.Today))
		return err
	})
	return made.Token.Text(), err
}

// serveDemo serves dir at a free port for as long as visit runs.
func (c *cli) serveDemo(ctx context.Context, dir string, visit func(ctx context.Context, url string) error) error {
	log := slog.New(slog.DiscardHandler)
	if c.verbose {
		log = c.logger()
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- daemon.Serve(serving, daemon.Config{
			Dir: dir, Addr: "127.0.0.1:0", Log: log, Version: readVersion().Version,
			Ready: func(url string) { ready <- url },
		})
	}()
	select {
	case err := <-done:
		return err
	case url := <-ready:
		err := visit(ctx, url)
		stop()
		return errors.Join(err, <-done)
	}
}

func (c *cli) printDemo(dir, url string, key *secret.Key) {
	var b strings.Builder
	fmt.Fprintf(&b, "The life of Linnea Quillfeather, who does not exist, is served at %s\nuntil Ctrl-C. In another terminal:\n\n", url)
	fmt.Fprintf(&b, "  export %s=%s %s=%s\n", envDir, dir, envKey, key.Bytes())
	if self, err := os.Executable(); err == nil && !onPath(self) {
		fmt.Fprintf(&b, "  alias locket=%s\n", self)
	}
	b.WriteString("\n")
	for _, args := range tryOut(url) {
		fmt.Fprintf(&b, "  locket %s\n", strings.Join(args, " "))
	}
	fmt.Fprintf(&b, "\n  curl -H \"Authorization: Bearer $%s\" %s/v1/stats\n", envKey, url)
	fmt.Fprint(c.out, b.String())
}

// onPath says whether "locket" in a shell is this program.
func onPath(self string) bool {
	found, err := exec.LookPath("locket")
	return err == nil && found == self
}
