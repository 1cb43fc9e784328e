// Package ops is the table of what can be done with a pod: one row per
// operation, with its name, its HTTP method and path, its input and output, one
// line of text and its function. The HTTP interface, the OpenAPI document and the
// command line are made from it; see docs/design/http.md.
//
// The input of an operation is a flat struct. Tags of its fields say where a
// request carries them, and what they mean:
//
//	ID      locket.ItemID  `path:"id" help:"id of the item"`
//	Limit   int            `query:"limit,omitempty" help:"…"`
//	Version Version        `header:"If-Match,omitempty" help:"…"`
//	Props   map[string]any `json:"props" help:"…"`
//
// A field must be given unless its tag says omitempty. Fields with a json tag
// make up the body, which is one JSON object.
package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// Own is the permission of operations that everybody may do with what is their own:
// with more, as far as their policy goes.
const Own locket.Permission = "own"

// An Op is one operation.
type Op struct {
	Name       string // "items.get"
	Method     string // "GET"
	Path       string // "/v1/items/{id}", in the notation of http.ServeMux
	Permission locket.Permission
	Text       string // what it does, one sentence
	Creates    bool   // success is 201 Created
	Upload     bool   // the body is raw bytes, handed to the function as Call.Body
	Reports    bool   // long work that reports progress
	Waits      bool   // it can wait for the owner though it names no permission; see CanWait
	MaxBody    int64  // bytes of a JSON body

	In, Out reflect.Type // structs; Out is *File or *Stream if the answer is not JSON
	fields  []Field
	run     func(ctx context.Context, c *Call, in any) (any, error)
}

// Bounds on JSON bodies.
const (
	jsonBody = 1 << 20
	bulkBody = 16 << 20
)

// A Call is what an operation works with beside its input.
type Call struct {
	*pods.Visit
	Body     io.Reader       // the upload, if the operation takes one
	Report   locket.Reporter // may be nil
	Embedder memory.Embedder // nil: recall goes by words alone
}

// A File is an answer of raw bytes of which any range can be read. Whoever runs
// the operation closes it, before the view ends.
type File struct {
	io.ReadSeekCloser
	MediaType string
	SHA256    string // of the content, hexadecimal
}

// A Stream is an answer that is written as it is made, before the view ends.
type Stream struct {
	MediaType string
	Name      string // suggested file name
	Write     func(ctx context.Context, w io.Writer) error
}

// Written is the answer of an operation that only changes something.
type Written struct {
	Change locket.Change `json:"change,omitzero"` // absent if there was nothing to change
}

// Nothing is the answer of an operation that has nothing to tell.
type Nothing struct{}

func write(ctx context.Context, c *Call, fn func(*store.Writer) error) (Written, error) {
	change, err := c.View.Write(ctx, fn)
	return Written{Change: change}, err
}

// paged makes the list of an empty page an empty list.
func paged[T any](p locket.Page[T], err error) (locket.Page[T], error) {
	if p.Items == nil {
		p.Items = []T{}
	}
	return p, err
}

// define makes an Op of a function. It panics if the tags of In are wrong, which
// any test of the table shows.
func define[In, Out any](name, method, path string, perm locket.Permission, text string, fn func(context.Context, *Call, In) (Out, error)) Op {
	in := reflect.TypeFor[In]()
	return Op{
		Name: name, Method: method, Path: path, Permission: perm, Text: text, MaxBody: jsonBody,
		In: in, Out: reflect.TypeFor[Out](), fields: fieldsOf(in),
		run: func(ctx context.Context, c *Call, in any) (any, error) {
			i, ok := in.(*In)
			if !ok {
				return nil, fmt.Errorf("input of %s is a %T", name, in)
			}
			return fn(ctx, c, *i)
		},
	}
}

func (o Op) creates() Op        { o.Creates = true; return o }
func (o Op) uploads() Op        { o.Upload = true; return o }
func (o Op) reports() Op        { o.Reports = true; return o }
func (o Op) maxBody(n int64) Op { o.MaxBody = n; return o }

// New returns a pointer to a zero input.
func (o Op) New() any { return reflect.New(o.In).Interface() }

// Fields describes the input, in the order of its struct.
func (o Op) Fields() []Field { return o.fields }

// Streams reports whether the answer is a [File] or a [Stream] and not JSON.
func (o Op) Streams() bool {
	return o.Out == reflect.TypeFor[*File]() || o.Out == reflect.TypeFor[*Stream]()
}

// Run does the operation. in is what [Op.New] returned, filled in. The error is
// always a *locket.Error that names the operation. Before it returns, the journal has
// what was read, and what was refused. CodePending: nothing was done; it waits for the
// owner.
func (o Op) Run(ctx context.Context, c *Call, in any) (out any, err error) {
	r := store.Request{Op: o.Name, Permission: o.Permission, Asked: o.asked(in)}
	if o.Permission == Own {
		r.Permission = ""
	}
	err = c.View.Serve(ctx, o.later(r, c, in, &out), func(ctx context.Context) (err error) {
		out, err = o.run(ctx, c, in)
		return err
	})
	if err != nil {
		return nil, o.failure(err)
	}
	return out, nil
}

// asked is the parameters of a request for the journal: of operations that write, not
// those in the body, which are what is to be written.
func (o Op) asked(in any) string {
	reads := o.Permission == locket.MayRead || o.Permission == locket.MaySearch
	var parts []string
	for _, f := range o.fields {
		if f.value(in).IsZero() || f.Place == InBody && !reads {
			continue
		}
		if text, err := f.Text(in); err == nil {
			parts = append(parts, f.Name+"="+text)
		}
	}
	return strings.Join(parts, " ")
}

func (o Op) failure(err error) error {
	e := &locket.Error{Code: locket.CodeInternal, Err: err}
	if coded, ok := errors.AsType[*locket.Error](err); ok {
		*e = *coded
	} else if errors.Is(err, context.Canceled) {
		e.Code, e.Msg = locket.CodeCancelled, "cancelled"
	} else if errors.Is(err, context.DeadlineExceeded) {
		e.Code, e.Msg = locket.CodeBusy, "this took too long; try again"
	}
	e.Op = o.Name
	return e
}
