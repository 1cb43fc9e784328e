package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

// A tool is one that agents can use.
type tool struct {
	name, title, text string
	hints             hints
	params            []param
	out               reflect.Type // of the structured answer
	run               func(ctx context.Context, c Caller, a args) (answer, error)
}

// hints say what a tool does to the pod. No tool reaches beyond it.
type hints struct {
	reads      bool // changes nothing
	destroys   bool // can take something away
	idempotent bool // doing it again changes nothing more
}

// An answer of a tool: text for the model, and the same as data. Stored texts in both have
// gone through a frame.
type answer struct {
	text   string // "": the data as JSON
	before string // the beginning and the end of a frame as texts of their own, where the
	after  string // text is to stand as others know it; "": none
	data   any
	failed bool // the tool says that it could not do its work
}

// describe is the tool as clients see it.
func (t tool) describe() *sdk.Tool {
	closed, destroys := false, t.hints.destroys
	return &sdk.Tool{
		Name: t.name, Title: t.title, Description: t.text,
		InputSchema: inputSchema(t.params), OutputSchema: schemaOf(t.out),
		Annotations: &sdk.ToolAnnotations{
			Title: t.title, ReadOnlyHint: t.hints.reads, DestructiveHint: &destroys,
			IdempotentHint: t.hints.idempotent || t.hints.reads, OpenWorldHint: &closed,
		},
	}
}

// A server answers the requests of one connection.
type server struct {
	caller Caller
	log    *slog.Logger
}

// tool is the handler of t. What goes wrong with a tool is told to the model as its
// result, so that it can do better; only a fault of the protocol is an error of it.
func (s *server) tool(t tool) sdk.ToolHandler {
	return func(ctx context.Context, r *sdk.CallToolRequest) (res *sdk.CallToolResult, err error) {
		err = s.guarded(ctx, "tools/call "+t.name, func(ctx context.Context) error {
			a, err := readArgs(r.Params.Arguments, t.params, time.Now())
			if err != nil {
				return err
			}
			out, err := t.run(ctx, s.caller, a)
			if err != nil {
				return err
			}
			res, err = out.result()
			return err
		})
		if err != nil {
			return failed(err), nil
		}
		return res, nil
	}
}

func (a answer) result() (*sdk.CallToolResult, error) {
	data, err := encode(a.data)
	if err != nil {
		return nil, err
	}
	if a.text == "" {
		a.text = data
	}
	var texts []sdk.Content
	for _, s := range []string{a.before, a.text, a.after} {
		if s != "" {
			texts = append(texts, &sdk.TextContent{Text: s})
		}
	}
	return &sdk.CallToolResult{
		Content:           texts,
		StructuredContent: json.RawMessage(data),
		IsError:           a.failed,
	}, nil
}

// failed is the result of a tool that could not do its work: the code, and a message that
// is safe to show.
func failed(err error) *sdk.CallToolResult {
	return &sdk.CallToolResult{
		Content: []sdk.Content{&sdk.TextContent{Text: failure(err)}},
		IsError: true,
	}
}

// failure is an error in one line. Messages may quote what is stored.
func failure(err error) string {
	return string(locket.CodeOf(err)) + ": " + line(locket.MessageOf(err), 1000)
}

// guarded runs fn within its time, on a stack that is wiped, and turns a panic into an
// error: handlers run on goroutines of the SDK, where it would end the whole server.
func (s *server) guarded(ctx context.Context, what string, fn func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	began := time.Now()
	secret.OnCleanStack(func() {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic with a %T%s", p, places())
			}
		}()
		err = fn(ctx)
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = locket.Errorf(locket.CodeBusy, "this took too long; try again").Because(err)
	}
	s.tell(ctx, what, time.Since(began), err)
	return err
}

// places are the functions that a panic came through. Its value could hold contents.
func places() string {
	pc := make([]uintptr, 8)
	frames := runtime.CallersFrames(pc[:runtime.Callers(4, pc)])
	where := ""
	for {
		f, more := frames.Next()
		where += fmt.Sprintf(" %s:%d", f.Function, f.Line)
		if !more {
			return where
		}
	}
}

// tell logs a request: what was asked for, the code, and of Locket's own faults the
// cause; never contents.
func (s *server) tell(ctx context.Context, what string, took time.Duration, err error) {
	level, attrs := slog.LevelDebug, []slog.Attr{slog.String("call", what), slog.Duration("took", took)}
	if err != nil {
		code := locket.CodeOf(err)
		attrs = append(attrs, slog.String("code", string(code)))
		if code == locket.CodeInternal {
			level, attrs = slog.LevelError, append(attrs, slog.String("cause", err.Error()))
		}
	}
	s.log.LogAttrs(context.WithoutCancel(ctx), level, "mcp", attrs...)
}

func methodNotFound(method string) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: fmt.Sprintf("%q is not supported", method)}
}

// The toolsets.
const (
	Core  = "core"
	Graph = "graph"
	Items = "items"
	Admin = "admin"
)

// Toolsets lists the names of all toolsets. Core is what there is if none is chosen.
func Toolsets() []string { return []string{Core, Graph, Items, Admin} }

// SplitToolsets reads a list of names as a flag or a query gives it.
func SplitToolsets(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// toolsOf lists the tools of some toolsets, always in the same order.
func toolsOf(chosen []string) ([]tool, error) {
	for _, c := range chosen {
		if !slices.Contains(Toolsets(), c) {
			return nil, locket.Errorf(locket.CodeInvalid, "there is no toolset %.40q; toolsets are %s", c, strings.Join(Toolsets(), ", "))
		}
	}
	if len(chosen) == 0 {
		chosen = []string{Core}
	}
	var tools []tool
	for _, set := range []struct {
		name string
		make func() []tool
	}{{Core, coreTools}, {Graph, graphTools}, {Items, itemTools}, {Admin, adminTools}} {
		if slices.Contains(chosen, set.name) {
			tools = append(tools, set.make()...)
		}
	}
	return tools, nil
}
