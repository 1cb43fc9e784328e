package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/secret"
)

// envHooks silences hooks if it is "off".
const envHooks = "LOCKET_HOOKS"

// The hooks that Locket serves.
const (
	hookSession = "session-start"
	hookPrompt  = "prompt"
	hookStop    = "stop"
)

const (
	hookDeadline = 2 * time.Second
	maxDeadline  = 60 * time.Second
	maxHookInput = 4 << 20 // bytes; prompts may hold whole files
	maxHookLog   = 64 << 10
)

func (c *cli) hookCommand() *cobra.Command {
	var deadline time.Duration
	cmd := &cobra.Command{
		Use:   "hook EVENT",
		Short: "Serve a hook of Claude Code: recall memories for a session or a prompt",
		Long: `Serve a hook of Claude Code, as 'locket connect claude-code --hooks' sets it up. EVENT is
session-start, prompt or stop; what happened comes as JSON on standard input. The first two
give the session what the agent remembers, and a line that says how much; stop says what the
agent has remembered in this turn. Nothing is stored.

A hook never stands in the way: after --deadline, and whatever goes wrong, it ends with
status 0 and says nothing. Why is in hooks.log in the folder that LOCKET_STATE names, as
codes, without contents. LOCKET_HOOKS=off or 'locket agents pause' silences hooks.`,
		Example: "  locket hook prompt --api-key-file claude-code.key < event.json\n  LOCKET_HOOKS=off claude",
		Args:    func(*cobra.Command, []string) error { return nil },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			c.running = true
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			if os.Getenv(envHooks) == "off" {
				return nil
			}
			c.humble()
			c.runHook(cmd, args[0], min(max(deadline, 0), maxDeadline))
			return nil
		},
	}
	cmd.Flags().DurationVar(&deadline, "deadline", hookDeadline, "give up after this time")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		c.logHook("flags", 0, usage(err))
		return nil
	})
	return cmd
}

// humble leaves the key of a file as the only thing that may open a pod, so that a hook
// never acts as the owner, and has nothing asked and nothing said.
func (c *cli) humble() {
	c.err, c.prompt = io.Discard, nobody{}
	c.ownerKey, c.passphraseFile, c.passphraseFD, c.signWith = "", "", -1, ""
	c.key.Wipe()
	c.key = secret.Take(nil)
}

// A hookOutput is what Claude Code reads of a hook.
type hookOutput struct {
	Message        string        `json:"systemMessage,omitempty"` // shown to the user
	SuppressOutput bool          `json:"suppressOutput"`          // keeps the rest out of the transcript's view
	Specific       *hookSpecific `json:"hookSpecificOutput,omitempty"`
}

type hookSpecific struct {
	Event   string `json:"hookEventName"`
	Context string `json:"additionalContext"` // shown to the agent
}

// runHook serves one event. It writes what there is to say in one piece, or nothing.
func (c *cli) runHook(cmd *cobra.Command, event string, deadline time.Duration) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(cmd.Context(), deadline)
	defer cancel()
	type answer struct {
		out *hookOutput
		err error
	}
	done := make(chan answer, 1)
	go func() {
		defer func() { // a status of 2, which Go ends with then, would reject the prompt
			if r := recover(); r != nil {
				done <- answer{nil, errors.New("panic")}
			}
		}()
		out, err := c.serveHook(ctx, cmd, event)
		done <- answer{out, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			c.logHook(event, time.Since(began), a.err)
		} else if a.out != nil {
			var line bytes.Buffer
			e := json.NewEncoder(&line)
			e.SetEscapeHTML(false)
			if e.Encode(a.out) == nil {
				_, _ = c.out.Write(line.Bytes()) // nobody is there who could be told
			}
		}
	case <-ctx.Done():
		// What does not heed the deadline, such as a read of standard input, ends with
		// the program: returning would wipe keys that are in use.
		c.logHook(event, time.Since(began), locket.Errorf(locket.CodeCancelled, "too slow"))
		os.Exit(0)
	}
}

// serveHook answers one event, nil if there is nothing to say.
func (c *cli) serveHook(ctx context.Context, cmd *cobra.Command, event string) (*hookOutput, error) {
	if c.keyFile == "" {
		return nil, locket.Errorf(locket.CodeUnauthenticated, "a hook needs --api-key-file")
	}
	if err := c.settle(cmd); err != nil {
		return nil, err
	}
	serve, ok := map[string]func(*hookRun, context.Context) (*hookOutput, error){
		hookSession: (*hookRun).session, hookPrompt: (*hookRun).prompted, hookStop: (*hookRun).stopped,
	}[event]
	if !ok {
		return nil, locket.Errorf(locket.CodeInvalid, "there is no such hook")
	}
	r := &hookRun{state: c.state}
	text, err := io.ReadAll(io.LimitReader(c.in, maxHookInput+1))
	if err != nil || len(text) > maxHookInput {
		return nil, locket.Errorf(locket.CodeTooLarge, "the event cannot be read").Because(err)
	}
	if err := json.Unmarshal(text, &r.in); err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "the event is not JSON").Because(err)
	}
	if c.session == "" && sessionForm.MatchString(r.in.Session) {
		c.session = r.in.Session
	}
	var out *hookOutput
	err = c.withPod(ctx, func(p pod) (err error) {
		r.pod = p
		if err := r.who(ctx); err != nil {
			return err
		}
		out, err = serve(r, ctx)
		return err
	})
	return out, err
}

// nobody is asked where nobody may be.
type nobody struct{}

var errNobody = locket.Errorf(locket.CodeUnauthenticated, "nobody can be asked here")

func (nobody) secret(context.Context, string) (*secret.Key, error) { return nil, errNobody }
func (nobody) confirm(context.Context, string) (bool, error)       { return false, errNobody }
func (nobody) line(context.Context, string) (string, error)        { return "", errNobody }

// logHook notes that a hook failed, and why in a word. It is best effort: there is
// nobody to tell.
func (c *cli) logHook(event string, took time.Duration, err error) {
	if c.state == "" || durable.MkdirAll(c.state) != nil {
		return
	}
	path := filepath.Join(c.state, "hooks.log")
	mode := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Size() > maxHookLog {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, e := os.OpenFile(path, mode, 0o600)
	if e != nil {
		return
	}
	if strings.Trim(event, "abcdefghijklmnopqrstuvwxyz-") != "" || len(event) > 20 {
		event = "unknown"
	}
	_, e = fmt.Fprintf(f, "%s %s %s %dms\n", time.Now().UTC().Format(time.RFC3339), event, locket.CodeOf(coded(err)), took.Milliseconds())
	_ = errors.Join(e, f.Close())
}
