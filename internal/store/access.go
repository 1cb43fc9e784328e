package store

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// may refuses what the principal is not permitted on anything at all.
func (v *View) may(p locket.Permission) error {
	if v.access.May(p) {
		return nil
	}
	return locket.Errorf(locket.CodeDenied, "your policy does not permit to %s; its owner can change that", p)
}

// mayAll is may for what only a permission without bounds is enough for.
func (v *View) mayAll(p locket.Permission) error {
	if v.unbounded(p) {
		return nil
	}
	return locket.Errorf(locket.CodeDenied, "this needs a policy that permits to %s without bounds; its owner can change that", p)
}

// unbounded tells whether p is permitted on every item and property.
func (v *View) unbounded(p locket.Permission) bool {
	if v.access.Whole() {
		return true
	}
	for name := range v.full {
		free := false
		for _, c := range v.access.Clauses(p, name) {
			free = free || clauseFilter("i", &c).sql == always && c.Properties == nil
		}
		if !free {
			return false
		}
	}
	return true
}

// A filter is an SQL expression with its arguments.
type filter struct {
	sql  string
	args []any
}

const (
	always = "TRUE"
	never  = "FALSE"
)

// allOf holds where all of fs do.
func allOf(fs ...filter) filter { return join(" AND ", always, never, fs) }

// anyOf holds where one of fs does.
func anyOf(fs ...filter) filter { return join(" OR ", never, always, fs) }

// join puts an operator between filters. neutral changes nothing, absorbing decides alone.
func join(operator, neutral, absorbing string, fs []filter) filter {
	var out filter
	var parts []string
	for _, f := range fs {
		switch f.sql {
		case neutral:
		case absorbing:
			return f
		default:
			parts = append(parts, f.sql)
			out.args = append(out.args, f.args...)
		}
	}
	switch len(parts) {
	case 0:
		return filter{sql: neutral}
	case 1:
		out.sql = parts[0]
	default:
		out.sql = "(" + strings.Join(parts, operator) + ")"
	}
	return out
}

// visible is true for the items, of items AS alias, on which p is permitted. Types of
// which the same may be seen are taken together: a rule for all types is written once,
// not once for each.
func (v *View) visible(alias string, p locket.Permission) filter {
	if v.unbounded(p) {
		return filter{sql: always}
	}
	var kinds []filter
	named := make(map[string][]string) // the types, by what may be seen of them
	for _, t := range v.access.Types(p) {
		f := v.visibleOf(alias, t, p)
		key := fmt.Sprintf("%s %#v", f.sql, f.args)
		if named[key] == nil {
			kinds = append(kinds, f)
		}
		named[key] = append(named[key], t)
	}
	for i, f := range kinds {
		types := named[fmt.Sprintf("%s %#v", f.sql, f.args)]
		kinds[i] = allOf(filter{sql: alias + ".type IN ('" + strings.Join(types, "', '") + "')"}, f)
	}
	return anyOf(kinds...)
}

// visibleOf is visible for items of one type and one permission.
func (v *View) visibleOf(alias, typ string, p locket.Permission) filter {
	return anyOf(clauseFilters(alias, v.access.Clauses(p, typ))...)
}

func clauseFilters(alias string, clauses []policy.Clause) []filter {
	fs := make([]filter, len(clauses))
	for i := range clauses {
		fs[i] = clauseFilter(alias, &clauses[i])
	}
	return fs
}

// clauseFilter is policy.Clause.Fits in SQL. TestPolicySQLAgrees proves them equal.
func clauseFilter(alias string, c *policy.Clause) filter {
	var fs []filter
	for _, t := range c.Tests {
		fs = append(fs, testFilter(alias, t))
	}
	if c.Items != nil {
		f := filter{sql: alias + ".id IN (" + placeholders(len(c.Items)) + ")"}
		for _, id := range c.Items {
			b, _ := uuidBytes(string(id))
			f.args = append(f.args, b)
		}
		fs = append(fs, f)
	}
	if c.HasAfter {
		fs = append(fs, filter{alias + ".time >= ?", []any{c.After}})
	}
	if c.HasBefore {
		fs = append(fs, filter{alias + ".time < ?", []any{c.Before}})
	}
	return allOf(fs...)
}

