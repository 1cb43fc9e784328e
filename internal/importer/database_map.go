package importer

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/foreign"
)

// Bounds on what a column becomes.
const (
	hexBytes    = 64      // longest binary value that is kept as text, in hexadecimal
	columnText  = 1 << 20 // longest text that is kept as text; longer ones are blobs
	mostColumns = 200     // that become properties of their own
	exactReal   = 1 << 53 // integers up to it are exact as reals
)

// otherValues is a property of every type made of a table: what does not fit the kind
// of its column, as "column: value".
const otherValues = "otherValues"

// A tableMap says what the rows of a table become.
type tableMap struct {
	source  string
	table   *foreign.Table
	typ     string
	columns []columnMap // one for each of the table's
	links   []linkMap
	aliases [][]int // columns that links of other tables lead to
	bytes   int64   // of the source that it stands for, about
}

// A columnMap says what the values of a column become.
type columnMap struct {
	name string          // of the column
	prop locket.Property // Name "": all go to otherValues
	unit int64           // of integers that are times: how many in a second
	blob string          // property for values too large for prop; "" if there are none
}

// A linkMap is a foreign key: the columns in the order in which the key or alias of the
// other row has them.
type linkMap struct {
	name    string
	columns []int
	to      *tableMap
	alias   []int // columns of the other table; nil: its primary key
}

// names hands out names, each once.
type names map[string]bool

// free returns name, or name with a number if it is taken.
func (n names) free(name string) string {
	base := name
	for i := 2; n[name]; i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	n[name] = true
	return name
}

// typeFor is the type of a table: what was asked for, or the table's name as a type
// that no other table and no built-in type has.
func (n names) typeFor(table string, asked map[string]string) string {
	for t, typ := range asked {
		if strings.EqualFold(t, table) {
			return typ
		}
	}
	name := identifier(table, "Table", true)
	if slices.ContainsFunc(locket.BuiltinTypes(), func(t locket.Type) bool { return t.Name == name }) {
		name += "Row"
	}
	return n.free(name)
}

// identifier makes a name of a type or property of any text: letters, digits and _,
// beginning with a letter; a type's words are run together.
func identifier(s, otherwise string, typ bool) string {
	var b strings.Builder
	up := typ
	for _, r := range s {
		switch {
		case r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			if up {
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
			up = false
		case typ:
			up = true
		default:
			b.WriteByte('_')
		}
	}
	name := b.String()
	if strings.Trim(name, "_") == "" {
		return otherwise
	}
	if first := name[0] | 0x20; first < 'a' || first > 'z' {
		name = otherwise + "_" + strings.TrimLeft(name, "_")
	}
	return name[:min(len(name), 50)] // room for endings
}

func newTableMap(source string, t *foreign.Table, typ string) *tableMap {
	m := &tableMap{source: source, table: t, typ: typ}
	props := names{otherValues: true}
	title := titleOf(t)
	if title >= 0 {
		props["name"] = true
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		to := columnMap{name: showable(c.Name)}
		if i < mostColumns {
			if to.prop.Name = "name"; i != title {
				to.prop.Name = props.free(identifier(c.Name, "column", false))
			}
			to.prop.Kind, to.unit = kindFor(c)
			if to.prop.Kind != locket.Blob && (c.MaxBlob > hexBytes || c.MaxText > columnText) {
				to.blob = props.free(to.prop.Name + "Blob")
			}
			if to.prop.Kind == locket.Text && c.Blobs == 0 {
				to.prop.Role = locket.RoleBody
				if i == title {
					to.prop.Role = locket.RoleTitle
				}
			}
		}
		m.columns = append(m.columns, to)
	}
	return m
}

// titleOf is the column that names a row: it becomes the property "name", which lists
// show. -1 if there is none.
func titleOf(t *foreign.Table) int {
	for _, name := range []string{"name", "title", "subject", "label"} {
		if i, ok := t.Column(name); ok && i < mostColumns {
			return i
		}
	}
	return -1
}

// kindFor chooses the kind that holds all values of a column, and of those the one that
// is declared. Without values the declaration decides.
func kindFor(c *foreign.Column) (kind locket.Kind, unit int64) {
	values := c.Integers + c.Reals + c.Texts + c.Blobs
	switch {
	case values == 0:
		return declaredKind(c.Declared), 1
	case values == c.Blobs && c.MaxBlob > hexBytes:
		return locket.Blob, 0
	case values == c.Texts && c.Texts == c.Dates:
		return locket.Time, 1
	case values == c.Integers:
		return integerKind(c)
	case values == c.Integers+c.Reals && c.Min >= -exactReal && c.Max <= exactReal:
		return locket.Real, 0
	}
	return locket.Text, 0
}

// integerKind takes numbers in a column that is declared as a time for seconds,
// milliseconds or microseconds since 1970, if all of them are after 1973 and before 2286.
func integerKind(c *foreign.Column) (locket.Kind, int64) {
	if strings.Contains(c.Declared, "BOOL") && c.Min >= 0 && c.Max <= 1 {
		return locket.Boolean, 0
	}
	if foreign.Temporal(c.Declared) {
		for _, unit := range []int64{1, 1e3, 1e6} {
			if c.Min >= 1e8*unit && c.Max < 1e10*unit {
				return locket.Time, unit
			}
		}
	}
	return locket.Integer, 0
}

// declaredKind follows the rules of SQLite's type affinity.
func declaredKind(declared string) locket.Kind {
	for _, k := range []struct {
		part string
		kind locket.Kind
	}{
		{"BOOL", locket.Boolean},
		{"DATE", locket.Time},
		{"TIME", locket.Time},
		{"INT", locket.Integer},
		{"CHAR", locket.Text},
		{"CLOB", locket.Text},
		{"TEXT", locket.Text},
		{"REAL", locket.Real},
		{"FLOA", locket.Real},
		{"DOUB", locket.Real},
	} {
		if strings.Contains(declared, k.part) {
			return k.kind
		}
	}
	return locket.Text
}

func (m *tableMap) plan() PlanTable {
	p := PlanTable{Table: showable(m.table.Name), Rows: m.table.Rows, Type: m.typ}
	for _, c := range m.columns {
		if c.prop.Name == "" {
			p.Properties = append(p.Properties, PlanProperty{c.name, otherValues, locket.Text})
			continue
		}
		p.Properties = append(p.Properties, PlanProperty{c.name, c.prop.Name, c.prop.Kind})
	}
	return p
}

// fit takes properties that t declares as they are, and returns those it lacks.
func (m *tableMap) fit(t *locket.Type) (lacks []locket.Property) {
	lack := func(p locket.Property) (locket.Property, bool) {
		if there, ok := t.Property(p.Name); ok {
			return there, false
		}
		lacks = append(lacks, p)
		return p, true
	}
	for i := range m.columns {
		c := &m.columns[i]
		if c.prop.Name == "" {
			continue
		}
		c.prop, _ = lack(c.prop)
		if c.prop.Kind == locket.Time && c.unit == 0 {
			c.unit = 1
		}
		if c.blob == "" {
			continue
		}
		if p, _ := lack(locket.Property{Name: c.blob, Kind: locket.Blob}); p.Kind != locket.Blob || p.Many {
			c.blob = ""
		}
	}
	lack(locket.Property{Name: otherValues, Kind: locket.Text, Many: true, Role: locket.RoleBody})
	return lacks
}
