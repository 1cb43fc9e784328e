package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/kit"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/slip39"
)

// A shareSource is the flags that say where shares are read from.
type shareSource struct {
	files, photos  []string
	passphraseFile string
}

func (s *shareSource) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&s.files, "share-file", nil, "read shares from the lines of a file: words, or the code of a sheet; repeated")
	f.StringArrayVar(&s.photos, "photo", nil, "read a share from a photo of its QR code, PNG or JPEG; repeated")
	f.StringVar(&s.passphraseFile, "extra-passphrase-file", "", "read the extra passphrase of the kit from the first line of a file")
}

func (c *cli) recoveryTestCommand() *cobra.Command {
	var s shareSource
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Rehearse: does the kit open the pod? Nothing is changed",
		Long: `Read the sheets of a kit, typed or from photos, and say whether they open the pod. Nothing
in the pod's folder is changed. Compare the checksum that is printed for each sheet with the
one on it.`,
		Example: "  locket recovery test\n  locket recovery test --photo sheet1.jpg --photo sheet2.jpg --photo sheet4.jpg",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withShares(cmd.Context(), s, func(f *pods.Folder, id locket.PodID, r recovered) error {
				info, err := f.Rehearse(cmd.Context(), id, r.credential)
				if err != nil {
					return err
				}
				out := rehearsed{Pod: id, Slot: info.ID.String(), Epoch: info.Epoch, Checksums: r.checksums(id, info)}
				return c.print(out, func(p *printer) { p.rehearsed(out) })
			})
		},
	}
	s.flags(cmd)
	return cmd
}

// rehearsed is what "recovery test" prints.
type rehearsed struct {
	Pod       locket.PodID `json:"pod"`
	Slot      string       `json:"slot"`
	Epoch     int64        `json:"epoch"`
	Checksums []string     `json:"checksums"` // of the sheets that were read, in their order
}

func (p *printer) rehearsed(r rehearsed) {
	for i, sum := range r.Checksums {
		p.line("sheet %d: checksum %s; compare it with the one on the sheet", i+1, sum)
	}
	p.line("This kit, epoch %d, opens pod %s. Nothing was changed.", r.Epoch, r.Pod)
}

func (c *cli) recoveryRestoreCommand() *cobra.Command {
	var s shareSource
	var file string
	var withDevice bool
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Come back in with a recovery kit, and choose a new passphrase",
		Long: `Open the pod with the sheets of a recovery kit and add a new passphrase, which is asked for
twice. It needs a copy of the pod's folder and no server. The kit goes on working; if its
sheets were seen by others, make a new one: 'locket recovery renew'.`,
		Example: "  locket recovery restore\n  locket recovery restore --share-file shares.txt --new-passphrase-file new.txt",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withShares(cmd.Context(), s, func(f *pods.Folder, id locket.PodID, r recovered) error {
				info, err := f.Rehearse(cmd.Context(), id, r.credential)
				if err != nil {
					return err
				}
				for i, sum := range r.checksums(id, info) {
					fmt.Fprintf(c.err, "sheet %d: checksum %s; compare it with the one on the sheet\n", i+1, sum)
				}
				return f.Keys(cmd.Context(), id, r.credential, func(k *pods.Keys) error {
					return c.comeBack(cmd.Context(), k, file, withDevice)
				})
			})
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&file, "new-passphrase-file", "", "read the new passphrase from the first line of a file")
	cmd.Flags().BoolVar(&withDevice, "with-device-secret", false, "the new passphrase needs the device secret, too")
	return cmd
}

func (c *cli) comeBack(ctx context.Context, k *pods.Keys, file string, withDevice bool) error {
	password, err := c.newPassword(ctx, file, withDevice)
	if err != nil {
		return err
	}
	defer password.wipe()
	id, err := k.AddPassword(ctx, "after recovery", password.opens.(keyring.Password)) // newPassword makes no other
	if err != nil {
		return err
	}
	return c.print(keyOut{id}, func(p *printer) {
		p.line("You are in again: the new passphrase, key %s, opens the pod.", id)
		p.line("'locket key list' shows what else opens it. If somebody else may have one of those, end it and give the")
		p.line("pod another key: locket key rotate --end ID")
	})
}

// recovered is what came out of the sheets.
type recovered struct {
	credential keyring.Recovery
	mnemonics  []string
}

// checksums are those of the sheets, which are of the given slot.
func (r recovered) checksums(pod locket.PodID, s keyring.SlotInfo) []string {
	var sums []string
	for _, words := range r.mnemonics {
		bits, err := slip39.Bits(words)
		if err != nil {
			continue // they were read once already
		}
		sums = append(sums, kit.Code{Pod: pod, Slot: s.ID, Epoch: s.Epoch, Share: bits}.Checksum())
		clear(bits)
	}
	return sums
}

// withShares reads shares until they are enough, and calls fn with the secret.
func (c *cli) withShares(ctx context.Context, s shareSource, fn func(*pods.Folder, locket.PodID, recovered) error) (err error) {
	if c.server != "" {
		return locket.Errorf(locket.CodeUnsupported, "recovery works on the pod's folder; run it where that is, without --server")
	}
	f, err := c.openFolder()
	if err != nil {
		return err
	}
	defer closing(f, &err)
	r := &shareReader{cli: c, source: s}
	defer r.wipe()
	if err := r.read(ctx); err != nil {
		return err
	}
	id := r.pod
	if id == "" {
		if id, err = c.choosePod(f); err != nil {
			return err
		}
	}
	return r.try(ctx, func(got recovered) error { return fn(f, id, got) })
}

// withRecovery is withShares where there is no pod yet.
func (c *cli) withRecovery(ctx context.Context, s shareSource, fn func(keyring.Recovery) error) error {
	r := &shareReader{cli: c, source: s}
	defer r.wipe()
	if err := r.read(ctx); err != nil {
		return err
	}
	return r.try(ctx, func(got recovered) error { return fn(got.credential) })
}

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
