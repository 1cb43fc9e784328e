package keystore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

const (
	envCredentials = "CREDENTIALS_DIRECTORY"
	systemdPlace   = "systemd's credentials folder"
)

// Systemd returns the credentials that systemd gave this service when it started it
// (LoadCredentialEncrypted= and the like, systemd.exec(5)). It only reads: they are
// made by systemd-creds, which seals them to this machine, its TPM, or both. A
// credential is called like the secret, with - for each colon. One line break at its
// end is left off.
func Systemd() Store { return systemd{} }

type systemd struct{}

func credentialName(name string) string { return strings.ReplaceAll(name, ":", "-") }

func (systemd) Get(name string) (*secret.Key, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	dir := os.Getenv(envCredentials)
	if dir == "" || runtime.GOOS != "linux" {
		return nil, unavailable(nil, "systemd gave this program no credentials; start it as a service whose unit has a line "+loadLine(name))
	}
	text, err := readCredential(dir, credentialName(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, none(systemdPlace, credentialName(name), err)
	case err != nil:
		return nil, unavailable(err, "the credential "+credentialName(name)+" cannot be read: "+systemdPlace+" must have it as a plain file that only this service can read; "+
			"see LoadCredentialEncrypted= in systemd.exec(5)")
	}
	if n := len(text) - 1; n >= 0 && text[n] == '\n' {
		text = text[:n]
	}
	return taken(text, systemdPlace, credentialName(name))
}

// readCredential reads a regular file that others than its owner and group cannot
// read. The group is no concern: where systemd uses an access list, its mask is shown
// as the group's permissions.
func readCredential(dir, name string) (text []byte, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	before, err := root.Lstat(name) // opening a pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() || before.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("keystore: mode %v", before.Mode())
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err := f.Stat(); err != nil || !os.SameFile(before, info) {
		return nil, errors.Join(errors.New("keystore: the file was exchanged"), err)
	}
	text = make([]byte, MaxSecret+2) // a line break and, to notice that it is too long, one more
	n, err := io.ReadFull(f, text)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return text[:n], err
}

func (systemd) Set(name string, _ *secret.Key) error { return readOnly(name) }

func (systemd) Delete(name string) error { return readOnly(name) }

func readOnly(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return locket.Errorf(locket.CodeUnsupported, "systemd's credentials are made by systemd: write the secret to 'systemd-creds encrypt --name=%[1]s - /etc/credstore.encrypted/%[1]s' "+
		"and put the line %s into the service's unit; to take it back remove both", credentialName(name), loadLine(name)).Because(ErrReadOnly)
}

func loadLine(name string) string {
	name = credentialName(name)
	return "LoadCredentialEncrypted=" + name + ":/etc/credstore.encrypted/" + name
}
