package store

import (
	"context"
	"encoding/json"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// spend counts a request against the limits of the principal's policy.
func (v *View) spend(ctx context.Context, p locket.Permission) error {
	limits := v.access.Limits()
	if len(limits) == 0 {
		return nil
	}
	return v.s.transaction(ctx, func(t *tx) error {
		var text string
		if err := t.queryRow(`SELECT spent FROM principals WHERE n = ?`, v.who.n).Scan(&text); err != nil {
			return err
		}
		var spent []int64
		if err := json.Unmarshal([]byte(text), &spent); err != nil {
			return err
		}
		next, wait := policy.Spend(limits, spent, p, v.s.now())
		if wait > 0 {
			return locket.Errorf(locket.CodeTooMany, "the policy's limit of requests is used up; try again in %s", wait.Round(1e9))
		}
		stored, err := json.Marshal(next)
		if err != nil {
			return err
		}
		return t.exec(`UPDATE principals SET spent = ? WHERE n = ?`, string(stored), v.who.n)
	})
}
