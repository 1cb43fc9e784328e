package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/kit"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/slip39"
)

func (c *cli) recoveryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recovery",
		Short: "Keys on paper and among friends, for when all others are lost",
		Long: `Keys on paper and among friends, for when all others are lost. A kit is one paper key, or
shares of one secret: any three of five friends, say, or friends and a notary together. It
opens the pod from a copy of its folder alone, without a server.`,
		Example: `  locket recovery create -o kit.pdf
  locket recovery create --shares 3-of-5 -o friends.pdf
  locket recovery test
  locket recovery restore`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.recoveryCreateCommand(), c.recoveryShowCommand(), c.recoveryTestCommand(), c.recoveryRestoreCommand(), c.recoveryRenewCommand())
	return cmd
}

// A kitOptions is the flags that say how a kit is to be.
type kitOptions struct {
	shares, name, output string
	groups               []string
	needed               int
	passphrase           bool
	passphraseFile       string
}

func (o *kitOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.shares, "shares", "", "share the secret: `3-of-5`, or 5 for any majority of five; default: one paper key")
	f.StringArrayVar(&o.groups, "group", nil, "a group of holders, `NAME=3-of-5`; repeated for each group")
	f.IntVar(&o.needed, "groups", 0, "how many of the groups are needed; default: all")
	f.BoolVar(&o.passphrase, "with-passphrase", false, "the kit needs an extra passphrase, which is asked for twice")
	f.StringVar(&o.passphraseFile, "extra-passphrase-file", "", "read the extra passphrase from the first line of a file")
	f.StringVarP(&o.output, "output", "o", "", "file for the sheets: .pdf, .html or .txt; - is standard output")
}

func (c *cli) recoveryCreateCommand() *cobra.Command {
	var o kitOptions
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a recovery kit, to print",
		Long: `Make a recovery kit and write its sheets, to be printed: one paper key, or the shares of a
secret. --shares 3-of-5 lets any three of five sheets open the pod, --shares 5 any majority
of five. --group makes groups of holders with thresholds of their own, an organisation for
example as a group of one; --groups says how many of them are needed. An extra passphrase
is one more thing that those who find the sheets do not have.

The words are printed and kept nowhere else. Print the file, delete it, and try the kit:
'locket recovery test'.`,
		Example: `  locket recovery create -o kit.pdf
  locket recovery create --shares 3-of-5 -o friends.pdf
  locket recovery create --group friends=3-of-5 --group notary=1-of-1 -o kit.html
  locket recovery create --shares 5 --with-passphrase -o friends.pdf`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := o.policy()
			if err != nil {
				return err
			}
			return c.withVisit(cmd.Context(), func(v *pods.Visit) error { return c.makeKit(cmd.Context(), v, o, p, nil) })
		},
	}
	cmd.Flags().StringVar(&o.name, "name", "recovery kit", "what to call it, kept inside the pod")
	o.flags(cmd)
	return cmd
}

func (c *cli) recoveryRenewCommand() *cobra.Command {
	var o kitOptions
	var replace []string
	cmd := &cobra.Command{
		Use:   "renew",
		Short: "Make a new kit in the place of the one there is",
		Long: `Make a new kit, shared like the one there is unless flags say otherwise, and end the old
one in the same moment: its sheets open the pod no more. They still open copies of the pod
from before. If such a copy and enough old sheets may be in wrong hands, give the pod another
key: 'locket key rotate'.`,
		Example: "  locket recovery renew -o kit.pdf\n  locket recovery renew --shares 2-of-3 -o friends.pdf",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withVisit(cmd.Context(), func(v *pods.Visit) error { return c.renewKit(cmd.Context(), v, o, replace) })
		},
	}
	o.flags(cmd)
	cmd.Flags().StringSliceVar(&replace, "replace", nil, "`IDs` of the kits to end; default: all")
	return cmd
}

// renewKit makes a kit like the last one, and ends it.
func (c *cli) renewKit(ctx context.Context, v *pods.Visit, o kitOptions, replace []string) error {
	kits, err := recoveryKeys(ctx, v.Keys())
	if err != nil {
		return err
	}
	if len(kits) == 0 {
		return locket.Errorf(locket.CodeNotFound, "there is no recovery kit to renew; 'locket recovery create' makes one")
	}
	last := kits[len(kits)-1]
	o.name = cmp.Or(last.Name, "recovery kit")
	p, err := o.policy()
	if o.shares == "" && len(o.groups) == 0 {
		p, err = parsePolicy(last.About)
		o.passphrase = o.passphrase || p.passphrase
	}
	if err != nil {
		return err
	}
	if len(replace) == 0 {
		for _, k := range kits {
			replace = append(replace, k.ID)
		}
	}
	return c.makeKit(ctx, v, o, p, replace)
}

// recoveryKeys lists the recovery keys, the oldest first.
func recoveryKeys(ctx context.Context, k *pods.Keys) ([]pods.KeyInfo, error) {
	list, err := k.List(ctx)
	if err != nil {
		return nil, err
	}
	kits := []pods.KeyInfo{}
	for _, i := range list {
		if i.Kind == keyring.KindRecovery {
			kits = append(kits, i)
		}
	}
	return kits, nil
}

