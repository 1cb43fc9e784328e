package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/policy"
)

// findAgent finds an agent by name. One that was revoked is none: another may have
// its name.
func findAgent(ctx context.Context, p pod, name string) (agent locket.Principal, found bool, err error) {
	out, err := run[ops.Principals](ctx, p, "principals.list", nil)
	if err != nil {
		return agent, false, err
	}
	for _, w := range out.Principals {
		if w.Kind == locket.KindAgent && w.Name == name && w.State != locket.StateRevoked {
			return w, true, nil
		}
	}
	return agent, false, nil
}

// A seat is an agent as a client runs it: a principal, and a file with its key.
type seat struct {
	name   string
	file   string
	agent  locket.Principal
	exists bool
	key    string // id of the key in the file, if that lets this agent in
}

// keyPlace is the file for the key of an agent of this name.
func (c *cli) keyPlace(name string) (string, error) {
	if c.state == "" {
		return "", locket.Errorf(locket.CodeInvalid, "there is no place for the agent's key; name a folder in %s", envState)
	}
	dir, err := filepath.Abs(filepath.Join(c.state, "agents"))
	return filepath.Join(dir, path.Base(locket.AgentNamespace(name))+".key"), err
}

// findSeat looks what is there of an agent already.
func (c *cli) findSeat(ctx context.Context, p pod, name string) (s seat, err error) {
	s.name = name
	if s.file, err = c.keyPlace(name); err != nil {
		return s, err
	}
	if s.agent, s.exists, err = findAgent(ctx, p, name); err != nil || !s.exists {
		return s, err
	}
	s.key, err = keyOf(ctx, p, s)
	return s, err
}

// keyOf returns the id of the key in the seat's file, "" if there is none that lets the
// agent in.
func keyOf(ctx context.Context, p pod, s seat) (string, error) {
	text, err := readKeyFile(s.file)
	if locket.CodeOf(err) == locket.CodeNotFound {
		return "", nil
	} else if err != nil {
		return "", err
	}
	defer text.Wipe()
	token, err := keyring.ParseToken(text.Bytes())
	if err != nil {
		return "", nil // it is replaced
	}
	defer token.Wipe()
	out, err := run[ops.KeyList](ctx, p, "keys.list", nil)
	if err != nil {
		return "", err
	}
	for _, k := range out.Keys {
		if k.ID == token.Slot.String() && k.Principal == s.agent.ID {
			return k.ID, nil
		}
	}
	return "", nil
}

// take makes the agent unless it is there, and a key unless it has one that is kept.
func (s *seat) take(ctx context.Context, p pod, w connecting) error {
	old := s.key
	var key string
	if s.exists {
		if old != "" && !w.newKey {
			return nil
		}
		out, err := run[ops.NewKey](ctx, p, "keys.create", map[string]string{"name": s.name, "principal": string(s.agent.ID)})
		if err != nil {
			return err
		}
		s.key, key = out.ID, out.Key
	} else {
		text, err := json.Marshal(w.policy())
		if err != nil {
			return err
		}
		out, err := run[ops.CreatedPrincipal](ctx, p, "principals.create", map[string]string{
			"kind": string(locket.KindAgent), "name": s.name, "policy": string(text), "key": "true",
		})
		if err != nil {
			return err
		}
		s.agent, s.exists, s.key, key = out.Principal, true, out.KeyID, out.Key
	}
	if err := writeKey(s.file, key); err != nil {
		return err
	}
	if old == "" {
		return nil
	}
	_, err := run[ops.Nothing](ctx, p, "keys.revoke", map[string]string{"id": old})
	return err
}

func writeKey(file, key string) (err error) {
	if err := durable.MkdirAll(filepath.Dir(file)); err != nil {
		return unwritable(file, err)
	}
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return unwritable(file, err)
	}
	defer closing(root, &err)
	data := append([]byte(key), '\n')
	defer clear(data)
	if err := durable.WriteFile(root, filepath.Base(file), data); err != nil {
		return unwritable(file, err)
	}
	return nil
}

// leave revokes the agent with all its keys, and removes the file.
func (s *seat) leave(ctx context.Context, p pod) error {
	if s.exists {
		if _, err := run[locket.Principal](ctx, p, "principals.revoke", map[string]string{"id": string(s.agent.ID)}); err != nil {
			return err
		}
	}
	if err := os.Remove(s.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritable(s.file, err)
	}
	return nil
}

// may says what the agent may do, or will if it is made.
func (s *seat) may(w connecting) []string {
	if s.exists {
		return may(s.agent)
	}
	return policy.Explain(w.policy())
}

// checkScopes refuses scopes that there are none of; none given are the usual ones.
func checkScopes(given []string) ([]string, error) {
	if len(given) == 0 {
		return ops.UsualScopes(), nil
	}
	var known []string
	for _, s := range ops.Scopes() {
		known = append(known, s.Name)
	}
	for _, s := range given {
		if !slices.Contains(known, s) {
			return nil, locket.Errorf(locket.CodeInvalid, "there is no scope %.40q; there are %s", s, strings.Join(known, ", "))
		}
	}
	return given, nil
}
