package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/locketpod/locket"
)

// ageFlags say to whom a file is encrypted.
type ageFlags struct {
	recipients     []string
	recipientsFile string
	passphraseFile string
}

// An encrypter encrypts what is written to the writer that it returns. Closing that
// ends the age file and leaves w open.
type encrypter func(w io.Writer) (io.WriteCloser, error)

// maxAgeFile bounds a file of recipients, identities or a passphrase in bytes.
const maxAgeFile = 1 << 20

// encrypter is nil if nothing is to be encrypted.
func (a *ageFlags) encrypter() (encrypter, error) {
	var to []age.Recipient
	for _, text := range a.recipients {
		r, err := age.ParseRecipients(bytes.NewReader([]byte(text)))
		if err != nil {
			return nil, locket.Errorf(locket.CodeInvalid, "--age-recipient takes a public key that begins with age1").Because(err)
		}
		to = append(to, r...)
	}
	if a.recipientsFile != "" {
		data, err := readFile(nil, a.recipientsFile, maxAgeFile)
		if err != nil {
			return nil, err
		}
		r, err := age.ParseRecipients(bytes.NewReader(data))
		if err != nil {
			return nil, locket.Errorf(locket.CodeInvalid, "%s is not a file of age recipients", a.recipientsFile).Because(err)
		}
		to = append(to, r...)
	}
	if a.passphraseFile != "" {
		if len(to) > 0 {
			return nil, locket.Errorf(locket.CodeInvalid, "an age file has either a passphrase or recipients; leave one of them out")
		}
		passphrase, err := passphraseLine(a.passphraseFile)
		if err != nil {
			return nil, err
		}
		defer clear(passphrase)
		r, err := age.NewScryptRecipient(string(passphrase))
		if err != nil {
			return nil, locket.Errorf(locket.CodeInvalid, "%s has no passphrase on its first line", a.passphraseFile).Because(err)
		}
		to = append(to, r)
	}
	if len(to) == 0 {
		return nil, nil
	}
	return func(w io.Writer) (io.WriteCloser, error) { return age.Encrypt(w, to...) }, nil
}

// passphraseLine reads a passphrase, which the caller clears.
func passphraseLine(path string) ([]byte, error) {
	data, err := readFile(nil, path, maxAgeFile)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

// ageKeys open an age file.
type ageKeys struct {
	identityFile   string
	passphraseFile string
}

func (k *ageKeys) identities() ([]age.Identity, error) {
	switch {
	case k.identityFile != "" && k.passphraseFile != "":
		return nil, locket.Errorf(locket.CodeInvalid, "give either --age-identity or --age-passphrase-file")
	case k.passphraseFile != "":
		passphrase, err := passphraseLine(k.passphraseFile)
		if err != nil {
			return nil, err
		}
		defer clear(passphrase)
		id, err := age.NewScryptIdentity(string(passphrase))
		if err != nil {
			return nil, locket.Errorf(locket.CodeInvalid, "%s has no passphrase on its first line", k.passphraseFile).Because(err)
		}
		return []age.Identity{id}, nil
	case k.identityFile == "":
		return nil, nil
	}
	data, err := readFile(nil, k.identityFile, maxAgeFile)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	ids, err := age.ParseIdentities(bytes.NewReader(data))
	if err != nil {
		// The cause could quote the secret.
		return nil, locket.Errorf(locket.CodeInvalid, "%s is not a file of age identities (AGE-SECRET-KEY-…)", k.identityFile)
	}
	return ids, nil
}

// A sealedFile is an age file that is decrypted while it is read, at any offset, and
// never to disk.
type sealedFile struct {
	io.ReaderAt
	size int64
	name string // without .age
	file *os.File
}

func (s *sealedFile) Close() error { return s.file.Close() }

const ageHead = "age-encryption.org/v1\n"

// openSealed is nil if the file is not an age file and no keys are given.
func openSealed(path string, k ageKeys) (_ *sealedFile, err error) {
	ids, err := k.identities()
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); ids == nil && (err != nil || !info.Mode().IsRegular()) {
		return nil, nil // whoever opens it says what is wrong
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, locket.Errorf(locket.CodeNotFound, "%s cannot be opened", path).Because(err)
	}
	defer func() {
		if err != nil || ids == nil {
			err = errors.Join(err, f.Close())
		}
	}()
	head := make([]byte, len(ageHead))
	n, err := f.ReadAt(head, 0)
	switch sealed := string(head[:n]) == ageHead; {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, locket.Errorf(locket.CodeInvalid, "%s cannot be read", path).Because(err)
	case sealed && ids == nil:
		return nil, locket.Errorf(locket.CodeInvalid, "%s is encrypted with age; name what opens it with --age-identity or --age-passphrase-file", path)
	case !sealed && ids != nil:
		return nil, locket.Errorf(locket.CodeInvalid, "%s is not an age file; leave the keys out", path)
	case !sealed:
		return nil, nil
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r, size, err := age.DecryptReaderAt(f, info.Size(), ids...)
	if err != nil {
		return nil, locket.Errorf(locket.CodeUnauthenticated, "%s cannot be decrypted: it is encrypted to another key or passphrase, or damaged", path).Because(err)
	}
	return &sealedFile{r, size, sealedName(path), f}, nil
}

// sealedName is the name of what is in an age file; a tar if it does not say.
func sealedName(path string) string {
	name := filepath.Base(path)
	if strings.HasSuffix(strings.ToLower(name), ".age") {
		name = name[:len(name)-len(".age")]
	}
	if !strings.Contains(name, ".") {
		name += ".tar"
	}
	return name
}
