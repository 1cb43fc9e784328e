package backup

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/locketpod/locket"
)

// Texts that the pod signs here are C2SP notes of the key "locket-backup/<pod>". Their
// first line says which kind they are; no other text that the pod signs begins so.
const (
	manifestKind = "locket-backup/"
	pruneKind    = "locket-backup-pruned/"
)

type noteSigner struct {
	note.Verifier
	key crypto.Signer
}

func (s noteSigner) Sign(msg []byte) ([]byte, error) { return s.key.Sign(nil, msg, crypto.Hash(0)) }

func verifier(pod locket.PodID, pub ed25519.PublicKey) (note.Verifier, error) {
	vkey, err := note.NewEd25519VerifierKey(manifestKind+string(pod), pub)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return note.NewVerifier(vkey)
}

func signNote(text string, pod locket.PodID, key crypto.Signer) ([]byte, error) {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("backup: manifests are signed with Ed25519")
	}
	v, err := verifier(pod, pub)
	if err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: text}, noteSigner{v, key})
}

// openNote returns the text of a note that one of keys signed for pod.
func openNote(signed []byte, pod locket.PodID, keys []ed25519.PublicKey) (string, error) {
	for _, pub := range keys {
		v, err := verifier(pod, pub)
		if err != nil {
			return "", err
		}
		n, err := note.Open(signed, note.VerifierList(v))
		if err == nil {
			return n.Text, nil
		}
	}
	return "", errSignature
}
