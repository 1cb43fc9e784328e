package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/locketpod/locket"
)

// Bounds on what the owner may declare.
const (
	maxTypes      = 500
	maxProperties = 500
)

// nameForm is what a type, a property or an edge may be called. It is also what
// makes names safe inside SQL and JSON paths.
var nameForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

// A catalog is the set of types of a pod.
type catalog map[string]*locket.Type

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// builtin is the built-in types. They are shared by all catalogs and never change.
var builtin = sync.OnceValue(func() catalog {
	c := make(catalog)
	for _, t := range locket.BuiltinTypes() {
		c[t.Name] = &t
	}
	return c
})

// newCatalog returns the built-in types.
func newCatalog() catalog { return maps.Clone(builtin()) }

// loadCatalog reads the built-in types and what the owner added to them.
func loadCatalog(ctx context.Context, q querier) (catalog, error) {
	var added []byte
	if err := q.QueryRowContext(ctx, `SELECT types FROM pod WHERE n = 1`).Scan(&added); err != nil {
		return nil, err
	}
	return catalogWith(added)
}

// catalogWith returns the built-in types and those of pod.types.
func catalogWith(added []byte) (catalog, error) {
	c := newCatalog()
	var types []locket.Type
	if err := json.Unmarshal(added, &types); err != nil {
		return nil, fmt.Errorf("type definitions: %w", err)
	}
	for _, t := range types {
		c.add(t)
	}
	return c, nil
}

// add puts t into the catalog, or its new properties into a copy of the type of
// that name.
func (c catalog) add(t locket.Type) {
	if old := c[t.Name]; old != nil {
		grown := *old
		grown.Properties = slices.Clip(old.Properties)
		for _, p := range t.Properties {
			if _, ok := old.Property(p.Name); !ok {
				grown.Properties = append(grown.Properties, p)
			}
		}
		t = grown
	}
	c[t.Name] = &t
}

func (c catalog) get(name string) (*locket.Type, error) {
	if t := c[name]; t != nil {
		return t, nil
	}
	return nil, locket.Errorf(locket.CodeInvalid, "there is no type %q; types are %s", clip(name, 60), strings.Join(c.names(), ", "))
}

func (c catalog) names() []string {
	names := make([]string, 0, len(c))
	for n := range c {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// all returns the types sorted by name.
func (c catalog) all() []locket.Type {
	out := make([]locket.Type, 0, len(c))
	for _, n := range c.names() {
		out = append(out, *c[n])
	}
	return out
}

// checkType says whether t may be declared next to what c holds.
func (c catalog) checkType(t locket.Type) error {
	if !nameForm.MatchString(t.Name) {
		return locket.Errorf(locket.CodeInvalid, "%q is not a type name; use letters, digits and _, beginning with a letter", clip(t.Name, 60))
	}
	old := c[t.Name]
	if old == nil && len(c) >= maxTypes {
		return locket.Errorf(locket.CodeTooLarge, "a pod has at most %d types", maxTypes)
	}
	if len(t.Properties) > maxProperties || old != nil && len(old.Properties)+len(t.Properties) > maxProperties {
		return locket.Errorf(locket.CodeTooLarge, "a type has at most %d properties", maxProperties)
	}
	seen := make(map[string]bool)
	for _, p := range t.Properties {
		if seen[p.Name] {
			return locket.Errorf(locket.CodeInvalid, "%s.%s is declared twice", t.Name, p.Name)
		}
		seen[p.Name] = true
		if err := checkProperty(t.Name, p); err != nil {
			return err
		}
		if old == nil {
			continue
		}
		if q, ok := old.Property(p.Name); ok && q != p {
			return locket.Errorf(locket.CodeConflict, "%s.%s is declared already, as %s; a declared property can't be changed", t.Name, p.Name, describe(q))
		}
	}
	return c.checkTimeProperty(t, old)
}

func (c catalog) checkTimeProperty(t locket.Type, old *locket.Type) error {
	if old != nil {
		if t.TimeProperty != "" && t.TimeProperty != old.TimeProperty {
			return locket.Errorf(locket.CodeConflict, "%s exists already; its time property can't be changed", t.Name)
		}
		return nil
	}
	if t.TimeProperty == "" {
		return nil
	}
	if p, ok := t.Property(t.TimeProperty); !ok || p.Kind != locket.Time || p.Many {
		return locket.Errorf(locket.CodeInvalid, "%s.%s must be declared as a single time to be the type's time property", t.Name, t.TimeProperty)
	}
	return nil
}

func checkProperty(typ string, p locket.Property) error {
	if !nameForm.MatchString(p.Name) {
		return locket.Errorf(locket.CodeInvalid, "%q is not a property name; use letters, digits and _, beginning with a letter", clip(p.Name, 60))
	}
	switch p.Kind {
	case locket.Text, locket.Integer, locket.Real, locket.Boolean, locket.Time, locket.Reference, locket.Blob:
	default:
		return locket.Errorf(locket.CodeInvalid, "%s.%s: %q is not a kind; kinds are text, integer, real, boolean, time, reference, blob", typ, p.Name, p.Kind)
	}
	switch p.Role {
	case "", locket.RoleTitle, locket.RoleBody, locket.RoleSender, locket.RoleRecipient, locket.RoleFolder:
	default:
		return locket.Errorf(locket.CodeInvalid, "%s.%s: %q is not a role; roles are title, body, sender, recipient, folder", typ, p.Name, p.Role)
	}
	if p.Role != "" && p.Kind != locket.Text {
		return locket.Errorf(locket.CodeInvalid, "%s.%s: only text properties can have a role", typ, p.Name)
	}
	if p.Indexed && p.Many {
		return locket.Errorf(locket.CodeInvalid, "%s.%s: a list can't be indexed", typ, p.Name)
	}
	return nil
}

func describe(p locket.Property) string {
	s := string(p.Kind)
	if p.Many {
		s = "a list of " + s
	}
	if p.Role != "" {
		s += ", role " + string(p.Role)
	}
	if p.Indexed {
		s += ", indexed"
	}
	return s
}

// typeIndexes returns the statements that index the Indexed properties of types
// whose names were checked.
func typeIndexes(types []locket.Type) string {
	var b strings.Builder
	for _, t := range types {
		for _, p := range t.Properties {
			if p.Indexed {
				fmt.Fprintf(&b, "CREATE INDEX IF NOT EXISTS items_%s_%s ON items(%s) WHERE type = '%s' AND deleted = 0;\n",
					t.Name, p.Name, propertyColumn(p.Name), t.Name)
			}
		}
	}
	return b.String()
}

// propertyColumn is the SQL expression of a property whose name was checked.
func propertyColumn(name string) string { return "props->>'" + name + "'" }
