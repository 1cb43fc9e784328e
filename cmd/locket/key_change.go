package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
)

func (c *cli) keyRenameCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rename ID NAME",
		Short:   "Call a key something else",
		Example: "  locket key rename 3f6c0a91d2b4e857 'old phone'",
		Args:    takes("ID", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				_, err := run[ops.Nothing](cmd.Context(), p, "keys.rename", map[string]string{"id": args[0], "name": args[1]})
				if err != nil {
					return err
				}
				return c.print(keyOut{args[0]}, func(p *printer) { p.line("renamed %s", clean(args[0], false)) })
			})
		},
	}
}

func (c *cli) keyTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test",
		Short: "Try a key or a passphrase, and say which it is",
		Long: `Open the pod with a key or a passphrase, and say which it is. A key that has opened the pod
is known to work: 'locket key list' says so of each. Setup is complete when two keys of
different kinds have.`,
		Example: "  locket key test\n  locket key test --owner-key phone.key",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				out, err := run[ops.KeyList](cmd.Context(), p, "keys.list", nil)
				if err != nil {
					return err
				}
				for _, k := range out.Keys {
					if k.Current {
						return c.print(k, func(p *printer) { p.line("this is key %s, %s: %s", k.ID, kindOf(k), clean(k.Name, false)) })
					}
				}
				return c.print(struct{}{}, func(p *printer) { p.line("this is a session, which ends with the server") })
			})
		},
	}
}

func (c *cli) keyPasswdCommand() *cobra.Command {
	var file string
	var withDevice bool
	cmd := &cobra.Command{
		Use:   "passwd",
		Short: "Change the passphrase",
		Long: `Change the passphrase: the new one is asked for twice, or read from --new-passphrase-file,
and the one that opened the pod is ended. Nothing else changes.`,
		Example: "  locket key passwd",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withKeys(cmd.Context(), func(k *pods.Keys) error { return c.passwd(cmd.Context(), k, file, withDevice) })
		},
	}
	cmd.Flags().StringVar(&file, "new-passphrase-file", "", "read the new passphrase from the first line of a file")
	cmd.Flags().BoolVar(&withDevice, "with-device-secret", false, "the new passphrase needs the device secret, too")
	return cmd
}

func (c *cli) passwd(ctx context.Context, k *pods.Keys, file string, withDevice bool) error {
	list, err := k.List(ctx)
	if err != nil {
		return err
	}
	var old *pods.KeyInfo
	for i := range list {
		if list[i].Current && list[i].Kind == keyring.KindPassword {
			old = &list[i]
		}
	}
	if old == nil {
		return locket.Errorf(locket.CodeInvalid, "the pod was not opened by a passphrase, so there is none to change: unset %s, or use 'locket key add --passphrase'", envKey)
	}
	password, err := c.newPassword(ctx, file, withDevice)
	if err != nil {
		return err
	}
	defer password.wipe()
	id, err := k.ChangePassword(ctx, old.ID, cmp.Or(old.Name, "passphrase"), password.opens.(keyring.Password)) // newPassword makes no other
	if err != nil {
		return err
	}
	return c.print(keyOut{id}, func(p *printer) {
		p.line("changed the passphrase; the new one is key %s", id)
		p.line("Whoever knows the old one and has an earlier copy of the pod can still open that copy.")
	})
}

func (c *cli) keyRotateCommand() *cobra.Command {
	var end []string
	var yes bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Give the pod another key",
		Long: `Give the pod another key: the whole database is encrypted anew, and every passphrase, API
key and printed kit goes on opening the pod, but for those that --end names. Sessions end.
Others can read and write meanwhile; they are kept waiting for a moment at the end. It can be
stopped or killed at any time: then the pod is as it was, or has the new key.

Do this after a key has leaked. Whoever has an earlier copy of the pod and a key of that
time can still open that copy.`,
		Example: "  locket key rotate\n  locket key rotate --end 3f6c0a91d2b4e857",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.confirm(cmd.Context(), "Encrypt the whole database anew, with another key?", yes); err != nil {
				return err
			}
			return c.withVisit(cmd.Context(), func(v *pods.Visit) error { return c.rotate(cmd.Context(), v, end) })
		},
	}
	cmd.Flags().StringSliceVar(&end, "end", nil, "`IDs` of keys that are to open the pod no more")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (c *cli) rotate(ctx context.Context, v *pods.Visit, end []string) error {
	bar := c.newProgress()
	defer bar.end()
	out, err := v.Rotate(ctx, end, bar.report)
	if err != nil {
		return err
	}
	bar.end()
	return c.print(out, func(p *printer) {
		p.line("The pod has key %d now: %s were encrypted anew, %d keys open it as before, %d were ended.", out.Epoch, size(out.Bytes), out.Kept, len(out.Ended))
		p.line("Backups and copies from before open with their keys as before; make a new backup, and end the old ones if a key has leaked.")
	})
}

func (c *cli) ownerKeygenCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "keygen -o FILE",
		Short: "Make a key of your own for another pod's owner slot",
		Long: `Make a key pair for --owner-key: the secret half goes into the file, the public half is
printed, for 'locket key add --owner' where the pod is. The file is an age identity, the same
as 'age-keygen -pq' makes.`,
		Example: "  locket key keygen -o phone.key",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			if path == "" {
				return locket.Errorf(locket.CodeInvalid, "-o is missing: the file for the secret half")
			}
			return c.ownerKeygen(path)
		},
	}
	cmd.Flags().StringVarP(&path, "output", "o", "", "file for the secret half")
	return cmd
}

func (c *cli) ownerKeygen(path string) error {
	seed := secret.Random(agekey.SeedSize)
	defer seed.Wipe()
	public, err := agekey.Public(seed)
	if err != nil {
		return err
	}
	recipient := agekey.Recipient(public)
	err = writeNew(path, func(w io.Writer) error {
		text := agekey.Identity(seed)
		defer text.Wipe()
		if _, err := fmt.Fprintf(w, "# public key: %s\n", recipient); err != nil {
			return err
		}
		_, err := w.Write(append(text.Bytes(), '\n'))
		return err
	})
	if err != nil {
		return err
	}
	return c.print(map[string]string{"recipient": recipient}, func(p *printer) { p.line("%s", recipient) })
}

func (c *cli) deviceSecretCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "device-secret -o FILE",
		Short: "Make a device secret",
		Long: `Make a device secret, 128 random bits, in a file of its own. A passphrase that is added
--with-device-secret opens the pod only together with it: so whoever has the pod's folder
can't guess the passphrase. Keep the file apart from the pod and a copy of it on paper; name
it with --device-secret or ` + envDevice + `.`,
		Example: "  locket key device-secret -o ~/.config/locket/device\n  export " + envDevice + "=~/.config/locket/device",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			if path == "" {
				return locket.Errorf(locket.CodeInvalid, "-o is missing: the file for the secret")
			}
			device := keyring.NewDeviceSecret()
			defer device.Wipe()
			err := writeNew(path, func(w io.Writer) error {
				text := keyring.DeviceText(device)
				defer text.Wipe()
				_, err := w.Write(append(text.Bytes(), '\n'))
				return err
			})
			if err != nil {
				return err
			}
			return c.print(map[string]string{"file": path}, func(p *printer) {
				p.line("The device secret is in %s. Keep a copy of it on paper: without it such a passphrase opens nothing.", path)
			})
		},
	}
	cmd.Flags().StringVarP(&path, "output", "o", "", "file for the secret")
	return cmd
}