// madeKit is what "recovery create" and "recovery renew" print.
type madeKit struct {
	ID        string   `json:"id"`
	Epoch     int64    `json:"epoch"`
	About     string   `json:"about"`
	File      string   `json:"file"`
	Checksums []string `json:"checksums"` // of the sheets, in their order
	Ended     []string `json:"ended"`     // ids of the kits that it replaces
}

// makeKit writes the sheets first: a kit is not ended before there is another.
func (c *cli) makeKit(ctx context.Context, v *pods.Visit, o kitOptions, p kitPolicy, ended []string) error {
	render, err := o.renderer()
	if err != nil {
		return err
	}
	passphrase, err := c.extraPassphrase(ctx, &o)
	if err != nil {
		return err
	}
	defer passphrase.Wipe()
	p.passphrase = passphrase.Len() > 0
	recovery := keyring.NewSecret()
	defer recovery.Wipe()
	shares, err := slip39.Split(recovery, passphrase.Bytes(), p.slip39())
	if err != nil {
		return locket.Errorf(locket.CodeInvalid, "%s", strings.TrimPrefix(err.Error(), "slip39: ")).Because(err)
	}
	out := madeKit{About: p.String(), File: o.output, Ended: append([]string{}, ended...)}
	keys := v.Keys()
	made, err := keys.AddRecovery(ctx, o.name, p.String(), recovery, ended, func(info pods.RecoveryInfo) error {
		sheets, err := p.sheets(shares, kit.Sheet{
			Pod: keys.Pod(), Slot: info.Slot, Epoch: info.Epoch, Made: time.Now(), Name: podName(v), Passphrase: p.passphrase,
		})
		if err != nil {
			return err
		}
		for i := range sheets {
			defer sheets[i].Wipe()
			out.Checksums = append(out.Checksums, sheets[i].Checksum())
		}
		if o.output == "-" {
			return render(c.out, sheets)
		}
		return writeNew(o.output, func(w io.Writer) error { return render(w, sheets) })
	})
	if err != nil {
		return err
	}
	out.ID, out.Epoch = made.Slot.String(), made.Epoch
	if o.output == "-" {
		return nil
	}
	return c.print(out, func(p *printer) { p.kit(out) })
}

// podName is what the sheets call the pod.
func podName(v *pods.Visit) string {
	if name := v.View.Principal().Name; name != "" && name != "owner" {
		return name + "'s pod"
	}
	return "pod"
}

func (p *printer) kit(k madeKit) {
	p.line("Wrote %d sheets of kit %d to %s: %s.", len(k.Checksums), k.Epoch, clean(k.File, false), k.About)
	for i, sum := range k.Checksums {
		p.line("  sheet %d: checksum %s", i+1, sum)
	}
	p.line("Print it, hand out the sheets, and delete the file: whoever reads it can open the pod.")
	p.line("Then try it: locket recovery test")
	if len(k.Ended) > 0 {
		p.line("The kit before opens this pod no more. With a copy of the pod from before, its sheets still open that copy.")
	}
}

// extraPassphrase asks for the passphrase that a kit is to need; empty for none.
func (c *cli) extraPassphrase(ctx context.Context, o *kitOptions) (*secret.Key, error) {
	if o.passphraseFile == "" && !o.passphrase {
		return secret.Take(nil), nil
	}
	source := *c
	source.passphraseFile, source.passphraseFD = o.passphraseFile, -1
	return source.newPassphrase(ctx)
}

// renderer chooses how sheets are written, by the name of the file.
func (o *kitOptions) renderer() (func(io.Writer, []kit.Sheet) error, error) {
	switch strings.ToLower(filepath.Ext(o.output)) {
	case ".pdf":
		return kit.PDF, nil
	case ".html", ".htm":
		return kit.HTML, nil
	case ".txt":
		return kit.Text, nil
	}
	if o.output == "-" {
		return kit.Text, nil
	}
	return nil, locket.Errorf(locket.CodeInvalid, "name the file for the sheets with -o: kit.pdf, kit.html or kit.txt; - shows them on the terminal")
}

func (c *cli) recoveryShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "List the recovery kits",
		Example: "  locket recovery show",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withKeys(cmd.Context(), func(k *pods.Keys) error {
				kits, err := recoveryKeys(cmd.Context(), k)
				if err != nil {
					return err
				}
				return c.print(locket.Page[pods.KeyInfo]{Items: kits}, func(p *printer) { p.kits(kits) })
			})
		},
	}
}

func (p *printer) kits(kits []pods.KeyInfo) {
	if len(kits) == 0 {
		p.line("there is no recovery kit; 'locket recovery create' makes one")
		return
	}
	var rows [][]string
	for _, k := range kits {
		tried := "not on this machine"
		if k.Tried {
			tried = "yes"
		}
		rows = append(rows, []string{k.ID, fmt.Sprint(k.Epoch), when(k.Created), tried, k.About})
	}
	p.table([]string{"ID", "EPOCH", "MADE", "TRIED", "SHARED"}, rows)
}
