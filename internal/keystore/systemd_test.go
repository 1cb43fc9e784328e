//go:build linux

package keystore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keystore"
)

func TestSystemd(t *testing.T) {
	dir := t.TempDir()
	s := keystore.Systemd()
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := s.Get("locket:" + pod); !errors.Is(err, keystore.ErrUnavailable) || !strings.Contains(err.Error(), "LoadCredentialEncrypted=locket-"+pod+":") {
		t.Errorf("no folder: %v, want ErrUnavailable and the unit's line", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if _, err := s.Get(pod); !errors.Is(err, keystore.ErrNone) {
		t.Errorf("no file: %v, want ErrNone", err)
	}
	longest := strings.Repeat("k", keystore.MaxSecret)
	for _, tt := range []struct {
		name, text string
		mode       os.FileMode
		want       string
		code       locket.Code
	}{
		{"as systemd makes it", "lk_one", 0o400, "lk_one", ""},
		{"with an access list", "lk_one", 0o440, "lk_one", ""},
		{"a line", "lk_one\n", 0o400, "lk_one", ""},
		{"the longest", longest, 0o400, longest, ""},
		{"the longest, a line", longest + "\n", 0o400, longest, ""},
		{"too long", longest + "k", 0o400, "", locket.CodeInvalid},
		{"too long, a line", longest + "k\n", 0o400, "", locket.CodeInvalid},
		{"far too long", strings.Repeat(longest, 9), 0o400, "", locket.CodeInvalid},
		{"two lines", "lk_one\n\n", 0o400, "", locket.CodeInvalid},
		{"empty", "", 0o400, "", locket.CodeInvalid},
		{"an empty line", "\n", 0o400, "", locket.CodeInvalid},
		{"binary", "\x00\x01", 0o400, "", locket.CodeInvalid},
		{"readable by all", "lk_one", 0o404, "", locket.CodeUnsupported},
		{"writable by all", "lk_one", 0o602, "", locket.CodeUnsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(dir, "locket-"+pod)
			if err := errors.Join(os.WriteFile(file, []byte(tt.text), 0o600), os.Chmod(file, tt.mode)); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = os.Remove(file) }()
			got, err := s.Get("locket:" + pod)
			if locket.CodeOf(err) != tt.code || string(got.Bytes()) != tt.want {
				t.Errorf("got %d bytes and %v, want %d and code %q", got.Len(), err, len(tt.want), tt.code)
			}
			if err != nil && strings.Contains(err.Error(), "lk_one") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

// TestSystemdOddFiles has what is no plain file, and would block or lead elsewhere.
func TestSystemdOddFiles(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "other")
	if err := errors.Join(
		os.WriteFile(outside, []byte("lk_other"), 0o400),
		os.Symlink(outside, filepath.Join(dir, "link")),
		os.Mkdir(filepath.Join(dir, "folder"), 0o700),
		syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for _, name := range []string{"link", "folder", "pipe"} {
		if got, err := keystore.Systemd().Get(name); !errors.Is(err, keystore.ErrUnavailable) || got != nil {
			t.Errorf("%s: got %v, want ErrUnavailable", name, err)
		}
	}
}

func TestSystemdIsReadOnly(t *testing.T) {
	s := keystore.Systemd()
	for _, err := range []error{s.Set("locket:"+pod, key("lk_x")), s.Delete("locket:" + pod)} {
		text := locket.MessageOf(err)
		if !errors.Is(err, keystore.ErrReadOnly) || !strings.Contains(text, "systemd-creds encrypt --name=locket-"+pod+" - ") || !strings.Contains(text, "LoadCredentialEncrypted=locket-"+pod+":") {
			t.Errorf("got %v, want ErrReadOnly with advice", err)
		}
	}
}
