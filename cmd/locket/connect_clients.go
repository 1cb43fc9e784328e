package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agentcfg"
)

// An aiClient is a program in which agents work, and which keeps in a file what servers
// of the Model Context Protocol it uses.
type aiClient struct {
	name, title string
	file        func(home string) string // its configuration
	project     string                   // the same for one project, in the project's folder; "": it has none
	hooks       func(home string) string // where it keeps hooks; nil: it has none that Locket serves
	toml        bool                     // the file is TOML; else it is JSON
	comments    bool                     // … with comments
	typed       bool                     // an entry says which type of server it is
	urlKey      string                   // what it calls the address of a remote server; "": that file has none
	after       string                   // what its user does then
	afterHTTP   string
}

func clients() []aiClient {
	return []aiClient{
		{
			name: "claude-code", title: "Claude Code", project: ".mcp.json", typed: true, urlKey: "url",
			file: func(home string) string { return filepath.Join(envOr("CLAUDE_CONFIG_DIR", home), ".claude.json") },
			hooks: func(home string) string {
				return filepath.Join(envOr("CLAUDE_CONFIG_DIR", filepath.Join(home, ".claude")), "settings.json")
			},
			after:     "Sessions that begin from now on have it; /mcp shows it.",
			afterHTTP: "In a new session, /mcp lets you log in.",
		},
		{
			name: "claude-desktop", title: "Claude Desktop", file: claudeDesktop,
			after: "Quit Claude Desktop and start it again.",
		},
		{
			name: "codex", title: "Codex", toml: true, urlKey: "url",
			file: func(home string) string {
				return filepath.Join(envOr("CODEX_HOME", filepath.Join(home, ".codex")), "config.toml")
			},
			after:     "Sessions that begin from now on have it; /mcp shows it.",
			afterHTTP: "'codex mcp login locket' lets you log in.",
		},
		{
			name: "cursor", title: "Cursor", project: filepath.Join(".cursor", "mcp.json"), comments: true, urlKey: "url",
			file:      func(home string) string { return filepath.Join(home, ".cursor", "mcp.json") },
			after:     "Cursor asks in its settings, under MCP, whether to use it.",
			afterHTTP: "In Cursor's settings, under MCP, you log in.",
		},
		{
			name: "gemini", title: "Gemini CLI", project: filepath.Join(".gemini", "settings.json"), comments: true, urlKey: "httpUrl",
			file:      func(home string) string { return filepath.Join(home, ".gemini", "settings.json") },
			after:     "Sessions that begin from now on have it; /mcp shows it.",
			afterHTTP: "In a new session, '/mcp auth locket' lets you log in.",
		},
	}
}

func envOr(name, other string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return other
}

// claudeDesktop is where Claude Desktop keeps its configuration.
func claudeDesktop(home string) string {
	dir := envOr("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	switch runtime.GOOS {
	case "darwin":
		dir = filepath.Join(home, "Library", "Application Support")
	case "windows":
		dir = envOr("APPDATA", filepath.Join(home, "AppData", "Roaming"))
	}
	return filepath.Join(dir, "Claude", "claude_desktop_config.json")
}

// findClient returns the client of a name.
func findClient(name string) (aiClient, error) {
	var known []string
	for _, cl := range clients() {
		if cl.name == name {
			return cl, nil
		}
		known = append(known, cl.name)
	}
	return aiClient{}, locket.Errorf(locket.CodeInvalid, "CLIENT is one of %s; for any other, tell it to run 'locket mcp'", strings.Join(known, ", "))
}

// path is the file that the entry belongs into.
func (cl aiClient) path(project bool) (string, error) {
	if project {
		if cl.project == "" {
			return "", locket.Errorf(locket.CodeUnsupported, "%s has no configuration for a project; leave out --project", cl.title)
		}
		return filepath.Abs(cl.project)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", locket.Errorf(locket.CodeInvalid, "there is no home folder, so the configuration of %s cannot be found; set HOME", cl.title).Because(err)
	}
	return cl.file(home), nil
}

