package mcp

import (
	"context"
	"fmt"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/locketpod/locket"
)

const (
	uriRecent  = "locket://recent"
	uriProfile = "locket://profile"
	mediaJSON  = "application/json"
)

// addResources adds what can be read without a tool.
func (s *server) addResources(srv *sdk.Server) {
	srv.AddResource(&sdk.Resource{
		URI: uriRecent, Name: "recent", Title: "Recent items", MIMEType: mediaJSON,
		Description: "The items that were changed last.",
	}, s.resource(recent))
	srv.AddResource(&sdk.Resource{
		URI: uriProfile, Name: "profile", Title: "Profile", MIMEType: mediaJSON,
		Description: "As whom this client acts, what it may do, and how much is remembered.",
	}, s.resource(func(ctx context.Context, c Caller, _ string) (answer, error) { return status(ctx, c, nil) }))
	srv.AddResourceTemplate(&sdk.ResourceTemplate{
		URITemplate: uriItem + "{id}", Name: "item", Title: "Item", MIMEType: mediaJSON,
		Description: "One item, by the id that search or recall gave.",
	}, s.resource(func(ctx context.Context, c Caller, uri string) (answer, error) {
		return fetch(ctx, c, args{"id": strings.TrimPrefix(uri, uriItem)})
	}))
}

// resource is the handler of what read reads.
func (s *server) resource(read func(ctx context.Context, c Caller, uri string) (answer, error)) sdk.ResourceHandler {
	return func(ctx context.Context, r *sdk.ReadResourceRequest) (res *sdk.ReadResourceResult, err error) {
		uri := r.Params.URI
		err = s.guarded(ctx, "resources/read", func(ctx context.Context) error {
			out, err := read(ctx, s.caller, uri)
			if err != nil {
				return err
			}
			text, err := encode(out.data)
			res = &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: uri, MIMEType: mediaJSON, Text: text}}}
			return err
		})
		switch locket.CodeOf(err) {
		case "":
			return res, nil
		case locket.CodeNotFound, locket.CodeInvalid:
			return nil, sdk.ResourceNotFoundError(line(uri, maxTitle))
		}
		return nil, protocolError(err)
	}
}

func recent(ctx context.Context, c Caller, _ string) (answer, error) {
	page, err := call[locket.Page[locket.Item]](ctx, c, "items.list", map[string]any{"limit": 20})
	if err != nil {
		return answer{}, err
	}
	f := newFrame()
	out := found{framed: f.notice(), Results: []result{}, End: f.end()}
	for _, it := range page.Items {
		out.Results = append(out.Results, f.result(locket.Hit{Item: it, Snippet: fmt.Sprint(it.Text("text"))}))
	}
	return answer{data: out}, nil
}
