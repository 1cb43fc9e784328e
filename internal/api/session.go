package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

const (
	// audienceWeb is the audience of grants that come in the session cookie.
	audienceWeb = "web"
	// cookieName begins with what makes browsers take the cookie only over TLS, from
	// this very host and for all its paths (RFC 6265bis §4.1.3.2).
	cookieName = "__Host-locket"

	loginBody   = 4 << 10 // bytes
	sessionLife = 12 * time.Hour
	maxLife     = 30 * 24 * time.Hour
)

// A login is the input of POST /v1/session.
type login struct {
	Pod        locket.PodID `json:"pod,omitempty" help:"id of the pod; default: the server's only one"`
	Passphrase string       `json:"passphrase" help:"the owner's passphrase"`
	Seconds    int64        `json:"seconds,omitempty" help:"how long the session lasts, at most 30 days; default: 12 hours"`
}

// A session is the answer to a login. Its token is in the cookie only.
type session struct {
	Grant store.Grant `json:"grant"`
}

// loginOp decodes a login as strictly as operations decode their input. It is none of
// them, for it has no view yet to run with.
var loginOp = ops.Op{In: reflect.TypeFor[login](), MaxBody: loginBody}

// login begins a session: it answers the passphrase with a grant in a cookie.
func (a *api) login(x *exchange) error {
	if !a.throttle.allow(x.r.RemoteAddr) {
		return throttled()
	}
	decoded, err := loginOp.Decode(x.r)
	if err != nil {
		return err
	}
	in, ok := decoded.(*login)
	if !ok {
		return errors.New("api: a login is decoded as something else")
	}
	passphrase := secret.Take([]byte(in.Passphrase))
	defer passphrase.Wipe()
	in.Passphrase = ""
	life, err := in.life()
	if err != nil {
		return err
	}
	if in.Pod, err = a.podOf(in.Pod); err != nil {
		return err
	}
	if _, ok := locket.ParseUUID(string(in.Pod)); ok {
		x.pod = in.Pod
	}
	grant, token, err := a.begin(x.r.Context(), pods.Call{Pod: in.Pod, Credential: keyring.Password{Secret: passphrase}}, life)
	if locket.CodeOf(err) == locket.CodeUnauthenticated {
		a.throttle.failed(x.r.RemoteAddr)
		return locket.Errorf(locket.CodeUnauthenticated, "this passphrase opens no such pod; check it and the pod's id")
	}
	if err != nil {
		return err
	}
	defer token.Wipe()
	text := token.Text()
	defer text.Wipe()
	x.setCookie(string(text.Bytes()), int(life/time.Second)) // it is about to be shown
	return x.json(http.StatusCreated, session{grant})
}

// life is how long the session is to last.
func (in *login) life() (time.Duration, error) {
	switch {
	case in.Seconds == 0:
		return sessionLife, nil
	case in.Seconds < 0 || in.Seconds > int64(maxLife/time.Second):
		return 0, locket.Errorf(locket.CodeInvalid, "seconds: a session lasts 1 to %d seconds", maxLife/time.Second)
	}
	return time.Duration(in.Seconds) * time.Second, nil
}

// podOf returns the pod that is named, or the only one.
func (a *api) podOf(named locket.PodID) (locket.PodID, error) {
	if named != "" {
		return named, nil
	}
	list, err := a.Doer.List()
	if err != nil {
		return "", err
	}
	if len(list) != 1 {
		return "", locket.Errorf(locket.CodeInvalid, "pod: this server does not have exactly one pod; say which by its id")
	}
	return list[0], nil
}

// begin makes the grant of a session. The caller wipes the token.
func (a *api) begin(ctx context.Context, c pods.Call, life time.Duration) (grant store.Grant, token *keyring.GrantToken, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	err = a.Doer.Visit(ctx, c, func(v *pods.Visit) (err error) {
		grant, token, err = v.Grant(ctx, pods.GrantRequest{Audience: audienceWeb, Life: life})
		return err
	})
	if err != nil && token != nil {
		token.Wipe()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded): // others are guessing
		err = locket.Errorf(locket.CodeBusy, "too many are logging in at once; try again").Because(err)
	case errors.Is(err, context.Canceled):
		err = locket.Errorf(locket.CodeCancelled, "cancelled").Because(err)
	}
	return grant, token, err
}

// setCookie gives the session cookie to the browser for a number of seconds; a negative
// one takes it away.
func (x *exchange) setCookie(value string, seconds int) {
	http.SetCookie(x, &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode,
	})
}