func (cl aiClient) hooksPath() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", locket.Errorf(locket.CodeInvalid, "there is no home folder, so the hooks of %s cannot be found; set HOME", cl.title).Because(err)
	}
	return cl.hooks(home), nil
}

// entryName is what the server is called in every client.
const entryName = "locket"

// An entry is how a client reaches Locket: by a command, or at an address.
type entry struct {
	command string
	args    []string
	state   string // LOCKET_STATE, where it is not the usual place
	url     string
}

// document is a configuration, JSON or TOML.
type document interface {
	Text() []byte
	Edits() []agentcfg.Edit
}

// put returns a configuration with the entry in it. What else the user has written
// into an entry of that name stays.
func (cl aiClient) put(text []byte, e entry) (document, error) {
	if cl.toml {
		d, err := agentcfg.ParseTOML(text)
		if err != nil {
			return nil, err
		}
		if e.url != "" {
			return d, d.Set([]agentcfg.Pair{{Key: cl.urlKey, Value: e.url}}, []string{"command", "args"}, "mcp_servers", entryName)
		}
		pairs := []agentcfg.Pair{{Key: "command", Value: e.command}, {Key: "args", Value: e.args}}
		if err := d.Set(pairs, []string{cl.urlKey}, "mcp_servers", entryName); err != nil || e.state == "" {
			return d, err
		}
		return d, d.Set([]agentcfg.Pair{{Key: envState, Value: e.state}}, nil, "mcp_servers", entryName, "env")
	}
	d, err := agentcfg.ParseJSON(text, cl.comments)
	if err != nil {
		return nil, err
	}
	_, there, err := d.Get("mcpServers", entryName)
	if err == nil && !there {
		return d, d.Set(cl.json(e), "mcpServers", entryName)
	}
	return d, cl.change(d, cl.json(e), err)
}

// A jsonEntry is an entry as clients write it, in their order.
type jsonEntry struct {
	Type    string            `json:"type,omitempty"`
	Command string            `json:"command,omitempty"`
	Args    []string          `json:"args,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	URL     string            `json:"url,omitempty"`
	HTTPURL string            `json:"httpUrl,omitempty"`
}

func (cl aiClient) json(e entry) jsonEntry {
	j := jsonEntry{Command: e.command, Args: e.args}
	if e.state != "" {
		j.Env = map[string]string{envState: e.state}
	}
	switch {
	case e.url == "":
		j.Type = "stdio"
	case cl.urlKey == "httpUrl":
		j = jsonEntry{HTTPURL: e.url}
	default:
		j = jsonEntry{Type: "http", URL: e.url}
	}
	if !cl.typed {
		j.Type = ""
	}
	return j
}

// change makes an entry that is there into another.
func (cl aiClient) change(d *agentcfg.JSON, j jsonEntry, err error) error {
	if err != nil {
		return err
	}
	at := func(key ...string) []string { return append([]string{"mcpServers", entryName}, key...) }
	var drop []string
	for _, f := range []struct {
		key   string
		value any
		empty bool
	}{
		{"type", j.Type, j.Type == ""},
		{"command", j.Command, j.Command == ""},
		{"args", j.Args, len(j.Args) == 0},
		{"url", j.URL, j.URL == ""},
		{"httpUrl", j.HTTPURL, j.HTTPURL == ""},
	} {
		if f.empty {
			drop = append(drop, f.key)
		} else if err := d.Set(f.value, at(f.key)...); err != nil {
			return err
		}
	}
	for _, key := range drop {
		if err := d.Remove(at(key)...); err != nil {
			return err
		}
	}
	if state := j.Env[envState]; state != "" {
		return d.Set(state, at("env", envState)...)
	}
	return nil
}

// drop returns a configuration without the entry.
func (cl aiClient) drop(text []byte) (document, error) {
	if cl.toml {
		d, err := agentcfg.ParseTOML(text)
		if err != nil {
			return nil, err
		}
		return d, d.Remove("mcp_servers", entryName)
	}
	d, err := agentcfg.ParseJSON(text, cl.comments)
	if err != nil {
		return nil, err
	}
	if _, there, err := d.Get("mcpServers"); err != nil || !there {
		return d, err
	}
	return d, d.Remove("mcpServers", entryName)
}
