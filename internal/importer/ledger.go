package importer

import (
	"context"
	"encoding/csv"
	"io"
	"strings"

	"github.com/locketpod/locket/internal/store"
)

// WriteLedger writes the ledger of a run as CSV (RFC 4180) with a heading: one
// line for every record read. A cell that a spreadsheet would take for a formula
// gets a leading apostrophe.
func WriteLedger(ctx context.Context, v *store.View, importID string, w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"file", "record", "format", "outcome", "item", "reason"}); err != nil {
		return err
	}
	for cursor := ""; ; {
		page, err := v.Ledger(ctx, importID, 1000, cursor)
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			line := []string{e.File, e.Record, e.Format, string(e.Outcome), string(e.Item), e.Reason}
			for i, cell := range line {
				line[i] = plainCell(cell)
			}
			if err := out.Write(line); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	out.Flush()
	return out.Error()
}

// plainCell defuses what begins like a formula, as OWASP's "CSV injection" lists.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}
