package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/foreign"
)

// record makes a record of a row. Every column of the type is set, absent values to nil,
// so that a later state of the row removes them.
func (m *tableMap) record(row foreign.Row) Record {
	d := Draft{
		Key: m.key(row.ByID, row.Key), Type: m.typ, Props: make(map[string]any), Blobs: make(map[string][]byte),
		Replaces: func(map[string]any) bool { return true },
	}
	r := Record{Where: "row " + where(row.Key)}
	var others []any
	for i, v := range row.Values {
		r.size += sizeOf(v)
		c := &m.columns[i]
		if other := c.put(&d, v); other != "" {
			others = append(others, other)
		}
	}
	if len(others) > 0 {
		d.Props[otherValues] = others
		r.Note = fmt.Sprintf("%d values do not fit their columns and are in %s", len(others), otherValues)
	}
	for _, columns := range m.aliases {
		if a, ok := m.alias(columns, pick(row.Values, columns)); ok {
			d.Aliases = append(d.Aliases, a)
		}
	}
	for _, l := range m.links {
		if to, ok := l.target(row); ok {
			r.Links = append(r.Links, Link{From: d.Key, Name: l.name, To: to})
		}
	}
	r.Items = []Draft{d}
	return r
}

// where names a row for people.
func where(key []any) string {
	parts := make([]string, len(key))
	for i, v := range key {
		parts[i] = clip(showable(literal(v)), 60)
	}
	return strings.Join(parts, ",")
}

func sizeOf(v any) int64 {
	switch x := v.(type) {
	case string:
		return int64(len(x))
	case []byte:
		return int64(len(x))
	}
	return 8
}

// put sets what a value becomes. It returns what does not fit, as text.
func (c *columnMap) put(d *Draft, v any) (other string) {
	if c.prop.Name == "" {
		if v == nil {
			return ""
		}
		return c.name + ": " + literal(v)
	}
	d.Props[c.prop.Name] = nil
	if c.blob != "" {
		d.Props[c.blob] = nil
	}
	if v == nil {
		return ""
	}
	if b, ok := v.([]byte); ok && c.prop.Kind == locket.Blob && !c.prop.Many {
		d.Blobs[c.prop.Name] = b
		return ""
	}
	if c.blob != "" {
		switch x := v.(type) {
		case []byte:
			if len(x) > hexBytes {
				d.Blobs[c.blob] = x
				return ""
			}
		case string:
			if len(x) > columnText {
				d.Blobs[c.blob] = []byte(x)
				return ""
			}
		}
	}
	value, fits := c.convert(v)
	if value != nil && c.prop.Many {
		value = []any{value}
	}
	d.Props[c.prop.Name] = value
	if !fits {
		return c.name + ": " + literal(v)
	}
	return ""
}

// convert gives a value in the kind of the property. A text that cannot be stored as
// it is gives a readable one, and does not fit.
func (c *columnMap) convert(v any) (value any, fits bool) {
	switch c.prop.Kind {
	case locket.Text:
		return c.text(v)
	case locket.Integer:
		if n, ok := v.(int64); ok {
			return n, true
		}
	case locket.Real:
		switch x := v.(type) {
		case float64:
			if !math.IsInf(x, 0) && !math.IsNaN(x) {
				return x, true
			}
		case int64:
			if x >= -exactReal && x <= exactReal {
				return float64(x), true
			}
		}
	case locket.Boolean:
		if n, ok := v.(int64); ok && (n == 0 || n == 1) {
			return n == 1, true
		}
	case locket.Time:
		if t, ok := c.time(v); ok {
			return t, true
		}
	}
	return nil, false
}

func (c *columnMap) text(v any) (any, bool) {
	switch x := v.(type) {
	case string:
		if utf8.ValidString(x) && !strings.ContainsRune(x, 0) {
			return x, true
		}
		return strings.ReplaceAll(strings.ToValidUTF8(x, "\uFFFD"), "\x00", "\uFFFD"), false
	case []byte:
		return hex.EncodeToString(x), true
	}
	return literal(v), true
}

// timeForms are those of SQLite's date functions. Without a zone a time is UTC.
var timeForms = []string{
	"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04Z07:00", "2006-01-02 15:04", time.DateOnly,
}

