package backup

import (
	"errors"

	"github.com/locketpod/locket"
)

// A Finding says that an object of a target is not what it should be. It is an error
// within the package, and what Verify reports.
type Finding struct {
	Name    string // of the object
	Problem string // continues a sentence that begins with the name
}

func (f Finding) Error() string { return f.Name + " " + f.Problem }

func isFinding(err error) bool {
	_, ok := errors.AsType[Finding](err)
	return ok
}

var (
	errMalformed = errors.New("backup: malformed")
	errSignature = errors.New("backup: not signed by the pod")
)

// at makes an error of parsing a Finding about an object.
func at(name string, err error) error {
	switch {
	case errors.Is(err, errMalformed):
		return Finding{name, "is malformed"}
	case errors.Is(err, errSignature):
		return Finding{name, "is not signed by this pod"}
	default:
		return err
	}
}

// damage makes a Finding an error for people.
func damage(err error) error {
	if f, ok := errors.AsType[Finding](err); ok {
		return locket.Errorf(locket.CodeTampered, "the backup is damaged: %s; verify all of it, then restore another snapshot", f.Error()).Because(err)
	}
	return err
}
