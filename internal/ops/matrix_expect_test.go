package ops_test

import (
	"slices"

	"github.com/locketpod/locket"
)

const denied, notFound, fine = locket.CodeDenied, locket.CodeNotFound, locket.Code("")

func (a *actor) can(p locket.Permission) bool { return slices.Contains(a.may, p) }

func (a *actor) sees(tg target) bool {
	return tg.there && (a.reads || tg.atWork) && a.can(locket.MayRead)
}

type expectation = func(w *matrixWorld, a *actor, tg target) locket.Code

// anywhere asks for a permission, wherever it holds.
func anywhere(p locket.Permission) expectation {
	return func(_ *matrixWorld, a *actor, _ target) locket.Code {
		if !a.can(p) {
			return denied
		}
		return fine
	}
}

// on asks for a permission on an item that is seen.
func on(p locket.Permission) expectation {
	return func(_ *matrixWorld, a *actor, tg target) locket.Code {
		switch {
		case !a.can(p):
			return denied
		case !a.sees(tg):
			return notFound
		case p != locket.MayRead && !a.all && !tg.atWork:
			return denied
		}
		return fine
	}
}

// linkTo asks to link an item at work to one that is seen.
func linkTo(_ *matrixWorld, a *actor, tg target) locket.Code {
	switch {
	case !a.can(locket.MayLink):
		return denied
	case !a.sees(tg):
		return notFound
	}
	return fine
}

// unbounded asks for a permission on everything.
func unbounded(p locket.Permission) expectation {
	return func(_ *matrixWorld, a *actor, _ target) locket.Code {
		if !a.can(p) || !a.all && (p != locket.MayRead || !a.reads) {
			return denied
		}
		return fine
	}
}

func everybody(*matrixWorld, *actor, target) locket.Code { return fine }

func nobody(*matrixWorld, *actor, target) locket.Code { return notFound }

// managed asks to manage a principal that the steward made, or did not.
func managed(bySteward bool) expectation {
	return func(_ *matrixWorld, a *actor, _ target) locket.Code {
		switch {
		case !a.can(locket.MayManage):
			return denied
		case !a.all && !bySteward:
			return notFound
		}
		return fine
	}
}

// hidden makes denied of an expectation not found, for operations that everybody may ask for.
func hidden(e expectation) expectation {
	return func(w *matrixWorld, a *actor, tg target) locket.Code {
		if code := e(w, a, tg); code != denied {
			return code
		}
		return notFound
	}
}

// letIn asks to make a key or a grant for somebody else, which only the owner and the
// maker may.
func letIn(bySteward bool) expectation {
	return func(w *matrixWorld, a *actor, tg target) locket.Code {
		code := managed(bySteward)(w, a, tg)
		if code == fine && !a.owner() && (a.all || !bySteward) {
			return denied
		}
		return code
	}
}

// ofOwner asks for what only the owner may do to the owner; code is what comes of it.
func ofOwner(code locket.Code) expectation {
	return func(_ *matrixWorld, a *actor, _ target) locket.Code {
		switch {
		case a.owner():
			return code
		case a.can(locket.MayManage) && !a.all:
			return notFound
		}
		return denied
	}
}
