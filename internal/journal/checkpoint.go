package journal

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/locketpod/locket"
)

// originPrefix begins every checkpoint, and so everything that the pod's key signs
// as a note. Signatures over entries begin with domain, which differs from it at the
// seventh byte: neither can be taken for the other.
const originPrefix = "locket-pod/"

// maxCheckpoint is more than the longest checkpoint in bytes.
const maxCheckpoint = 512

var (
	// ErrBadCheckpoint says that a text is no checkpoint, or not one of the key's.
	ErrBadCheckpoint = errors.New("journal: bad checkpoint")
	// ErrRolledBack says that a journal lacks entries that it had before.
	ErrRolledBack = errors.New("journal: it has not only grown")
)

// A Checkpoint says what the journal of a pod is when it has Size entries. Whoever
// keeps one notices when the pod later shows an older or another journal.
type Checkpoint struct {
	Pod  locket.PodID
	Size int64 // entries
	Root Hash  // of the tree over their records
}

// Sign returns the checkpoint as a signed note (C2SP tlog-checkpoint). key holds the
// pod's Ed25519 key.
func (c Checkpoint) Sign(key crypto.Signer) ([]byte, error) { return c.sign(key, c.text()) }

func (c Checkpoint) sign(key crypto.Signer, text string) ([]byte, error) {
	if _, ok := locket.ParseUUID(string(c.Pod)); !ok || c.Size < 0 || c.Size > maxSize {
		return nil, fmt.Errorf("%w: %d entries of %q", ErrBadCheckpoint, c.Size, c.Pod)
	}
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("journal: checkpoints are signed with Ed25519")
	}
	v, err := noteVerifier(c.origin(), pub)
	if err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: text}, noteSigner{v, key})
}

// OpenCheckpoint reads exactly what [Checkpoint.Sign] writes with the key whose public
// half is pub: no further lines, no further signatures. Anything else is
// ErrBadCheckpoint. The caller compares Pod.
func OpenCheckpoint(text []byte, pub ed25519.PublicKey) (Checkpoint, error) {
	body, err := openNote(text, pub)
	var c Checkpoint
	if err == nil {
		c, err = parseCheckpoint(body)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrBadCheckpoint, err)
	}
	return c, nil
}

// openNote returns the text of a note that is signed once, with the key that belongs to
// pub, under the name that its first line is.
func openNote(text []byte, pub ed25519.PublicKey) (string, error) {
	if len(text) > maxCheckpoint {
		return "", errors.New("too long")
	}
	origin, _, _ := strings.Cut(string(text), "\n")
	v, err := noteVerifier(origin, pub)
	if err != nil {
		return "", err
	}
	n, err := note.Open(text, note.VerifierList(v))
	if err != nil {
		return "", err
	}
	sig, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	if err != nil {
		return "", err
	}
	written := n.Text + "\n— " + origin + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
	if string(text) != written {
		return "", errors.New("more than one signature, or an odd encoding")
	}
	return n.Text, nil
}

func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) != 4 {
		return Checkpoint{}, errors.New("too few lines")
	}
	id, _ := strings.CutPrefix(lines[0], originPrefix)
	_, ok := locket.ParseUUID(id)
	size, err := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := tlog.ParseHash(lines[2])
	c := Checkpoint{Pod: locket.PodID(id), Size: size, Root: root}
	if !ok || err != nil || err2 != nil || size < 0 || size > maxSize || c.text() != text {
		return Checkpoint{}, errors.New("malformed")
	}
	return c, nil
}

func (c Checkpoint) origin() string { return originPrefix + string(c.Pod) }

func (c Checkpoint) text() string { return fmt.Sprintf("%s\n%d\n%s\n", c.origin(), c.Size, c.Root) }

// A noteSigner is the pod's key as the note package wants it.
type noteSigner struct {
	note.Verifier
	key crypto.Signer
}

func (s noteSigner) Sign(msg []byte) ([]byte, error) { return s.key.Sign(nil, msg, crypto.Hash(0)) }

func noteVerifier(name string, pub ed25519.PublicKey) (note.Verifier, error) {
	v, err := note.NewEd25519VerifierKey(name, pub)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(v)
}

// ProveGrowth returns the proof that the journal of to entries begins with the one of
// from entries (RFC 6962 §2.1.2). It is empty if from is 0 or to. A journal that is
// shorter than from is ErrRolledBack.
func ProveGrowth(from, to int64, r tlog.HashReader) ([]Hash, error) {
	switch {
	case from < 0 || to > maxSize:
		return nil, fmt.Errorf("journal: no growth from %d to %d entries", from, to)
	case to < from:
		return nil, fmt.Errorf("%w: from %d to %d entries", ErrRolledBack, from, to)
	case from == 0:
		return nil, nil
	}
	return tlog.ProveTree(to, from, r)
}

// CheckGrowth checks a proof of [ProveGrowth] between two checkpoints that were
// opened. It returns ErrRolledBack if it does not show that from became to by growing.
// Everything has grown from no entries.
func CheckGrowth(proof []Hash, from, to Checkpoint) error {
	switch {
	case from.Size == 0:
		return nil
	case from.Pod != to.Pod:
		return fmt.Errorf("%w: pod %s is not %s", ErrRolledBack, to.Pod, from.Pod)
	case from.Size > to.Size || to.Size > maxSize:
		return fmt.Errorf("%w: from %d to %d entries", ErrRolledBack, from.Size, to.Size)
	}
	if err := tlog.CheckTree(proof, to.Size, to.Root, from.Size, from.Root); err != nil {
		return fmt.Errorf("%w: %w", ErrRolledBack, err)
	}
	return nil
}
