package ops

import (
	"context"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// KeyList is the keys that open a pod.
type KeyList struct {
	Keys []pods.KeyInfo `json:"keys"`
}

func listKeys(ctx context.Context, c *Call, _ noIn) (KeyList, error) {
	list, err := c.Keys().List(ctx)
	return KeyList{Keys: list}, err
}

type createKeyIn struct {
	Name      string             `json:"name" help:"what the key is for"`
	Principal locket.PrincipalID `json:"principal,omitempty" help:"whom it lets in; default: who asks"`
}

// A NewKey is an API key, shown this one time.
type NewKey struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

func createKey(ctx context.Context, c *Call, in createKeyIn) (out NewKey, err error) {
	id, token, err := c.Keys().AddAPIKey(ctx, in.Name, in.Principal)
	if err != nil {
		return out, err
	}
	defer token.Wipe()
	text := token.Text()
	defer text.Wipe()
	return NewKey{ID: id, Key: string(text.Bytes())}, nil // it is about to be shown
}

type keyIn struct {
	ID string `path:"id" help:"id of the key"`
}

func revokeKey(ctx context.Context, c *Call, in keyIn) (Nothing, error) {
	return Nothing{}, c.Keys().Revoke(ctx, in.ID)
}

type renameKeyIn struct {
	ID   string `path:"id" help:"id of the key"`
	Name string `json:"name" help:"what to call it from now on"`
}

func renameKey(ctx context.Context, c *Call, in renameKeyIn) (Nothing, error) {
	return Nothing{}, c.Keys().Rename(ctx, in.ID, in.Name)
}

// Grants is the sessions and grants of a pod.
type Grants struct {
	Grants []store.Grant `json:"grants"`
}

func listGrants(ctx context.Context, c *Call, _ noIn) (Grants, error) {
	list, err := c.View.Grants(ctx)
	if list == nil {
		list = []store.Grant{}
	}
	return Grants{Grants: list}, err
}

type createGrantIn struct {
	Principal locket.PrincipalID `json:"principal,omitempty" help:"for whom; default: who asks"`
	Policy    map[string]any     `json:"policy,omitempty" help:"narrows what the principal may do; default: all of it"`
	Seconds   int64              `json:"seconds,omitempty" help:"how long it lasts; default: an hour"`
}

// A NewGrant is a grant and its token, shown this one time.
type NewGrant struct {
	Grant store.Grant `json:"grant"`
	Token string      `json:"token"`
}

// AudienceAPI is the audience of grants that come in the Authorization header.
const AudienceAPI = "api"

func createGrant(ctx context.Context, c *Call, in createGrantIn) (out NewGrant, err error) {
	r := pods.GrantRequest{Principal: in.Principal, Audience: AudienceAPI, Life: time.Hour}
	if in.Seconds != 0 {
		r.Life = time.Duration(min(max(in.Seconds, -1), 1<<31)) * time.Second
	}
	if r.Policy, err = policyOf(in.Policy); err != nil {
		return out, err
	}
	grant, token, err := c.Grant(ctx, r)
	if err != nil {
		return out, err
	}
	defer token.Wipe()
	text := token.Text()
	defer text.Wipe()
	return NewGrant{Grant: grant, Token: string(text.Bytes())}, nil // it is about to be shown
}

type grantIn struct {
	ID string `path:"id" help:"id of the session or grant"`
}

func endGrant(ctx context.Context, c *Call, in grantIn) (Written, error) {
	return write(ctx, c, func(w *store.Writer) error { return w.EndGrant(in.ID) })
}

func endSession(ctx context.Context, c *Call, _ noIn) (Written, error) {
	return write(ctx, c, func(w *store.Writer) error { return w.EndOwnGrant() })
}
