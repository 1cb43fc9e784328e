package pods

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/keyring"
)

// DatabaseName returns the name of a pod's database file in its folder. Each key of a pod
// has a file of its own, so that saving the header changes over from one to the other.
func DatabaseName(epoch int64) string {
	if epoch <= 1 {
		return "pod.db"
	}
	return fmt.Sprintf("pod.%d.db", epoch)
}

// errRotated is behind the error of a change to a database that is not the pod's any
// more.
var errRotated = errors.New("pods: the pod has another key by now")

func rotated() error {
	return locket.Errorf(locket.CodeBusy, "the pod's key has just been changed; try again").Because(errRotated)
}

// A headerWatch notices that a header has been replaced by one of another key.
type headerWatch struct {
	dir   *os.Root
	epoch int64
	known fs.FileInfo // of the header that was looked at last; nil: none
}

// check is asked while nobody else can write. It reads the header only if the file is
// not the one that it knows.
func (w *headerWatch) check() error {
	info, err := w.dir.Stat("header")
	if err != nil {
		return rotated()
	}
	if w.known != nil && os.SameFile(info, w.known) && info.ModTime().Equal(w.known.ModTime()) && info.Size() == w.known.Size() {
		return nil
	}
	h, err := keyring.Load(w.dir)
	if err != nil {
		return err
	}
	if h.Epoch() != w.epoch {
		return rotated()
	}
	w.known = info
	return nil
}

// removeDatabases removes the database files that are not of this epoch: those of
// earlier keys, and with later those that a rotation which was cut short has left.
// What can't be removed now, because it is open, is removed another time.
func removeDatabases(dir *os.Root, epoch int64, later bool) {
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return
	}
	var names []string
	for _, e := range entries {
		of, unfinished, ok := databaseOf(e.Name())
		if ok && (of < epoch || later && (of > epoch || unfinished)) {
			names = append(names, e.Name())
		}
	}
	// The header may be of a process that died before its name was sure to stay: a power
	// loss must not bring back the one before it when its database is gone.
	if len(names) == 0 || durable.SyncDir(dir, ".") != nil {
		return
	}
	for _, name := range names {
		_ = dir.Remove(name) // if it is in use it can wait
	}
}

// databaseOf returns the epoch of a database file or of a file beside it.
func databaseOf(name string) (epoch int64, unfinished, ok bool) {
	base := strings.TrimSuffix(strings.TrimSuffix(name, "-wal"), "-shm")
	base, unfinished = strings.CutSuffix(base, unfinishedSuffix)
	if base == DatabaseName(1) {
		return 1, unfinished, true
	}
	if _, err := fmt.Sscanf(base, "pod.%d.db", &epoch); err != nil || DatabaseName(epoch) != base || epoch < 2 {
		return 0, false, false
	}
	return epoch, unfinished, true
}

// unfinishedSuffix ends the name of a database that a rotation is writing.
const unfinishedSuffix = ".new"
