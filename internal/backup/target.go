package backup

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/locketpod/locket"
)

// A Target keeps objects under slash-separated names. It is safe for concurrent
// use, and believed in nothing: whatever it gives is bounded and checked.
type Target interface {
	// Put stores an object as a whole or not at all. A name that is taken is
	// fs.ErrExist and stays as it is. Put does not keep data.
	Put(ctx context.Context, name string, data []byte) error
	// Get reads an object of at most limit bytes. None is fs.ErrNotExist, a longer one
	// ErrTooLong.
	Get(ctx context.Context, name string, limit int64) ([]byte, error)
	// List gives every object whose name begins with prefix, which is empty or ends
	// with a slash, in any order. It ends at the first error.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Delete removes an object. A missing one is no error.
	Delete(ctx context.Context, name string) error
}

// ErrTooLong is returned by the Get of a [Target] for an object beyond the limit.
var ErrTooLong = errors.New("backup: object beyond the limit")

// readAll reads at most limit bytes and closes r.
func readAll(r io.ReadCloser, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, ErrTooLong
	}
	return data, nil
}

// An Object is what a Target tells of what it keeps.
type Object struct {
	Name     string
	Size     int64     // bytes as stored
	Modified time.Time // by the target's clock
}

const (
	snapshotFolder = "snapshots/"
	pruneFolder    = "prunes/"
	objectFolder   = "objects/"
	headerEnd      = ".header"
	manifestEnd    = ".manifest.age"
	objectEnd      = ".age"

	idTime = "20060102T150405Z"
)

var (
	idForm       = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$`)
	setForm      = regexp.MustCompile(`^[0-9a-f]{16}$`)
	databaseForm = regexp.MustCompile(`^pod(\.[1-9][0-9]{0,8})?\.db$`)
	blobForm     = regexp.MustCompile(`^[0-9a-f]{32}$`)
	nameForm     = regexp.MustCompile(`^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*$`)
)

const maxName = 512

func validName(name string) bool { return len(name) <= maxName && nameForm.MatchString(name) }

func newID(at time.Time) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the program instead
	return at.UTC().Format(idTime) + "-" + hex.EncodeToString(b[:])
}

// timeOf returns the time in an id.
func timeOf(id string) (time.Time, bool) {
	if !idForm.MatchString(id) {
		return time.Time{}, false
	}
	at, err := time.Parse(idTime, id[:len(idTime)])
	return at, err == nil
}

func headerName(id string) string        { return snapshotFolder + id + headerEnd }
func manifestName(id, set string) string { return snapshotFolder + id + "." + set + manifestEnd }
func pruneName(id string) string         { return pruneFolder + id + objectEnd }

func objectName(set string, h Hash) string {
	hash := h.String()
	return objectFolder + set + "/" + hash[:2] + "/" + hash + objectEnd
}

// parseManifestName is the reverse of manifestName.
func parseManifestName(name string) (id, set string, ok bool) {
	rest, ok1 := strings.CutPrefix(name, snapshotFolder)
	rest, ok2 := strings.CutSuffix(rest, manifestEnd)
	id, set, ok3 := strings.Cut(rest, ".")
	_, ok4 := timeOf(id)
	return id, set, ok1 && ok2 && ok3 && ok4 && setForm.MatchString(set)
}

// parseObjectName is the reverse of objectName.
func parseObjectName(name string) (set string, h Hash, ok bool) {
	parts := strings.Split(name, "/")
	if len(parts) != 4 {
		return "", Hash{}, false
	}
	hash, _ := strings.CutSuffix(parts[3], objectEnd)
	h, ok = parseHash(hash)
	return parts[1], h, ok && setForm.MatchString(parts[1]) && objectName(parts[1], h) == name
}

// failed turns an error of a target into one for people.
func failed(doing string, err error) error {
	if _, ok := errors.AsType[*locket.Error](err); ok || err == nil {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return locket.Errorf(locket.CodeCancelled, "%s was cancelled", doing).Because(err)
	case IsFull(err):
		return locket.Errorf(locket.CodeDiskFull, "the disk is full while %s; make room and run it again", doing).Because(err)
	case errors.Is(err, fs.ErrPermission):
		return locket.Errorf(locket.CodeDenied, "no permission while %s; check the folder's owner or the access key", doing).Because(err)
	default:
		return locket.Errorf(locket.CodeInternal, "%s failed; the log says why", doing).Because(err)
	}
}

// IsFull tells whether a file could not be written because its disk is full.
func IsFull(err error) bool {
	const errorDiskFull = syscall.Errno(112) // of Windows
	return errors.Is(err, syscall.ENOSPC) || runtime.GOOS == "windows" && errors.Is(err, errorDiskFull)
}
