package store

import (
	"strings"

	"github.com/locketpod/locket"
)

// queryProperty finds the declaration that a query without a type may mean, too:
// that of the first type that has the property.
func queryProperty(c catalog, typ, name string) (locket.Property, error) {
	if typ != "" {
		t, err := c.get(typ)
		if err != nil {
			return locket.Property{}, err
		}
		if p, ok := t.Property(name); ok {
			return p, nil
		}
		return locket.Property{}, locket.Errorf(locket.CodeInvalid, "%s has no property %q", typ, clip(name, 60))
	}
	for _, t := range c.names() {
		if p, ok := c[t].Property(name); ok {
			return p, nil
		}
	}
	return locket.Property{}, locket.Errorf(locket.CodeInvalid, "no type has a property %q", clip(name, 60))
}

func (l *listing) condition(c catalog, typ string, cond locket.Condition) error {
	p, err := queryProperty(c, typ, cond.Property)
	if err != nil {
		return err
	}
	if err := l.mayTest(c, p.Name); err != nil {
		return err
	}
	col := func(typ string) filter { return l.v.column(typ, p.Name) }
	if cond.Op == locket.OpExists {
		yes, ok := cond.Value.(bool)
		if !ok {
			return locket.Errorf(locket.CodeInvalid, "%s exists: the value is true or false", p.Name)
		}
		l.tests = append(l.tests, wrapped("", col, map[bool]string{true: " IS NOT NULL", false: " IS NULL"}[yes]))
		return nil
	}
	test, args, err := comparison(typ, p, cond)
	if err != nil {
		return err
	}
	l.tests = append(l.tests, func(typ string) filter {
		if p.Many {
			return allOf(l.v.shows(typ, p.Name), filter{"EXISTS (SELECT 1 FROM json_each(i.props, '$." + p.Name + "') WHERE " +
				strings.ReplaceAll(test, "?v", "value") + ")", args})
		}
		// What may be seen goes before: its arguments then stand before those of each use.
		value := "i." + propertyColumn(p.Name)
		return allOf(l.v.shows(typ, p.Name), filter{strings.ReplaceAll(test, "?v", value), args})
	})
	return nil
}

// mayTest refuses tests of a property that is a reference in one of the types to those
// who may not see every item: the answer would tell of one that is hidden.
func (l *listing) mayTest(c catalog, name string) error {
	for _, t := range l.types {
		if p, _ := c[t].Property(name); p.Kind == locket.Reference && !l.v.unbounded(locket.MayRead) {
			return locket.Errorf(locket.CodeDenied, "your policy does not permit to query by %s, which refers to other items; list the items and look at it", name)
		}
	}
	return nil
}

// comparison returns a test in which ?v stands for the property's value.
func comparison(typ string, p locket.Property, cond locket.Condition) (string, []any, error) {
	one := p
	one.Many = false
	value := func(v any) (any, error) {
		if v == nil {
			return nil, mismatch(typ, one, v)
		}
		return coerce(typ, one, v)
	}
	switch cond.Op {
	case locket.OpEqual, locket.OpNotEqual, locket.OpLess, locket.OpAtMost, locket.OpMore, locket.OpAtLeast:
		v, err := value(cond.Value)
		sign := map[locket.Operator]string{
			locket.OpEqual: "=", locket.OpNotEqual: "<>", locket.OpLess: "<", locket.OpAtMost: "<=", locket.OpMore: ">", locket.OpAtLeast: ">=",
		}[cond.Op]
		return "?v " + sign + " ?", []any{v}, err
	case locket.OpPrefix:
		s, ok := cond.Value.(string)
		if !ok || p.Kind != locket.Text {
			return "", nil, locket.Errorf(locket.CodeInvalid, "prefix works on text properties and takes a text")
		}
		// Half-open range instead of LIKE, so that an index serves it.
		return "?v >= ? AND ?v < ?", []any{s, s + "\U0010FFFF"}, nil
	case locket.OpUnder:
		s, ok := cond.Value.(string)
		if !ok || p.Kind != locket.Text {
			return "", nil, locket.Errorf(locket.CodeInvalid, "under works on text properties and takes a text")
		}
		// '0' follows '/'.
		return "(?v = ? OR ?v >= ? AND ?v < ?)", []any{s, s + "/", s + "0"}, nil
	case locket.OpIn:
		list, ok := listOf(cond.Value)
		if !ok || len(list) == 0 || len(list) > 1000 {
			return "", nil, locket.Errorf(locket.CodeInvalid, "in takes a list of 1 to 1000 values")
		}
		args := make([]any, len(list))
		for i, v := range list {
			var err error
			if args[i], err = value(v); err != nil {
				return "", nil, err
			}
		}
		return "?v IN (?" + strings.Repeat(", ?", len(list)-1) + ")", args, nil
	}
	return "", nil, locket.Errorf(locket.CodeInvalid, "%q is no operator; use eq, ne, lt, le, gt, ge, prefix, under, in or exists", clip(string(cond.Op), 20))
}
