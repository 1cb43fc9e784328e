package main

import (
	"context"
	"slices"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/policy"
)

// whom finds a principal by name or id. An id need not be one that may be listed.
func whom(ctx context.Context, p pod, name string) (locket.PrincipalID, error) {
	if _, ok := locket.ParseUUID(name); ok {
		return locket.PrincipalID(name), nil
	}
	out, err := run[ops.Principals](ctx, p, "principals.list", nil)
	if err != nil {
		return "", err
	}
	var found []locket.Principal
	for _, w := range out.Principals {
		if w.Name == name {
			found = append(found, w)
		}
	}
	switch len(found) {
	case 0:
		return "", locket.Errorf(locket.CodeNotFound, "there is no principal %.60q; 'locket principal list' shows them", name)
	case 1:
		return found[0].ID, nil
	}
	ids := make([]string, len(found))
	for i, w := range found {
		ids[i] = string(w.ID) + " (" + string(w.Kind) + ", " + string(w.State) + ")"
	}
	return "", locket.Errorf(locket.CodeInvalid, "%d principals are called %.60q; give the id of one: %s", len(found), name, strings.Join(ids, ", "))
}

// may says in words what a principal may do.
func may(w locket.Principal) []string {
	if w.Policy == nil {
		return []string{"May do everything."}
	}
	return policy.Explain(*w.Policy)
}

// names are what the principals that may be listed are called, by id.
func names(ctx context.Context, p pod) (map[locket.PrincipalID]string, error) {
	self, err := run[ops.Known](ctx, p, "principals.self", nil)
	if err != nil {
		return nil, err
	}
	called := map[locket.PrincipalID]string{self.ID: self.Name}
	if self.Policy != nil && !mentions(*self.Policy, locket.MayManage) {
		return called, nil // to ask for more would be refused, and go into the journal
	}
	out, err := run[ops.Principals](ctx, p, "principals.list", nil)
	if err != nil && locket.CodeOf(err) != locket.CodeDenied {
		return nil, err
	}
	for _, w := range out.Principals {
		called[w.ID] = w.Name
	}
	return called, nil
}

func mentions(p locket.Policy, wanted locket.Permission) bool {
	return slices.ContainsFunc(p.Rules, func(r locket.Rule) bool { return slices.Contains(r.Actions, wanted) })
}
