package store

import (
	"context"

	"github.com/locketpod/locket"
)

// maxTally is how many different values one tally tells apart.
const maxTally = 1000

// Tally counts the living items of a type that the principal may see, by the value of a
// single text property; those without it under "". Of more than maxTally values the
// most frequent are told.
func (v *View) Tally(ctx context.Context, typ, property string) (map[string]int64, error) {
	if err := v.may(locket.MayRead); err != nil {
		return nil, err
	}
	if _, err := v.catalog(ctx); err != nil {
		return nil, err
	}
	p, err := queryProperty(v.types, typ, property)
	if err != nil {
		return nil, err
	}
	if p.Kind != locket.Text || p.Many {
		return nil, locket.Errorf(locket.CodeInvalid, "%s.%s is not a single text; only those can be counted by", typ, property)
	}
	value, visible := v.column(typ, p.Name), allOf(filter{sql: "i.type = '" + typ + "'"}, v.visibleOf("i", typ, locket.MayRead))
	rows, err := v.s.db.QueryContext(ctx, `SELECT coalesce(`+value.sql+`, '') AS value, count(*) AS n FROM items i
		WHERE i.deleted = 0 AND `+visible.sql+` GROUP BY value ORDER BY n DESC, value LIMIT ?`,
		append(append(value.args, visible.args...), maxTally)...)
	if err != nil {
		return nil, failure("count", err)
	}
	defer rows.Close()
	out := make(map[string]int64)
	for rows.Next() {
		var value string
		var n int64
		if err := rows.Scan(&value, &n); err != nil {
			return nil, failure("count", err)
		}
		out[value] = n
	}
	if err := rows.Err(); err != nil {
		return nil, failure("count", err)
	}
	return out, v.saw(ctx, locket.ActionRead)
}
