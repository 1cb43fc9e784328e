package ops

import (
	"context"
	"io"
	"strings"

	"github.com/locketpod/locket/internal/exporter"
)

type getExportIn struct {
	Formats string `query:"formats,omitempty" help:"open formats to write beside locket.jsonl, with commas: markdown, mail, contacts, calendar, files, photos; none for none; default all"`
	Query   string `query:"q,omitempty" help:"only items that a search for this finds"`
}

func getExport(_ context.Context, c *Call, in getExportIn) (*Stream, error) {
	o := exporter.Options{Query: in.Query, Op: "export.get"}
	switch in.Formats {
	case "":
	case "none":
		o.Formats = []string{}
	default:
		o.Formats = strings.Split(in.Formats, ",")
	}
	if err := exporter.CheckFormats(o.Formats); err != nil {
		return nil, err
	}
	if err := c.View.MayExportItems(); err != nil {
		return nil, err
	}
	write := func(ctx context.Context, w io.Writer) error { return exporter.Run(ctx, c.View, w, o) }
	return &Stream{MediaType: "application/x-tar", Name: "locket.tar", Write: write}, nil
}
