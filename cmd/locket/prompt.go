package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

// maxPassphrase is the longest passphrase in bytes.
const maxPassphrase = 1024

// A prompter asks the person at the terminal. All return CodeUnsupported where
// there is no terminal.
type prompter interface {
	secret(ctx context.Context, question string) (*secret.Key, error)
	confirm(ctx context.Context, question string) (bool, error)
	line(ctx context.Context, question string) (string, error) // what is typed is seen
}

// terminal asks on the controlling terminal, so that standard input and output
// stay free for data.
type terminal struct{}

func (terminal) secret(ctx context.Context, question string) (*secret.Key, error) {
	return ask(ctx, func(in, out *os.File) (*secret.Key, error) {
		fmt.Fprintf(out, "%s ", question)
		line, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(out)
		if len(line) > maxPassphrase {
			err = locket.Errorf(locket.CodeInvalid, "the passphrase must have at most %d bytes", maxPassphrase)
		}
		return secret.Take(line), err
	})
}

func (terminal) confirm(ctx context.Context, question string) (bool, error) {
	return ask(ctx, func(in, out *os.File) (bool, error) {
		fmt.Fprintf(out, "%s [y/N] ", question)
		line, err := bufio.NewReader(in).ReadString('\n')
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		answer := strings.ToLower(strings.TrimSpace(line))
		return answer == "y" || answer == "yes", err
	})
}

func (terminal) line(ctx context.Context, question string) (string, error) {
	return ask(ctx, func(in, out *os.File) (string, error) {
		fmt.Fprintf(out, "%s ", question)
		line, err := bufio.NewReader(io.LimitReader(in, maxLine)).ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return "", locket.Errorf(locket.CodeCancelled, "stopped")
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
		return strings.TrimSpace(line), err
	})
}

// maxLine is the longest line that is typed, in bytes. (A terminal gives up at 4096.)
const maxLine = 4096

// ask runs fn with the terminal. When ctx ends it gives the terminal back as it was
// and leaves fn behind in its read, which nothing can end before the program ends.
func ask[T any](ctx context.Context, fn func(in, out *os.File) (T, error)) (answer T, err error) {
	in, out, closing, err := openTerminal()
	if err != nil {
		return answer, locket.Errorf(locket.CodeUnsupported,
			"there is no terminal to ask on; use --passphrase-file, --passphrase-fd or %s, and --yes to confirm", envKey).Because(err)
	}
	before, err := term.GetState(int(in.Fd()))
	if err != nil {
		closing()
		return answer, locket.Errorf(locket.CodeUnsupported, "the terminal cannot be used").Because(err)
	}
	type result struct {
		answer T
		err    error
	}
	done := make(chan result, 1)
	go func() {
		a, err := fn(in, out)
		done <- result{a, err}
	}()
	select {
	case r := <-done:
		closing()
		return r.answer, r.err
	case <-ctx.Done():
		_ = term.Restore(int(in.Fd()), before) // nothing more can be done for it
		fmt.Fprintln(out)
		return answer, locket.Errorf(locket.CodeCancelled, "stopped").Because(ctx.Err())
	}
}

// openTerminal opens the terminal itself, whatever the standard streams are.
func openTerminal() (in, out *os.File, closing func(), err error) {
	if runtime.GOOS != "windows" {
		tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		return tty, tty, func() { _ = tty.Close() }, err // nothing is lost if closing fails
	}
	if in, err = os.OpenFile("CONIN$", os.O_RDWR, 0); err != nil {
		return nil, nil, nil, err
	}
	if out, err = os.OpenFile("CONOUT$", os.O_WRONLY, 0); err != nil {
		return nil, nil, nil, errors.Join(err, in.Close())
	}
	return in, out, func() { _ = errors.Join(in.Close(), out.Close()) }, nil
}

// givenPassphrase reads the passphrase that --passphrase-file or --passphrase-fd
// names; ok is false if neither is given.
func (c *cli) givenPassphrase() (k *secret.Key, ok bool, err error) {
	var f *os.File
	switch {
	case c.passphraseFile != "" && c.passphraseFD >= 0:
		return nil, false, locket.Errorf(locket.CodeInvalid, "give --passphrase-file or --passphrase-fd, not both")
	case c.passphraseFile != "":
		if f, err = os.Open(c.passphraseFile); err != nil {
			return nil, false, locket.Errorf(locket.CodeInvalid, "the passphrase file cannot be read").Because(err)
		}
	case c.passphraseFD >= 0:
		f = os.NewFile(uintptr(c.passphraseFD), "passphrase")
	default:
		return nil, false, nil
	}
	k, err = firstLine(f)
	return k, err == nil, errors.Join(err, f.Close())
}

// firstLine reads a passphrase: what stands before the first line end.
func firstLine(r io.Reader) (*secret.Key, error) {
	data := make([]byte, maxPassphrase+2)
	defer clear(data)
	n, err := io.ReadFull(r, data)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, locket.Errorf(locket.CodeInvalid, "the passphrase cannot be read").Because(err)
	}
	line, _, _ := bytes.Cut(data[:n], []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 || len(line) > maxPassphrase {
		return nil, locket.Errorf(locket.CodeInvalid, "the passphrase must have 1 to %d bytes", maxPassphrase)
	}
	return secret.Take(line), nil
}
