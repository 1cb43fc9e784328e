package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/locketpod/locket"
)

// itemWithProvenance is what "get --provenance --json" prints.
type itemWithProvenance struct {
	locket.Item
	Provenance map[string]locket.Provenance `json:"provenance"` // by property
}

func (c *cli) showProvenance(ctx context.Context, p pod, it locket.Item) error {
	from, err := run[map[string]locket.Provenance](ctx, p, "items.provenance", map[string]string{"id": string(it.ID)})
	if err != nil {
		return err
	}
	return c.print(itemWithProvenance{it, from}, func(p *printer) {
		p.line("%s  %s  version %d, trust %s", p.styled(bold, clean(it.Type, false)), it.ID, it.Version, it.Trust)
		var rows [][]string
		for _, name := range slices.Sorted(maps.Keys(it.Props)) {
			rows = append(rows, append(append([]string{name}, by(from[name])...), short(display(it.Props[name]))))
		}
		p.table([]string{"PROPERTY", "WHO", "WHEN", "SIGNED", "TRUST", "FROM", "VALUE"}, rows)
	})
}

// by is who, when, by whom signed, how far trusted, and from where.
func by(p locket.Provenance) []string {
	return []string{p.Name, when(p.Time), signer(p.SignedBy), string(p.Trust), origin(p.Source)}
}

func (p *printer) revisions(rs []locket.Revision) {
	var rows [][]string
	for _, r := range rs {
		var values []string
		for _, name := range slices.Sorted(maps.Keys(r.Props)) {
			if v := r.Props[name]; v == nil {
				values = append(values, "without "+name)
			} else {
				values = append(values, name+"="+short(display(v)))
			}
		}
		rows = append(rows, append(append([]string{entryNumber(r.Change)}, by(r.Provenance)...), string(r.Action), strings.Join(values, "; ")))
	}
	p.table([]string{"ENTRY", "WHO", "WHEN", "SIGNED", "TRUST", "FROM", "ACTION", "VALUES"}, rows)
}

// entryNumber is "" for those who may not know it.
func entryNumber(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// short is the beginning of a value, on one line.
func short(value string) string { return clip(clean(value, false), 40) }
