package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/kit"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/slip39"
)

// A shareReader collects shares.
type shareReader struct {
	*cli
	source    shareSource
	shares    []slip39.Share
	mnemonics []string
	pod       locket.PodID // that a code has named
}

func (r *shareReader) wipe() {
	for _, s := range r.shares {
		s.Wipe()
	}
}

func (r *shareReader) read(ctx context.Context) error {
	for _, path := range r.source.files {
		data, err := readFile(nil, path, 64<<10)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			if err := r.add(line); err != nil {
				return err
			}
		}
		clear(data)
	}
	for _, path := range r.source.photos {
		if err := r.photo(path); err != nil {
			return err
		}
	}
	if len(r.source.files)+len(r.source.photos) > 0 {
		p, err := slip39.Missing(r.shares)
		if err == nil && !p.Done() {
			err = slip39.ErrTooFew
		}
		return shareError(err)
	}
	return r.ask(ctx)
}

// ask reads shares from the terminal until they are enough. A mistake is told, and asked
// again.
func (r *shareReader) ask(ctx context.Context) error {
	const maxMistakes = 50
	for mistakes := 0; mistakes < maxMistakes; {
		text, err := r.prompt.line(ctx, fmt.Sprintf("Sheet %d, its words, its code or the path of a photo:", len(r.shares)+1))
		if err != nil {
			return err
		}
		if isPhoto(text) {
			err = r.photo(text)
		} else {
			err = r.add(text)
		}
		if err != nil {
			mistakes++
			fmt.Fprintf(r.err, "locket: %s\n", locket.MessageOf(err))
			continue
		}
		p, err := slip39.Missing(r.shares)
		if err != nil {
			return shareError(err)
		}
		if p.Done() {
			return nil
		}
		fmt.Fprintln(r.err, progressText(p))
	}
	return locket.Errorf(locket.CodeInvalid, "that were too many mistakes; compare the words with the sheet and start again")
}

func progressText(p slip39.Progress) string {
	var parts []string
	for i, g := range p.Groups {
		if g.Need > 0 {
			parts = append(parts, fmt.Sprintf("group %d: %d of %d", i+1, g.Have, g.Need))
		}
	}
	if p.Need == 1 && len(parts) == 1 {
		_, rest, _ := strings.Cut(parts[0], ": ")
		return "Good: " + rest + " that are needed."
	}
	return fmt.Sprintf("Good: %s; %d of %d groups.", strings.Join(parts, ", "), p.Have, p.Need)
}

func isPhoto(text string) bool {
	switch strings.ToLower(filepath.Ext(text)) {
	case ".png", ".jpg", ".jpeg":
		return true
	}
	return false
}

func (r *shareReader) photo(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return locket.Errorf(locket.CodeNotFound, "there is no photo %s", path).Because(err)
	}
	text, err := kit.ReadPhoto(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return r.add(text)
}

// add takes in a share: a code, or words.
func (r *shareReader) add(text string) error {
	if strings.HasPrefix(strings.ToUpper(text), "LOCKET") && !strings.Contains(text, " ") || strings.Contains(text, ":") {
		code, err := kit.ParseCode(text)
		if err != nil {
			return err
		}
		defer code.Wipe()
		if r.pod != "" && r.pod != code.Pod {
			return locket.Errorf(locket.CodeInvalid, "this sheet is of another pod, %s", code.Pod)
		}
		r.pod, text = code.Pod, slip39.Mnemonic(code.Share)
	}
	s, err := slip39.Parse(text)
	if err != nil {
		return shareError(err)
	}
	if _, err := slip39.Missing(append(r.shares, s)); err != nil {
		s.Wipe()
		return shareError(err)
	}
	r.shares, r.mnemonics = append(r.shares, s), append(r.mnemonics, text)
	return nil
}

// shareError says what is wrong with a share. What the words may mean is for who typed
// them.
func shareError(err error) error {
	if err == nil {
		return nil
	}
	text := strings.TrimPrefix(err.Error(), "slip39: ")
	if w, ok := errors.AsType[*slip39.WordError](err); ok {
		text = fmt.Sprintf("word %d: %s", w.Position, strings.TrimPrefix(w.Err.Error(), "slip39: "))
		if len(w.Near) > 0 {
			text += " (" + strings.Join(w.Near, ", ") + "?)"
		}
	}
	return locket.Errorf(locket.CodeInvalid, "%s", text).Because(err)
}

// try combines the shares, first without an extra passphrase.
func (r *shareReader) try(ctx context.Context, fn func(recovered) error) error {
	passphrase := secret.Take(nil)
	if r.source.passphraseFile != "" {
		var err error
		if passphrase, err = readSecretFile(r.source.passphraseFile, "the file of the extra passphrase"); err != nil {
			return err
		}
	}
	defer func() { passphrase.Wipe() }()
	for asked := r.source.passphraseFile != ""; ; asked = true {
		recovery, err := slip39.Combine(r.shares, passphrase.Bytes())
		if err != nil {
			return shareError(err)
		}
		err = fn(recovered{keyring.Recovery{Secret: recovery}, r.mnemonics})
		recovery.Wipe()
		if !errors.Is(err, keyring.ErrWrongSecret) {
			return err
		}
		if asked || len(r.source.files)+len(r.source.photos) > 0 {
			return locket.Errorf(locket.CodeUnauthenticated, "the sheets fit together, but do not open this pod: they are of another pod or of a kit that was renewed, "+
				"or the kit needs its extra passphrase").Because(err)
		}
		passphrase.Wipe()
		if passphrase, err = r.prompt.secret(ctx, "The sheets alone do not open it. The extra passphrase of the kit:"); err != nil {
			return err
		}
	}
}
