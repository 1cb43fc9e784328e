package main

import (
	"bytes"
	"io"

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
