package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/kit"
	"github.com/locketpod/locket/internal/pods"
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