func (c *columnMap) time(v any) (t time.Time, ok bool) {
	switch x := v.(type) {
	case int64:
		if c.unit == 0 || x < 1e8*c.unit || x >= 1e10*c.unit {
			return t, false
		}
		return time.UnixMicro(x * (1e6 / c.unit)).UTC(), true
	case string:
		x = strings.Replace(x, "T", " ", 1)
		x = strings.Replace(x, " +", "+", 1)
		for _, form := range timeForms {
			if t, err := time.Parse(form, x); err == nil {
				return t, t.Year() >= 1 && t.Nanosecond()%1000 == 0
			}
		}
	}
	return t, false
}

// literal is a value as SQLite writes it, but for the quotes around texts.
func literal(v any) string {
	switch x := v.(type) {
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case string:
		if !utf8.ValidString(x) || strings.ContainsRune(x, 0) {
			return "CAST(x'" + hex.EncodeToString([]byte(x)) + "' AS TEXT)"
		}
		return x
	case []byte:
		return "x'" + hex.EncodeToString(x) + "'"
	}
	return "NULL"
}

// keyBytes is the longest key in full; of longer ones the hash.
const keyBytes = 300

// key is the identity of a row: sqlite:<source>/<table>/<primary key, or row id>.
func (m *tableMap) key(byID bool, values []any) string {
	kind := "/"
	if byID && len(m.table.Key) > 0 {
		kind = "/rowid=" // a part of the primary key is NULL
	}
	return m.long(kind + joined(values))
}

// alias is a name of a row by other columns than the primary key's; none if one is NULL.
func (m *tableMap) alias(columns []int, values []any) (string, bool) {
	if slices.Contains(values, nil) {
		return "", false
	}
	var names []string
	for _, i := range columns {
		names = append(names, url.PathEscape(m.table.Columns[i].Name))
	}
	return m.long("?" + strings.Join(names, ",") + "=" + joined(values)), true
}

func (m *tableMap) long(rest string) string {
	k := "sqlite:" + url.PathEscape(m.source) + "/" + url.PathEscape(m.table.Name) + rest
	if len(k) <= keyBytes {
		return k
	}
	sum := sha256.Sum256([]byte(k))
	return "sqlite:sha256:" + hex.EncodeToString(sum[:])
}

// joined writes values so that no two rows have the same: texts in quotes, numbers
// bare, as they differ in SQLite too.
func joined(values []any) string {
	var b bytes.Buffer
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		switch x := v.(type) {
		case string:
			b.WriteString("'" + url.PathEscape(x) + "'")
		case []byte:
			b.WriteString("x'" + hex.EncodeToString(x) + "'")
		default:
			b.WriteString(literal(v))
		}
	}
	return b.String()
}

func pick(values []any, columns []int) []any {
	out := make([]any, len(columns))
	for i, c := range columns {
		out[i] = values[c]
	}
	return out
}

// linkTo makes a link of a foreign key of m to rows of to.
func (m *tableMap) linkTo(to *tableMap, k foreign.ForeignKey) linkMap {
	first, _ := m.table.Column(k.Columns[0])
	l := linkMap{name: m.columns[first].prop.Name, to: to}
	if l.name == "" {
		l.name = identifier(k.Columns[0], "column", false)
	}
	order := slices.Clone(k.To)
	slices.SortFunc(order, func(a, b string) int { return slices.Index(to.table.Key, a) - slices.Index(to.table.Key, b) })
	whole := slices.Equal(order, to.table.Key)
	if !whole {
		order = slices.Sorted(slices.Values(k.To))
	}
	for _, name := range order {
		n, _ := m.table.Column(k.Columns[slices.Index(k.To, name)])
		l.columns = append(l.columns, n)
		n, _ = to.table.Column(name)
		l.alias = append(l.alias, n)
	}
	if whole {
		l.alias = nil
	} else if !slices.ContainsFunc(to.aliases, func(a []int) bool { return slices.Equal(a, l.alias) }) {
		to.aliases = append(to.aliases, l.alias)
	}
	return l
}

// target is the key or alias that a row's link leads to.
func (l *linkMap) target(row foreign.Row) (string, bool) {
	values := pick(row.Values, l.columns)
	if slices.Contains(values, nil) {
		return "", false
	}
	if l.alias == nil {
		return l.to.key(false, values), true
	}
	return l.to.alias(l.alias, values)
}
