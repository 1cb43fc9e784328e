package ops

import (
	"context"
	"encoding/json"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/store"
)

// policyOf reads a policy that came as JSON, nil if there is none.
func policyOf(given map[string]any) (*locket.Policy, error) {
	if given == nil {
		return nil, nil
	}
	text, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse(text)
	return &p, err
}

// Principals is who may act in a pod.
type Principals struct {
	Principals []locket.Principal `json:"principals"`
}

func listPrincipals(ctx context.Context, c *Call, _ noIn) (Principals, error) {
	list, err := c.View.Principals(ctx)
	return Principals{Principals: list}, err
}

// A Known is a principal and what it may do, in words.
type Known struct {
	locket.Principal
	May []string `json:"may"`
}

func known(p locket.Principal) Known {
	if p.Policy == nil {
		return Known{p, []string{"May do everything."}}
	}
	return Known{p, policy.Explain(*p.Policy)}
}

func getSelf(ctx context.Context, c *Call, _ noIn) (Known, error) {
	p, err := c.View.Self(ctx)
	return known(p), err
}

type principalIn struct {
	ID locket.PrincipalID `path:"id" help:"id of the principal"`
}

func getPrincipal(ctx context.Context, c *Call, in principalIn) (Known, error) {
	list, err := c.View.Principals(ctx)
	if err != nil {
		return Known{}, err
	}
	for _, p := range list {
		if p.ID == in.ID {
			return known(p), nil
		}
	}
	return Known{}, locket.Errorf(locket.CodeNotFound, "no such principal")
}

type createPrincipalIn struct {
	Kind      string         `json:"kind" help:"device, agent, plugin or peer"`
	Name      string         `json:"name" help:"what to call it"`
	Policy    map[string]any `json:"policy,omitempty" help:"what it may do; default: nothing"`
	PublicKey string         `json:"publicKey,omitempty" help:"Ed25519 key that it signs its changes with, hexadecimal; default: the pod signs for it"`
	Key       bool           `json:"key,omitempty" help:"make an API key for it, too"`
}

// A CreatedPrincipal is a new principal, with its API key if one was asked for: it is
// shown this one time.
type CreatedPrincipal struct {
	Principal locket.Principal `json:"principal"`
	KeyID     string           `json:"keyId,omitempty"`
	Key       string           `json:"key,omitempty"`
}

func createPrincipal(ctx context.Context, c *Call, in createPrincipalIn) (out CreatedPrincipal, err error) {
	p, err := policyOf(in.Policy)
	if err != nil {
		return out, err
	}
	wanted := locket.Principal{Kind: locket.PrincipalKind(in.Kind), Name: in.Name, Policy: p, PublicKey: in.PublicKey}
	if !in.Key {
		_, err = c.View.Write(ctx, func(w *store.Writer) error {
			out.Principal, err = w.AddPrincipal(wanted)
			return err
		})
		return out, err
	}
	var token *keyring.Token
	if out.Principal, out.KeyID, token, err = c.Keys().AddPrincipal(ctx, wanted); err != nil {
		return out, err
	}
	defer token.Wipe()
	text := token.Text()
	defer text.Wipe()
	out.Key = string(text.Bytes()) // it is about to be shown
	return out, nil
}

type updatePrincipalIn struct {
	ID     locket.PrincipalID `path:"id" help:"id of the principal"`
	Name   string             `json:"name,omitempty" help:"another name"`
	State  string             `json:"state,omitempty" help:"paused, or active to let it go on"`
	Policy map[string]any     `json:"policy,omitempty" help:"what it may do from now on"`
}

func updatePrincipal(ctx context.Context, c *Call, in updatePrincipalIn) (out locket.Principal, err error) {
	var change store.PrincipalChange
	if change.Policy, err = policyOf(in.Policy); err != nil {
		return out, err
	}
	if in.Name != "" {
		change.Name = &in.Name
	}
	if in.State != "" {
		state := locket.PrincipalState(in.State)
		if state == locket.StateRevoked {
			return out, locket.Errorf(locket.CodeInvalid, "revoking is for good, and has an operation of its own: principals.revoke")
		}
		change.State = &state
	}
	_, err = c.View.Write(ctx, func(w *store.Writer) error {
		out, err = w.ChangePrincipal(in.ID, change)
		return err
	})
	return out, err
}

func revokePrincipal(ctx context.Context, c *Call, in principalIn) (locket.Principal, error) {
	return c.Keys().RevokePrincipal(ctx, in.ID)
}

type explainIn struct {
	ID   locket.PrincipalID `path:"id" help:"id of the principal"`
	Item locket.ItemID      `query:"item,omitempty" help:"an item, to say which rules permit what with it"`
}

// An Explanation says what a principal may do. Decisions are about one item, if one was
// asked about.
type Explanation struct {
	Principal locket.Principal `json:"principal"`
	May       []string         `json:"may"`
	Decisions []store.Decision `json:"decisions,omitempty"`
}

func explainPrincipal(ctx context.Context, c *Call, in explainIn) (Explanation, error) {
	k, err := getPrincipal(ctx, c, principalIn{in.ID})
	out := Explanation{Principal: k.Principal, May: k.May}
	if err != nil || in.Item == "" {
		return out, err
	}
	out.Decisions, err = c.View.Decide(ctx, in.ID, in.Item)
	return out, err
}

type testPolicyIn struct {
	Policy map[string]any `json:"policy" help:"the policy"`
	Limit  int            `json:"limit,omitempty" help:"most items to show, 1 to 1000; default 20"`
}

// A PolicyTest is what a policy would let somebody see.
type PolicyTest struct {
	May   []string      `json:"may"`
	Stats locket.Stats  `json:"stats"` // what they could count
	Items []locket.Item `json:"items"` // some of what they could read, as they would see it, latest first
}

func testPolicy(ctx context.Context, c *Call, in testPolicyIn) (out PolicyTest, err error) {
	p, err := policyOf(in.Policy)
	if err != nil {
		return out, err
	}
	as, err := c.View.As(ctx, *p)
	if err != nil {
		return out, err
	}
	out.May, out.Items = policy.Explain(*p), []locket.Item{}
	if in.Limit == 0 {
		in.Limit = 20
	}
	out.Stats, err = as.Stats(ctx)
	if locket.CodeOf(err) == locket.CodeDenied {
		out.Stats.ByType = map[string]int64{} // it lets nothing be read
		return out, nil
	}
	if err != nil {
		return out, err
	}
	page, err := paged(as.Query(ctx, locket.Query{Limit: in.Limit}))
	out.Items = page.Items
	return out, err
}
