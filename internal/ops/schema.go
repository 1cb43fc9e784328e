package ops

import (
	"context"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

type noIn struct{}

// A Schema is the types of a pod, by name.
type Schema struct {
	Types []locket.Type `json:"types"`
}

func getSchema(ctx context.Context, c *Call, _ noIn) (Schema, error) {
	types, err := c.View.Types(ctx)
	return Schema{Types: types}, err
}

type extendSchemaIn struct {
	Type         string            `path:"type" help:"name of the type"`
	TimeProperty string            `json:"timeProperty,omitempty" help:"property that is the items' own time; new types only"`
	Properties   []locket.Property `json:"properties" help:"properties to declare; those declared already must be the same"`
}

func extendSchema(ctx context.Context, c *Call, in extendSchemaIn) (Written, error) {
	t := locket.Type{Name: in.Type, TimeProperty: in.TimeProperty, Properties: in.Properties}
	return write(ctx, c, func(w *store.Writer) error { return w.Extend(t) })
}
