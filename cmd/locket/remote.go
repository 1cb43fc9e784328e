package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"reflect"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/client"
	"github.com/locketpod/locket/internal/journal"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/store"
)

const (
	opCheckpoint = "journal.checkpoint"
	askWait      = lockWait / 2 // for an answer at the end, after Ctrl-C too; other runs may be waiting
)

// remote is a pod behind a server.
type remote struct {
	client  *client.Client
	session string // "" for none
	log     *slog.Logger

	notes  *notebook // nil: nothing is kept of what was seen of the pod
	warned bool      // the client was told of an earlier sighting
	unseen bool      // the last answer told nothing of the journal, which may have grown
}

func (c *cli) newRemote() (*remote, error) {
	if c.key.Len() == 0 {
		return nil, locket.Errorf(locket.CodeUnauthenticated, "a server needs an API key or a grant; put it in %s, or name its file with --api-key-file", envKey)
	}
	if c.signWith != "" {
		return nil, locket.Errorf(locket.CodeUnsupported, "your own key signs in a folder only: leave out --sign-with, or --server and %s", envServer)
	}
	if err := c.checkSession(); err != nil {
		return nil, err
	}
	cl, err := client.New(c.server, c.key.Bytes(), nil)
	if err != nil {
		return nil, err
	}
	r := &remote{client: cl, session: c.session, log: c.logger()}
	if r.notes, err = c.openNotebook(cl.Server()); err != nil {
		cl.Close()
		return nil, err
	}
	r.expect()
	return r, nil
}

// forgetSeen forgets what was seen of the pod behind the server.
func (c *cli) forgetSeen() error {
	r, err := c.newRemote()
	if err != nil {
		return err
	}
	defer r.client.Close()
	if r.notes == nil {
		return nil
	}
	defer r.notes.close()
	return r.notes.forget()
}

// openNotebook returns nil where nothing is kept. A grant keeps nothing: the next login
// gives another, so what it could seal would never be read again.
func (c *cli) openNotebook(server string) (*notebook, error) {
	if c.state == "" {
		return nil, nil
	}
	token, err := keyring.ParseToken(c.key.Bytes())
	if err != nil {
		c.logger().Debug("checkpoint not kept: that takes an API key")
		return nil, nil // what is wrong with the key, if anything, the server says
	}
	defer token.Wipe()
	return newNotebook(c.state, server, token)
}

// expect holds the server to what earlier runs saw.
func (r *remote) expect() {
	if r.notes == nil {
		return
	}
	seen, err := r.notes.begin()
	if err == nil && seen != (sighting{}) {
		err = r.client.Expect(seen.note, seen.podKey)
		r.warned = err == nil
	}
	if err != nil {
		r.log.Debug("kept checkpoint not read", slog.String("cause", err.Error()))
	}
}

// close keeps what was seen and ends the connection. Its error has CodeRolledBack;
// other reasons not to keep are no more than a line in the log.
func (r *remote) close(ctx context.Context) error {
	defer r.client.Close()
	if r.notes == nil {
		return nil
	}
	defer r.notes.close()
	if r.unseen {
		r.look(ctx)
	}
	now := r.seen()
	if now.note == "" {
		return nil // only who may manage the pod without bounds is told of its journal
	}
	err := r.notes.keep(now, func(from sighting) (sighting, error) { return r.grown(ctx, from) })
	if err == nil || locket.CodeOf(err) == locket.CodeRolledBack {
		return err
	}
	level := slog.LevelWarn
	if errors.Is(err, errForgotten) {
		level = slog.LevelDebug
	}
	r.log.Log(ctx, level, "checkpoint not kept; name another folder with "+envState+", or none by leaving it empty", slog.String("cause", err.Error()))
	return nil
}

func (r *remote) seen() sighting {
	note, podKey := r.client.Checkpoint()
	return sighting{note, podKey}
}

// look asks for any answer that tells how far the journal has come. Without one the
// last that told it counts.
func (r *remote) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWait)
	defer cancel()
	if _, err := run[ops.Known](ctx, r, "principals.self", nil); err != nil {
		r.log.Debug("the server was not asked for a checkpoint", slog.String("cause", err.Error()))
	}
}

// grown has the server prove that the pod has grown from what another run saw; its
// answer proves the same for what this run saw.
func (r *remote) grown(ctx context.Context, from sighting) (sighting, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWait)
	defer cancel()
	g, err := run[store.Growth](ctx, r, opCheckpoint, map[string]string{"from": from.note})
	if err != nil {
		return from, err
	}
	now := r.seen()
	before, err := from.open()
	after, err2 := sighting{g.Checkpoint, now.podKey}.open()
	if err := errors.Join(err, err2); err != nil {
		return from, err
	}
	if err := journal.CheckGrowth(g.Proof, before, after); err != nil {
		return from, otherJournal(err)
	}
	return now, nil
}

func (r *remote) do(ctx context.Context, o ops.Op, in any, body io.Reader, report locket.Reporter) (any, error) {
	if body != nil {
		body = io.NopCloser(body) // it is the caller's to close, not the request's
	}
	req, err := r.request(ctx, o, in, body)
	if err != nil {
		return nil, err
	}
	out := reflect.New(o.Out)
	if r.unseen = o.Reports && report != nil; r.unseen {
		err = r.client.Follow(req, report, out.Interface())
	} else {
		err = r.client.Do(req, out.Interface())
	}
	return out.Elem().Interface(), r.advise(o, err)
}

// advise tells what to do when the server does not have what earlier runs saw. An
// operation that compares with a checkpoint of its own may have failed for that one.
func (r *remote) advise(o ops.Op, err error) error {
	if !r.warned || o.Name == opCheckpoint || locket.CodeOf(err) != locket.CodeRolledBack {
		return err
	}
	return locket.Errorf(locket.CodeRolledBack, "%s. A later state of it was seen here: if an older copy was put back on purpose, "+
		"'locket verify --accept-older --server %s' goes on with it", locket.MessageOf(err), r.client.Server()).Because(err)
}

func (r *remote) request(ctx context.Context, o ops.Op, in any, body io.Reader) (*http.Request, error) {
	req, err := o.Encode(ctx, in, body)
	if err == nil && r.session != "" {
		req.Header.Set("Locket-Session", r.session)
	}
	return req, err
}

func (r *remote) fetch(ctx context.Context, o ops.Op, in any, w io.Writer) error {
	req, err := r.request(ctx, o, in, nil)
	if err != nil {
		return err
	}
	res, err := r.client.Open(req)
	if err != nil {
		return r.advise(o, err)
	}
	defer res.Body.Close()
	_, err = io.Copy(w, res.Body)
	return err
}
