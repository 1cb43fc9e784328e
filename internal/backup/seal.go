package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"filippo.io/age"

	"github.com/locketpod/locket"
)

// A sealer encrypts to one set of recipients.
type sealer struct {
	recipients []age.Recipient
	names      []string // of the recipients, sorted
	set        string
	overhead   int64 // bytes before the payload; the same for every file of the set
}

func newSealer(keys Keys) (*sealer, error) {
	if len(keys.Recipients) == 0 || len(keys.Recipients) > maxRecipients {
		return nil, locket.Errorf(locket.CodeInvalid, "a backup needs between 1 and %d recipients", maxRecipients)
	}
	s := new(sealer)
	for _, r := range keys.Recipients {
		s.recipients = append(s.recipients, r)
		s.names = append(s.names, r.String())
	}
	slices.Sort(s.names)
	if len(slices.Compact(slices.Clone(s.names))) != len(s.names) {
		return nil, locket.Errorf(locket.CodeInvalid, "a recipient of the backup is named twice")
	}
	s.set = setOf(s.names)
	var empty bytes.Buffer
	if err := s.seal(&empty, nil); err != nil {
		return nil, err
	}
	s.overhead = int64(empty.Len()) - payloadSize(0)
	return s, nil
}

// setOf names a set of recipients, given sorted.
func setOf(recipients []string) string {
	h := sha256.Sum256([]byte(strings.Join(recipients, "\n") + "\n"))
	return hex.EncodeToString(h[:8])
}

func (s *sealer) seal(dst io.Writer, plain []byte) error {
	w, err := age.Encrypt(dst, s.recipients...)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return w.Close()
}

// stored returns the size of the age file of a plaintext.
func (s *sealer) stored(plain int64) int64 { return s.overhead + payloadSize(plain) }

// plainSize is the reverse of stored; false if no age file of the set has that size.
func (s *sealer) plainSize(stored int64) (int64, bool) {
	payload := stored - s.overhead - nonceSize
	if payload < tagSize {
		return 0, false
	}
	chunks := (payload + sealedChunk - 1) / sealedChunk
	plain := payload - chunks*tagSize
	return plain, plain >= 0 && s.stored(plain) == stored
}

// The payload of an age file (C2SP age, "Payload"): a nonce and chunks with a tag each;
// the last is empty only if the plaintext is.
const (
	nonceSize   = 16
	tagSize     = 16
	chunkSize   = 64 << 10
	sealedChunk = chunkSize + tagSize
)

func payloadSize(plain int64) int64 {
	chunks := max((plain+chunkSize-1)/chunkSize, 1)
	return nonceSize + plain + chunks*tagSize
}

// ageSlack is more than the header of an age file for maxRecipients takes.
const ageSlack = 256 << 10

// fetch reads a stored object of at most limit bytes.
func fetch(ctx context.Context, t Target, name string, limit int64) ([]byte, error) {
	data, err := t.Get(ctx, name, limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, Finding{name, "is missing"}
	case errors.Is(err, ErrTooLong):
		return nil, Finding{name, "is longer than any such file"}
	}
	return data, err
}

// unseal decrypts an age file whose plaintext has at most limit bytes. A file for
// other recipients is *age.NoIdentityMatchError.
func unseal(name string, file []byte, ids []age.Identity, limit int64) ([]byte, error) {
	if len(ids) == 0 {
		return nil, &age.NoIdentityMatchError{}
	}
	r, err := age.Decrypt(bytes.NewReader(file), ids...)
	if none, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return nil, none
	}
	if err != nil {
		return nil, Finding{name, "was altered or cut"}
	}
	plain := bytes.NewBuffer(make([]byte, 0, len(file)))
	n, err := io.Copy(plain, io.LimitReader(r, limit+1))
	if err != nil {
		return nil, Finding{name, "was altered or cut"}
	}
	if n > limit {
		return nil, Finding{name, "is longer than any such file"}
	}
	return plain.Bytes(), nil
}

// object reads an object that a manifest names.
func object(ctx context.Context, t Target, ids []age.Identity, set string, h Hash) ([]byte, error) {
	name := objectName(set, h)
	file, err := fetch(ctx, t, name, maxObject+maxObject/chunkSize*tagSize+ageSlack)
	if err != nil {
		return nil, err
	}
	plain, err := unseal(name, file, ids, maxObject)
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return nil, Finding{name, "is for other recipients"}
	}
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(plain) != h {
		return nil, Finding{name, "holds something else than its name says"}
	}
	return plain, nil
}
