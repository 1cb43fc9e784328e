package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// connectClient: the client's configuration is the old one or the new one, never a
// part of it; the agent that it names can come in if that was said; doing it again
// makes it whole.
func connectClient() scenario {
	const before = "{\n  \"mcpServers\": {\n    \"other\": {\n      \"command\": \"other\"\n    }\n  }\n}\n"
	config := func(h *home) string { return filepath.Join(h.dir, ".cursor", "mcp.json") }
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.file(t, filepath.Join(".cursor", "mcp.json"), before)
	}
	// whole is what the configuration has, and whether the key that it names works.
	whole := func(t *testing.T, h *home) (connected bool, err error) {
		text, err := os.ReadFile(config(h))
		if err != nil || string(text) == before {
			return false, err
		}
		var c struct {
			Servers map[string]struct{ Args []string } `json:"mcpServers"`
		}
		if err := json.Unmarshal(text, &c); err != nil {
			return false, err
		}
		args := c.Servers["locket"].Args
		if len(c.Servers) != 2 || len(args) < 3 {
			return false, fmt.Errorf("the configuration is a mixture: %s", text)
		}
		var self struct{ Name string }
		if err := h.ask(t, &self, "--api-key-file", args[2], "op", "principals.self"); err != nil {
			return false, err
		}
		if self.Name != "cursor" {
			return false, fmt.Errorf("the agent's key lets in %q", self.Name)
		}
		return true, nil
	}
	check := func(t *testing.T, h *home, o outcome) error {
		connected, err := whole(t, h)
		if err != nil {
			return err
		}
		if o.done() && !connected {
			return errors.New("the client was connected, and is not")
		}
		if err := h.ask(t, nil, "connect", "cursor", "--yes"); err != nil {
			return err
		}
		if connected, err = whole(t, h); err == nil && !connected {
			err = errors.New("connecting again does not help")
		}
		return err
	}
	args := func(*home) []string { return []string{"connect", "cursor", "--yes"} }
	return scenario{name: "connect", slow: true, prepare: prepare, args: args, check: check}
}
