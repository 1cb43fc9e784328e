package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
)

func (c *cli) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Add, list, change and end what opens the pod",
		Long: `Add, list, change and end what opens the pod: passphrases, API keys, keys of the owner's
devices, and what this machine keeps for itself. Each opens the pod alone. Recovery keys, on
paper or shared among friends, have commands of their own: 'locket recovery'.`,
		Example: "  locket key list\n  locket key add --name phone\n  locket key passwd\n  locket key rotate",
		Args:    takes(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.keyAddCommand(), c.keyListCommand(), c.keyRevokeCommand(), c.keyRenameCommand(), c.keyTestCommand(),
		c.keyPasswdCommand(), c.keyRotateCommand(), c.ownerKeygenCommand(), c.deviceSecretCommand(), c.keyDBCommand())
	return cmd
}

// withKeys opens the keys of the pod that the flags name.
func (c *cli) withKeys(ctx context.Context, fn func(*pods.Keys) error) error {
	return c.withVisit(ctx, func(v *pods.Visit) error { return fn(v.Keys()) })
}

// keyOut is what commands about one key print.
type keyOut struct {
	ID string `json:"id"`
}

func (c *cli) keyListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List what opens the pod",
		Example: "  locket key list\n  locket key list --json",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				out, err := run[ops.KeyList](cmd.Context(), p, "keys.list", nil)
				if err != nil {
					return err
				}
				return c.print(locket.Page[pods.KeyInfo]{Items: out.Keys}, func(p *printer) { p.keys(out.Keys) })
			})
		},
	}
}

func (p *printer) keys(list []pods.KeyInfo) {
	var rows [][]string
	for _, k := range list {
		name := k.Name
		if k.Current {
			name += " (in use now)"
		}
		if k.About != "" {
			name += ", " + k.About
		}
		tried := ""
		if k.Tried {
			tried = "yes"
		}
		rows = append(rows, []string{k.ID, kindOf(k), when(k.Created), k.Who, tried, name})
	}
	p.table([]string{"ID", "KIND", "CREATED", "LETS IN", "TRIED", "NAME"}, rows)
}

// kindOf says what a key is, in a word or two.
func kindOf(k pods.KeyInfo) string {
	switch {
	case k.Device:
		return string(k.Kind) + "+device"
	case k.Store != "":
		return string(k.Kind) + " (" + clean(k.Store, false) + ")"
	case k.Epoch > 0:
		return fmt.Sprintf("%s %d", k.Kind, k.Epoch)
	}
	return string(k.Kind)
}

func (c *cli) keyRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ID",
		Aliases: []string{"revoke"},
		Short:   "End a key or a passphrase",
		Long: `End a key or a passphrase: it opens the pod no more. The last one cannot be ended. Whoever
has used it may have kept the pod's key; 'locket key rotate' gives the pod another.`,
		Example: "  locket key remove 3f6c0a91d2b4e857",
		Args:    takes("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				forget, err := c.forgetKept(cmd.Context(), p, args[0])
				if err != nil {
					return err
				}
				if _, err := run[ops.Nothing](cmd.Context(), p, "keys.revoke", map[string]string{"id": args[0]}); err != nil {
					return err
				}
				if err := forget(); err != nil {
					fmt.Fprintf(c.err, "locket: the key is ended, but what this machine kept of it stays: %s\n", locket.MessageOf(err))
				}
				return c.print(keyOut{args[0]}, func(p *printer) { p.line("removed %s", clean(args[0], false)) })
			})
		},
	}
}

// databaseKey is what "key db" prints.
type databaseKey struct {
	Path string `json:"path"`
	Key  string `json:"key"` // as PRAGMA key takes it
}

func (c *cli) keyDBCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Print the raw database key, for the sqlcipher tool",
		Long: `Print the raw key of the pod's database, with which the sqlcipher tool (4.6 or later)
opens it. Whoever has it and the file reads everything, and it cannot be revoked.`,
		Example: "  locket key db\n  locket key db --yes --json",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.confirm(cmd.Context(), "Print the key that opens the whole database, for good?", yes); err != nil {
				return err
			}
			return c.withKeys(cmd.Context(), func(k *pods.Keys) error {
				key, err := k.DatabaseKey()
				if err != nil {
					return err
				}
				defer key.Wipe()
				out := databaseKey{k.DatabasePath(), fmt.Sprintf("x'%x'", key.Bytes())}
				return c.print(out, func(p *printer) {
					p.line("%s", out.Key)
					fmt.Fprintf(c.err, "Open it with: sqlcipher %s\nand type:     PRAGMA key = \"the line above\";\n", out.Path)
				})
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// confirm asks before what cannot be undone. Where nobody can be asked, --yes is
// needed.
func (c *cli) confirm(ctx context.Context, question string, yes bool) error {
	if yes {
		return nil
	}
	agreed, err := c.prompt.confirm(ctx, question)
	if err == nil && !agreed {
		err = locket.Errorf(locket.CodeCancelled, "nothing was done")
	}
	return err
}
