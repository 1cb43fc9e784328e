package oauth

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

// audienceCode is the audience of grants that are exchanged for tokens once.
const audienceCode = "oauth-code"

// A consent is what an owner has agreed to.
type consent struct {
	request
	scopes []string // no more than were asked for
	agent  string   // what it is to be called
	reuse  bool     // take the agent of this name, if there is one
	keep   bool     // give it a key of its own
}

// letIn does what the owner has agreed to, and returns the code, which the caller wipes.
// What is kept of a request is cloned: a part of a form keeps all of it in memory, with
// the passphrase that was in it.
func (s *Server) letIn(ctx context.Context, who pods.Call, c consent) (code *secret.Key, err error) {
	t := newTicket(newID(), terms{client: clientHash(c.client.ID), agent: strings.Clone(c.agent), scopes: c.scopes})
	defer t.wipe()
	f := &family{
		id: t.authorization, client: strings.Clone(c.client.ID), pod: who.Pod, terms: t.terms, ends: s.Now().Add(refreshLife),
		redirect: strings.Clone(c.asked), challenge: strings.Clone(c.challenge), code: t.digest(), codeEnds: s.Now().Add(codeUse),
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := s.families.add(f); err != nil {
		return nil, err
	}
	err = s.Doer.Visit(ctx, who, func(v *pods.Visit) error {
		for _, slot := range s.families.abandoned(who.Pod) {
			if err := v.Keys().Revoke(ctx, slot); err != nil && locket.CodeOf(err) != locket.CodeNotFound {
				return err
			}
		}
		agent, err := findAgent(ctx, v, c)
		if err != nil {
			return err
		}
		if c.keep {
			if err := f.addKey(ctx, v, agent.ID, keyName(c.client), t); err != nil {
				return err
			}
		}
		_, t.grant, err = v.Grant(ctx, pods.GrantRequest{Principal: agent.ID, Audience: audienceCode, Life: codeLife})
		return err
	})
	if err != nil {
		s.families.drop(f)
		return nil, err
	}
	return t.text(codePrefix), nil
}

// findAgent returns the agent that is to be let in: a new one, or one that exists if
// that is wanted and it may do all that was agreed to.
func findAgent(ctx context.Context, v *pods.Visit, c consent) (locket.Principal, error) {
	list, err := v.View.Principals(ctx)
	if err != nil {
		return locket.Principal{}, err
	}
	may := ops.AgentPolicy(c.agent, c.scopes)
	i := slices.IndexFunc(list, func(p locket.Principal) bool { return p.Name == c.agent && p.State != locket.StateRevoked })
	if i < 0 {
		if err := checkApart(list, c.agent); err != nil {
			return locket.Principal{}, err
		}
		var made locket.Principal
		_, err := v.View.Write(ctx, func(w *store.Writer) (err error) {
			made, err = w.AddPrincipal(locket.Principal{Kind: locket.KindAgent, Name: c.agent, Policy: &may})
			return err
		})
		return made, err
	}
	p := list[i]
	switch {
	case p.Kind != locket.KindAgent:
		return p, locket.Errorf(locket.CodeExists, "%q is the name of somebody who is no agent; choose another name", p.Name)
	case !c.reuse:
		return p, locket.Errorf(locket.CodeExists, "there is an agent called %q already; choose another name, or say that it is the same one", p.Name)
	case p.State == locket.StatePaused:
		return p, locket.Errorf(locket.CodeConflict, "%q is paused; resume it first with 'locket principal resume', or choose another name", p.Name)
	}
	return p, checkWithin(ctx, v, p, c.scopes)
}

// checkApart refuses a new agent whose memories would be where another's are, for names
// that are nearly alike.
func checkApart(list []locket.Principal, name string) error {
	for _, p := range list {
		if p.Kind == locket.KindAgent && p.State != locket.StateRevoked && p.Namespace() == locket.AgentNamespace(name) {
			return locket.Errorf(locket.CodeExists, "%q would share its memories with the agent %q; choose another name", name, p.Name)
		}
	}
	return nil
}

// checkWithin refuses scopes that an agent that exists does not have.
func checkWithin(ctx context.Context, v *pods.Visit, p locket.Principal, scopes []string) error {
	types, err := typesOf(ctx, v)
	if err != nil {
		return err
	}
	for _, s := range ops.Scopes() {
		if !slices.Contains(scopes, s.Name) {
			continue
		}
		if err := policy.Within(ops.AgentPolicy(p.Name, []string{s.Name}), *p.Policy, types); err != nil {
			return locket.Errorf(locket.CodeDenied, "the agent %q may not do this: “%s” Untick it, choose another name, or change what the agent may do first", p.Name, s.Sentence).Because(err)
		}
	}
	return nil
}

func typesOf(ctx context.Context, v *pods.Visit) (map[string]*locket.Type, error) {
	list, err := v.View.Types(ctx)
	types := make(map[string]*locket.Type, len(list))
	for i := range list {
		types[list[i].Name] = &list[i]
	}
	return types, err
}

// narrowed is the policy of a token with these scopes, nil for all that the agent may
// do, and the scopes that are left: the owner may have taken something away from the
// agent since.
func narrowed(ctx context.Context, v *pods.Visit, of terms, scopes []string) (*locket.Policy, []string, error) {
	self, err := v.View.Self(ctx)
	if err != nil {
		return nil, nil, err
	}
	types, err := typesOf(ctx, v)
	if err != nil {
		return nil, nil, err
	}
	left := slices.DeleteFunc(slices.Clone(scopes), func(s string) bool {
		return policy.Within(ops.AgentPolicy(of.agent, []string{s}), *self.Policy, types) != nil
	})
	switch may := ops.AgentPolicy(of.agent, left); {
	case len(left) > 0:
		return &may, left, nil
	case policy.Within(*self.Policy, ops.AgentPolicy(of.agent, scopes), types) == nil:
		return nil, scopes, nil // less than any whole scope
	}
	return nil, nil, locket.Errorf(locket.CodeDenied, "the agent may do nothing of this any more")
}

// addKey gives the agent an API key and keeps it so that only the code opens it.
func (f *family) addKey(ctx context.Context, v *pods.Visit, agent locket.PrincipalID, name string, t *ticket) error {
	slot, token, err := v.Keys().AddAPIKey(ctx, name, agent)
	if err != nil {
		return err
	}
	defer token.Wipe()
	text := token.Text()
	defer text.Wipe()
	key, err := t.sealingKey()
	if err != nil {
		return err
	}
	defer key.Wipe()
	f.slot = slot
	f.key, err = seal.Seal(key, text.Bytes(), f.id[:])
	return err
}

// takeKey opens what addKey has sealed.
func (f *family) takeKey(t *ticket) (*keyring.Token, error) {
	key, err := t.sealingKey()
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	text, err := seal.Open(key, f.key, f.id[:])
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return keyring.ParseToken(text)
}

// keyName is what the key of an agent is called that a client keeps.
func keyName(c Client) string {
	name := c.Name
	for len(name) > maxName { // bytes, here
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return "OAuth: " + name
}

func (t *ticket) sealingKey() (*secret.Key, error) {
	key, err := hkdf.Key(sha256.New, t.secret.Bytes(), t.authorization[:], "locket/v1/oauth-code", seal.KeySize)
	return secret.Take(key), err
}

func scopeText(scopes []string) string { return strings.Join(scopes, " ") }
