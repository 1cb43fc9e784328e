package main

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/locketpod/locket/internal/agentcfg"
)

// hookEvents are the events of Claude Code that Locket serves, and the names of the
// commands that do.
var hookEvents = []struct{ event, command string }{
	{"SessionStart", hookSession}, {"UserPromptSubmit", hookPrompt}, {"Stop", hookStop},
}

// hostTimeout is after how many seconds Claude Code gives up on a hook. Hooks give up
// much earlier by themselves.
const hostTimeout = 10

// A hookGroup is an element of a list of hooks in Claude Code's settings.
type hookGroup struct {
	Hooks []hookCommand `json:"hooks"`
}

type hookCommand struct {
	Type    string `json:"type"`
	Command string `json:"command"`
	Timeout int    `json:"timeout,omitempty"`
}

var ownHook = regexp.MustCompile(`locket(\.exe)?['"]? hook (session-start|prompt|stop)( |$)`)

// ownGroup tells whether an element holds a hook of Locket's and nothing else.
func ownGroup(element json.RawMessage) bool {
	var g hookGroup
	return json.Unmarshal(element, &g) == nil && len(g.Hooks) == 1 && ownHook.MatchString(g.Hooks[0].Command)
}

// planHooks says what becomes of the settings that get hooks.
func (cl aiClient) planHooks(program string, where []string) (*configFile, error) {
	return cl.withHooks(func(d *agentcfg.JSON, event, command string) error {
		line := []string{shellWord(program), "hook", command}
		for _, a := range where {
			line = append(line, shellWord(a))
		}
		wanted := hookGroup{[]hookCommand{{Type: "command", Command: strings.Join(line, " "), Timeout: hostTimeout}}}
		list, err := d.Elements("hooks", event)
		if err != nil {
			return err
		}
		for _, e := range list {
			var g hookGroup
			if ownGroup(e) && json.Unmarshal(e, &g) == nil && g.Hooks[0].Command == wanted.Hooks[0].Command {
				return nil
			}
		}
		if err := d.RemoveElements(ownGroup, "hooks", event); err != nil {
			return err
		}
		return d.Append(wanted, "hooks", event)
	})
}

// planNoHooks says what becomes of the settings that lose them.
func (cl aiClient) planNoHooks() (*configFile, error) {
	return cl.withHooks(func(d *agentcfg.JSON, event, _ string) error {
		if _, there, err := d.Get("hooks"); err != nil || !there {
			return err
		}
		return d.RemoveElements(ownGroup, "hooks", event)
	})
}

func (cl aiClient) withHooks(edit func(d *agentcfg.JSON, event, command string) error) (*configFile, error) {
	path, err := cl.hooksPath()
	if err != nil {
		return nil, err
	}
	f, err := openConfig(path)
	if err != nil {
		return nil, err
	}
	return f, f.becomes(func(text []byte) (document, error) {
		d, err := agentcfg.ParseJSON(text, false)
		if err != nil {
			return nil, err
		}
		for _, h := range hookEvents {
			if err := edit(d, h.event, h.command); err != nil {
				return nil, err
			}
		}
		return d, nil
	})
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+-]+$`)

// shellWord quotes an argument for a POSIX shell (POSIX.1-2017, XCU 2.2.2), with which
// Claude Code runs hooks.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

var keyForm = regexp.MustCompile(`\b(lk|lg)_[a-z2-7]{16,}`)

// masked hides API keys that somebody put into an entry by hand.
func masked(s string) string { return keyForm.ReplaceAllString(s, "${1}_…") }
