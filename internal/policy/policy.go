// Package policy reads policies, works out what they permit and says so in words.
// It knows no store: what it is asked about are an item's [Facts], and what it hands
// to a store are [Clause]s, which mean the same in SQL. See docs/design/policy.md.
package policy

import (
	_ "embed"
	"fmt"
	"time"

	"github.com/locketpod/locket"
)

//go:embed policy.schema.json
var schema string

// Schema returns the JSON Schema (2020-12) of the language. It cannot say all that
// [Parse] checks.
func Schema() []byte { return []byte(schema) }

// Facts are what a policy can ask about an item.
type Facts struct {
	ID   locket.ItemID
	Type string
	Time int64 // the item's own time, microseconds since 1970
	// Props are the properties in the form that is stored: string, int64 (integers,
	// and times in microseconds), float64, bool, or []any of one of them.
	Props map[string]any
}

// actions is a set of permissions: bit n is the nth of locket.Permissions.
type actions uint16

func actionsOf(list []locket.Permission) actions {
	var set actions
	for _, p := range list {
		set |= action(p)
	}
	return set
}

// action is the set of p alone, empty if there is no such permission.
func action(p locket.Permission) actions {
	for n, known := range locket.Permissions() {
		if p == known {
			return 1 << n
		}
	}
	return 0
}

// list is the opposite of actionsOf.
func (set actions) list() []locket.Permission {
	var out []locket.Permission
	for n, p := range locket.Permissions() {
		if set&(1<<n) != 0 {
			out = append(out, p)
		}
	}
	return out
}

// limited is the set of actions that l counts.
func limited(l locket.Limit) actions {
	if len(l.Actions) == 0 {
		return actionsOf(locket.Permissions())
	}
	return actionsOf(l.Actions)
}

// ended tells whether something that expires at end, never if that is zero, has.
func ended(end, now time.Time) bool { return !end.IsZero() && !now.Before(end) }

// earlier returns the earlier of two ends, of which the zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func invalid(path, format string, args ...any) error {
	return locket.Errorf(locket.CodeInvalid, "%s%s", prefixed(path), fmt.Sprintf(format, args...))
}

func prefixed(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

// ruleName is what rule i of a policy is called.
func ruleName(i int, r *locket.Rule) string {
	if r.Name != "" {
		return r.Name
	}
	return fmt.Sprintf("rule %d", i+1)
}
