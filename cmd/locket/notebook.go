package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/journal"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
)

const (
	noteSize = 640                         // of the sealed text, padded: its length tells nothing
	noteBox  = noteSize + seal.BoxOverhead // of the file
	noteAD   = "locket/v1/checkpoint"      // associated data of the box
	lockWait = 5 * time.Second             // for another process that keeps a checkpoint
	lockTick = 10 * time.Millisecond       // between two attempts
	nameSize = 16                          // bytes that a file is named after
)

var (
	errUnreadable = errors.New("what was kept is not what Locket wrote with this API key")
	errLocked     = errors.New("another process holds the lock")
	errForgotten  = errors.New("it was forgotten meanwhile")
)

// A sighting is the last signed checkpoint of a pod that was seen, and the pod's public
// key in hexadecimal. The zero one is none.
type sighting struct{ note, podKey string }

// open checks that the checkpoint is one of the key's.
func (s sighting) open() (journal.Checkpoint, error) {
	key, err := hex.DecodeString(s.podKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return journal.Checkpoint{}, errUnreadable
	}
	return journal.OpenCheckpoint([]byte(s.note), key)
}

// A notebook keeps the sighting of a pod behind one server from run to run, in one file
// of the state folder for each server and API key. The API key alone names the file and
// opens it.
type notebook struct {
	dir   string // the state folder, made when there is something to keep
	file  string
	key   *secret.Key
	began sighting // what it held when this run began
}

// newNotebook returns the notebook for a server's address and an API key; the caller
// closes it.
func newNotebook(dir, server string, token *keyring.Token) (*notebook, error) {
	b, err := token.Derive(keyring.PurposeCheckpoint, strings.ToLower(server), seal.KeySize+nameSize)
	if err != nil {
		return nil, err
	}
	defer b.Wipe()
	name := hex.EncodeToString(b.Bytes()[seal.KeySize:])
	return &notebook{dir: dir, file: name + ".note", key: secret.Take(b.Bytes()[:seal.KeySize])}, nil
}

func (n *notebook) close() { n.key.Wipe() }

// begin returns what earlier runs kept. What cannot be read is an error and counts as
// nothing: whoever can damage the file could remove it, too.
func (n *notebook) begin() (sighting, error) {
	root, err := os.OpenRoot(n.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return sighting{}, nil
	} else if err != nil {
		return sighting{}, err
	}
	n.began, err = n.read(root)
	return n.began, errors.Join(err, root.Close())
}

func (n *notebook) read(root *os.Root) (sighting, error) {
	f, err := root.Open(n.file)
	if errors.Is(err, fs.ErrNotExist) {
		return sighting{}, nil
	} else if err != nil {
		return sighting{}, err
	}
	box, err := io.ReadAll(io.LimitReader(f, noteBox+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return sighting{}, err
	}
	text, err := seal.Open(n.key, box, []byte(noteAD))
	if err != nil || len(text) != noteSize {
		return sighting{}, errUnreadable
	}
	var s sighting
	s.podKey, s.note, _ = strings.Cut(strings.TrimRight(string(text), "\x00"), "\n")
	if _, err := s.open(); err != nil {
		return sighting{}, errUnreadable
	}
	return s, nil
}

// keep keeps what was seen last, unless another run has kept more meanwhile. Whatever it
// replaces it has grown from: from what this run began with that has been shown; if
// another run has kept something else, grown must show it, which returns what is to be
// kept then. An error of CodeRolledBack says that the two runs saw different pods.
func (n *notebook) keep(now sighting, grown func(from sighting) (sighting, error)) (err error) {
	if now == n.began {
		return nil
	}
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(n.dir)
	if err != nil {
		return err
	}
	defer closing(root, &err)
	unlock, err := n.lock(root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	kept, err := n.read(root)
	switch {
	case errors.Is(err, errUnreadable) || err == nil && kept == n.began:
	case err != nil:
		return err
	case kept == sighting{}:
		return errForgotten
	default:
		if now, err = later(kept, now, grown); err != nil || now == kept {
			return err
		}
	}
	return n.write(root, now)
}

// later returns what two runs may keep together.
func later(kept, now sighting, grown func(from sighting) (sighting, error)) (sighting, error) {
	a, err := kept.open()
	b, err2 := now.open()
	switch {
	case err != nil || err2 != nil:
		return kept, errors.Join(err, err2)
	case a.Size == b.Size && a.Root == b.Root || a.Size > b.Size && kept.podKey == now.podKey:
		return kept, nil
	case a.Size == b.Size || kept.podKey != now.podKey:
		return kept, otherJournal(fmt.Errorf("%d entries of %s, %d of %s", a.Size, kept.podKey, b.Size, now.podKey))
	}
	return grown(kept)
}

func otherJournal(cause error) error {
	return locket.Errorf(locket.CodeRolledBack, "the server showed this pod with different journals to commands that ran at once: an old copy was put back meanwhile; find out who did it").Because(cause)
}

// lock waits for its turn, but not for a process that was stopped in the middle.
func (n *notebook) lock(root *os.Root) (unlock func() error, err error) {
	end, tick := time.NewTimer(lockWait), time.NewTicker(lockTick)
	defer end.Stop()
	defer tick.Stop()
	for {
		unlock, ok, err := durable.TryLock(root, n.file+".lock")
		if ok || err != nil {
			return unlock, err
		}
		select {
		case <-end.C:
			return nil, errLocked
		case <-tick.C:
		}
	}
}

func (n *notebook) write(root *os.Root, s sighting) error {
	text := []byte(s.podKey + "\n" + s.note)
	if len(text) > noteSize {
		return fmt.Errorf("the checkpoint has %d bytes", len(s.note))
	}
	box, err := seal.Seal(n.key, append(text, make([]byte, noteSize-len(text))...), []byte(noteAD))
	if err != nil {
		return err
	}
	return durable.WriteFile(root, n.file, box)
}

// forget removes what was kept. Runs that began before it do not bring it back.
func (n *notebook) forget() (err error) {
	root, err := os.OpenRoot(n.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer closing(root, &err)
	unlock, err := n.lock(root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := root.Remove(n.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.SyncDir(root, ".")
}