func testFilter(alias string, t policy.Test) filter {
	value, open, shut := alias+"."+propertyColumn(t.Property.Name), "", ""
	if t.Property.Many {
		value = "value"
		open, shut = "EXISTS (SELECT 1 FROM json_each("+alias+".props, '$."+t.Property.Name+"') WHERE ", ")"
	}
	if t.Values == nil {
		// Not LIKE, which regards no case; not a range, which does not end where the
		// prefix does.
		return filter{open + "substr(" + value + ", 1, ?) = ?" + shut, []any{utf8.RuneCountInString(t.Prefix), t.Prefix}}
	}
	if len(t.Values) == 1 {
		return filter{open + value + " = ?" + shut, t.Values}
	}
	return filter{open + value + " IN (" + placeholders(len(t.Values)) + ")" + shut, t.Values}
}

// placeholders is n question marks.
func placeholders(n int) string {
	if n == 0 {
		return "NULL"
	}
	return "?" + strings.Repeat(", ?", n-1)
}

// column is the value of a property of an item AS i of a type, NULL where the
// principal must not see it.
func (v *View) column(typ, name string) filter {
	value := "i." + propertyColumn(name)
	shown := v.shows(typ, name)
	if shown.sql == always {
		return filter{sql: value}
	}
	return filter{"CASE WHEN " + shown.sql + " THEN " + value + " END", shown.args}
}

// has is true for items AS i of a type that have the property, as the principal sees
// them: a reference to a hidden item is none.
func (v *View) has(typ, name string) filter {
	value := v.column(typ, name)
	has := filter{value.sql + " IS NOT NULL", value.args}
	if v.unbounded(locket.MayRead) {
		return has
	}
	if p, _ := v.full[typ].Property(name); p.Kind != locket.Reference {
		return has
	}
	target := v.visible("o", locket.MayRead)
	return allOf(has, filter{
		"EXISTS (SELECT 1 FROM json_each(i.props, '$." + name + "') ref JOIN items o ON o.id = unhex(ref.value, '-') WHERE " + target.sql + ")",
		target.args,
	})
}

// shows is true for items AS i of a type, among those that may be read, on which the
// property may be seen.
func (v *View) shows(typ, name string) filter {
	if v.access.Whole() {
		return filter{sql: always}
	}
	var granting []filter
	everywhere := true
	for _, c := range v.access.Clauses(locket.MayRead, typ) {
		if propertiesHave(c.Properties, name) {
			granting = append(granting, clauseFilter("i", &c))
		} else {
			everywhere = false
		}
	}
	if everywhere {
		return filter{sql: always}
	}
	return anyOf(granting...)
}

func propertiesHave(names []string, name string) bool {
	return names == nil || slices.Contains(names, name)
}

// timeColumn is the item's own time of items AS i of a type: its creation where the
// principal must not see what else it is taken from.
func (v *View) timeColumn(typ string) filter {
	const created = "((i.created >> 16) * 1000)"
	t := v.full[typ]
	if t == nil || t.TimeProperty == "" {
		return filter{sql: "i.time"}
	}
	shown := v.shows(typ, t.TimeProperty)
	if shown.sql == always {
		return filter{sql: "i.time"}
	}
	return filter{"CASE WHEN " + shown.sql + " THEN i.time ELSE " + created + " END", shown.args}
}

// facts is what a policy is asked about.
func (r *itemRow) facts(props map[string]any) policy.Facts {
	return policy.Facts{ID: locket.ItemID(uuidText(r.id)), Type: r.typ, Time: r.time, Props: props}
}
