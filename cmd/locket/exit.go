package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/locketpod/locket"
)

// A status is an exit status of the program.
type status int

const (
	statusOK       status = 0
	statusInternal status = 1
	statusTampered status = 7
	statusProblems status = 11
)

// statuses says which exit status each code has. docs/cli.md and the help topic
// "exit-status" show it.
var statuses = []struct {
	status  status
	codes   []locket.Code
	meaning string
}{
	{statusOK, nil, "done"},
	{statusInternal, []locket.Code{locket.CodeInternal}, "a fault of Locket's"},
	{2, []locket.Code{locket.CodeInvalid}, "wrong usage or invalid input"},
	{3, []locket.Code{locket.CodeNotFound}, "no such item, pod or file"},
	{4, []locket.Code{locket.CodeUnauthenticated, locket.CodeExpired}, "no passphrase or key, or a wrong or ended one"},
	{5, []locket.Code{locket.CodeExists, locket.CodeConflict}, "it exists already, or it changed meanwhile"},
	{6, []locket.Code{locket.CodeDenied}, "not permitted"},
	{statusTampered, []locket.Code{locket.CodeTampered, locket.CodeRolledBack}, "stored data was altered or damaged, or is an older copy"},
	{8, []locket.Code{locket.CodeBusy, locket.CodeTooMany}, "busy, or too many attempts; try again later"},
	{9, []locket.Code{locket.CodeDiskFull, locket.CodeTooLarge}, "the disk is full, or the input too large"},
	{10, []locket.Code{locket.CodeNewer, locket.CodeUnsupported}, "written by a newer Locket, or not possible here"},
	{statusProblems, nil, "doctor found problems"},
	{12, []locket.Code{locket.CodePending}, "not done yet: it waits for the owner"},
	{130, []locket.Code{locket.CodeCancelled}, "stopped by Ctrl-C"},
}

// How doctor and verify end when they found something. The report is printed already.
var (
	errProblems = errors.New("problems were found")
	errFault    = errors.New("a fault was found")
)

func reported(err error) bool { return errors.Is(err, errProblems) || errors.Is(err, errFault) }

// statusOf returns the exit status of err.
func statusOf(err error) status {
	switch {
	case err == nil:
		return statusOK
	case errors.Is(err, errProblems):
		return statusProblems
	case errors.Is(err, errFault):
		return statusTampered
	}
	code := locket.CodeOf(err)
	for _, s := range statuses {
		for _, c := range s.codes {
			if c == code {
				return s.status
			}
		}
	}
	return statusInternal
}

// coded gives err a code if it has none.
func coded(err error) error {
	if _, ok := errors.AsType[*locket.Error](err); ok || err == nil || reported(err) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return locket.Errorf(locket.CodeCancelled, "stopped").Because(err)
	}
	return locket.Errorf(locket.CodeInternal, "internal error; run again with --verbose to see the cause").Because(err)
}

// fail prints err to standard error, as a line or as JSON.
func (c *cli) fail(err error) {
	if reported(err) {
		return
	}
	if c.json {
		body := errorBody{Code: locket.CodeOf(err), Message: locket.MessageOf(err)}
		if e, ok := errors.AsType[*locket.Error](err); ok {
			body.Op, body.Message = e.Op, (&locket.Error{Msg: e.Msg}).Error()
		}
		_ = json.NewEncoder(c.err).Encode(map[string]errorBody{"error": body}) // nowhere left to report a failure to
	} else {
		fmt.Fprintf(c.err, "locket: %s\n", clean(locket.MessageOf(err), false))
	}
	if cause := errors.Unwrap(err); c.verbose && cause != nil {
		fmt.Fprintf(c.err, "locket: cause: %s\n", clean(cause.Error(), false))
	}
}

// An errorBody is an error as JSON, as over HTTP.
type errorBody struct {
	Code    locket.Code `json:"code"`
	Op      string      `json:"op,omitempty"`
	Message string      `json:"message"`
}

func statusRow(s status, codes []locket.Code, meaning string) string {
	row := fmt.Sprintf("%-4d %s", s, meaning)
	for i, code := range codes {
		row += []string{" (", ", "}[min(i, 1)] + string(code)
	}
	if codes != nil {
		row += ")"
	}
	return row
}
