package mcp

import (
	"context"
	"reflect"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

// itemTools are operations on items of any type.
func itemTools() []tool {
	return opTools("items.get", "items.list", "items.query", "items.history", "items.create", "items.update", "items.delete", "items.restore",
		"edges.list", "edges.link", "edges.unlink", "schema.get")
}

// adminTools are for looking after a pod. None shows a secret, gives anybody a permission,
// or approves what an agent wants to do: that is for a person to do.
func adminTools() []tool {
	return opTools("stats.get", "journal.list", "principals.list", "principals.explain", "keys.list", "grants.list",
		"approvals.list", "memory.audit", "memory.tend", "items.provenance")
}

// opTools makes tools of rows of the op table. Those that this program does not have are
// left out.
func opTools(names ...string) []tool {
	var tools []tool
	for _, name := range names {
		if o, ok := ops.Find(name); ok {
			tools = append(tools, opTool(o))
		}
	}
	return tools
}

// An opAnswer is the answer of an operation.
type opAnswer struct {
	framed
	Result    any    `json:"result"`
	Truncated bool   `json:"truncated,omitempty" help:"there was no room for all: ask for less"`
	End       string `json:"end"`
}

func opTool(o ops.Op) tool {
	t := tool{
		name: strings.ReplaceAll(o.Name, ".", "_"), title: strings.TrimSuffix(o.Text, "."), text: o.Text,
		out: reflect.TypeFor[opAnswer](), hints: opHints(o),
	}
	for _, f := range o.Fields() {
		t.params = append(t.params, opParam(f))
	}
	t.run = func(ctx context.Context, c Caller, a args) (answer, error) {
		got, err := call[any](ctx, c, o.Name, a)
		if err != nil {
			return answer{}, err
		}
		f := newFrame()
		out := opAnswer{framed: f.notice(), Result: f.value(got)}
		out.Truncated, out.End = f.truncated, f.end()
		return answer{data: out}, nil
	}
	return t
}

func opHints(o ops.Op) hints {
	switch {
	case o.Permission == locket.MayRead || o.Permission == locket.MaySearch || o.Method == "GET":
		return hints{reads: true}
	case o.Permission == locket.MayCreate:
		return hints{}
	}
	return hints{destroys: o.Permission != locket.MayLink || o.Method == "DELETE", idempotent: o.Method == "PUT" || o.Method == "DELETE"}
}

// opParam is the parameter that a field of an operation becomes.
func opParam(f ops.Field) param {
	p := param{name: f.Name, help: f.Help, required: f.Required, shape: anyJSON, schema: schemaOf(f.Type)}
	switch f.Type.Kind() {
	case reflect.String:
		p.shape = aText
	case reflect.Bool:
		p.shape = aFlag
	case reflect.Int, reflect.Int64:
		p.shape = anInt
	}
	return p
}
