// Command locket is one encrypted home for a person's data and for the memory of
// their AI agents: the server and every command, in one program. docs/cli.md
// describes it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/locketpod/locket/internal/harden"
)

// envTraceable lets debuggers of the same user in.
const envTraceable = "LOCKET_TRACEABLE"

func main() {
	harden.Process(os.Getenv(envTraceable) == "1")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	c := newCLI(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	_ = os.Unsetenv(envKey) // so that no child inherits it; cannot fail for this name
	status := c.run(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}
