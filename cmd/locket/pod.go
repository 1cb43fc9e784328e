package main

import (
	"context"
	"fmt"
	"io"
	"regexp"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/memory"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
)

// A pod is an open pod: one in a folder here, or one behind a server.
type pod interface {
	// do runs an operation. Its answer has the type that the op's Out names.
	do(ctx context.Context, o ops.Op, in any, body io.Reader, report locket.Reporter) (any, error)
	// fetch runs an operation whose answer is raw bytes, and writes them to w.
	fetch(ctx context.Context, o ops.Op, in any, w io.Writer) error
	// importTree imports what i has opened.
	importTree(ctx context.Context, i *importRun) (importer.Report, error)
}

// withPod opens the pod that the flags name and calls fn with it.
func (c *cli) withPod(ctx context.Context, fn func(pod) error) error {
	if c.server != "" {
		r, err := c.newRemote()
		if err != nil {
			return err
		}
		err = fn(r)
		if e := r.close(ctx); err == nil {
			err = e
		}
		return err
	}
	return c.withVisit(ctx, func(v *pods.Visit) error { return fn(c.local(v)) })
}

// withFolder opens the folder of pods, finds the pod in it and the credential for it,
// and calls fn. The command works on a folder only.
func (c *cli) withFolder(ctx context.Context, fn func(f *pods.Folder, id locket.PodID, k *credential) error) (err error) {
	if c.server != "" {
		return locket.Errorf(locket.CodeUnsupported, "this works on the pod's folder only; run it on the machine that has it, without --server")
	}
	f, err := c.openFolder()
	if err != nil {
		return err
	}
	defer closing(f, &err)
	id, err := c.choosePod(f)
	if err != nil {
		return err
	}
	k, err := c.credential(ctx, f, id)
	if err != nil {
		return err
	}
	defer k.wipe()
	return fn(f, id, k)
}

func (c *cli) withVisit(ctx context.Context, fn func(*pods.Visit) error) error {
	return c.withFolder(ctx, func(f *pods.Folder, id locket.PodID, k *credential) error {
		return c.visit(ctx, f, id, k, fn)
	})
}

// visit opens a pod, as one who signs for themselves if there is a key for that.
func (c *cli) visit(ctx context.Context, f *pods.Folder, id locket.PodID, k *credential, fn func(*pods.Visit) error) error {
	if err := c.checkSession(); err != nil {
		return err
	}
	call := pods.Call{Pod: id, Credential: k.keyring(), Source: locket.Source{Session: c.session}}
	if c.signWith != "" {
		key, err := readSigningKey(c.signWith)
		if err != nil {
			return err
		}
		defer clear(key)
		call.Signer = key
	}
	return f.Visit(ctx, call, fn)
}

var sessionForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{0,64}$`)

func (c *cli) checkSession() error {
	if !sessionForm.MatchString(c.session) {
		return locket.Errorf(locket.CodeInvalid, "%s: the id of a session has 1 to 64 letters, digits and . _ : -", envWork)
	}
	return nil
}

// closing closes x and keeps the error if there is no other.
func closing(x io.Closer, err *error) {
	if e := x.Close(); *err == nil {
		*err = e
	}
}

func (c *cli) openFolder() (*pods.Folder, error) {
	dir, err := c.podsDir()
	if err != nil {
		return nil, err
	}
	return pods.Open(dir, pods.Options{State: c.state, Log: c.logger()})
}

// choosePod returns the pod that --pod names, or the only one in the folder.
func (c *cli) choosePod(f *pods.Folder) (locket.PodID, error) {
	if c.pod != "" {
		if _, ok := locket.ParseUUID(c.pod); !ok {
			return "", locket.Errorf(locket.CodeInvalid, "--pod is not the id of a pod; 'locket status' lists them")
		}
		return locket.PodID(c.pod), nil
	}
	ids, err := f.List()
	switch {
	case err != nil:
		return "", err
	case len(ids) == 0:
		return "", locket.Errorf(locket.CodeNotFound, "there is no pod here yet; 'locket init' makes one, --dir or %s names another folder", envDir)
	case len(ids) > 1:
		return "", locket.Errorf(locket.CodeInvalid, "there are %d pods here; choose one with --pod, 'locket status' lists them", len(ids))
	}
	return ids[0], nil
}

// local is a pod in a folder.
type local struct {
	visit *pods.Visit
	model func(context.Context) (memory.Embedder, error) // for the operations that need it
}

func (c *cli) local(v *pods.Visit) local { return local{visit: v, model: c.openModel} }

func (l local) do(ctx context.Context, o ops.Op, in any, body io.Reader, report locket.Reporter) (any, error) {
	call := &ops.Call{Visit: l.visit, Body: body, Report: report}
	switch o.Name {
	case "memory.remember", "memory.recall", "memory.update", "memory.status", "memory.embed":
		var err error
		if call.Embedder, err = l.model(ctx); err != nil && o.Name == "memory.embed" {
			return nil, err
		}
	}
	return o.Run(ctx, call, in)
}

func (l local) fetch(ctx context.Context, o ops.Op, in any, w io.Writer) (err error) {
	out, err := l.do(ctx, o, in, nil, nil)
	if err != nil {
		return err
	}
	switch out := out.(type) {
	case *ops.File:
		defer closing(out, &err)
		_, err = io.Copy(w, out)
		return err
	case *ops.Stream:
		return out.Write(ctx, w)
	}
	return fmt.Errorf("%s answers with a %T, not with bytes", o.Name, out)
}

// run does the operation of a name with input fields in text form; an empty text
// leaves a field out. T is the type of its answer.
func run[T any](ctx context.Context, p pod, name string, fields map[string]string) (T, error) {
	return runLong[T](ctx, p, name, fields, nil)
}

// runLong is run for long work, which tells report how far it is.
func runLong[T any](ctx context.Context, p pod, name string, fields map[string]string, report locket.Reporter) (T, error) {
	var none T
	o, in, err := input(name, fields)
	if err != nil {
		return none, err
	}
	out, err := p.do(ctx, o, in, nil, report)
	if err != nil {
		return none, err
	}
	answer, ok := out.(T)
	if !ok {
		return none, fmt.Errorf("%s answers with a %T", name, out)
	}
	return answer, nil
}

func input(name string, fields map[string]string) (ops.Op, any, error) {
	o, ok := ops.Find(name)
	if !ok {
		return o, nil, fmt.Errorf("there is no operation %s", name)
	}
	in := o.New()
	for _, f := range o.Fields() {
		if text := fields[f.Name]; text != "" {
			if err := f.Set(in, text); err != nil {
				return o, nil, err
			}
		}
	}
	return o, in, nil
}
