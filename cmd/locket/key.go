package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
)

func (c *cli) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "key",
		Short:   "Add, list and revoke what opens the pod",
		Long:    "Add, list and revoke passphrases and API keys, each of which opens the pod alone.",
		Example: "  locket key list\n  locket key add --name phone",
		Args:    takes(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.keyAddCommand(), c.keyListCommand(), c.keyRevokeCommand(), c.keyDBCommand())
	return cmd
}

// withKeys opens the keys of the pod that the flags name.
func (c *cli) withKeys(ctx context.Context, fn func(*pods.Keys) error) error {
	return c.withVisit(ctx, func(v *pods.Visit) error { return fn(v.Keys()) })
}

// keyOut is what "key revoke" and "key add --passphrase" print.
type keyOut struct {
	ID string `json:"id"`
}

func (c *cli) keyAddCommand() *cobra.Command {
	var name, who, file string
	var passphrase bool
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Add an API key, or a passphrase",
		Long: `Add an API key and print it. It is shown this one time. It lets in whom --for names, you
if nobody. --passphrase adds a passphrase of the owner's instead, which is asked for twice
or read from --new-passphrase-file.`,
		Example: "  locket key add --name phone\n  locket key add --for scribe --name 'scribe on the server'\n  locket key add --passphrase --name spare",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch passphrase = passphrase || file != ""; {
			case passphrase && who != "":
				return locket.Errorf(locket.CodeInvalid, "a passphrase is the owner's; leave out --for, or --passphrase")
			case passphrase:
				return c.withKeys(cmd.Context(), func(k *pods.Keys) error { return c.addPassphrase(cmd.Context(), k, name, file) })
			}
			return c.withPod(cmd.Context(), func(p pod) error { return c.addKey(cmd.Context(), p, name, who) })
		},
	}
	cmd.Flags().StringVar(&name, "name", "added by key add", "what the key is for, kept inside the pod")
	cmd.Flags().StringVar(&who, "for", "", "name or id of whom it lets in")
	cmd.Flags().BoolVar(&passphrase, "passphrase", false, "add a passphrase instead of an API key")
	cmd.Flags().StringVar(&file, "new-passphrase-file", "", "read the passphrase to add from the first line of a file")
	return cmd
}

func (c *cli) addKey(ctx context.Context, p pod, name, who string) error {
	id := locket.PrincipalID("")
	if who != "" {
		var err error
		if id, err = whom(ctx, p, who); err != nil {
			return err
		}
	}
	out, err := run[ops.NewKey](ctx, p, "keys.create", map[string]string{"name": name, "principal": string(id)})
	if err != nil {
		return err
	}
	return c.print(out, func(p *printer) {
		p.line("%s", out.Key)
		fmt.Fprintf(c.err, "This is key %s. Keep it; it is not shown again. 'locket key revoke %s' ends it.\n", out.ID, out.ID)
	})
}

func (c *cli) addPassphrase(ctx context.Context, k *pods.Keys, name, file string) error {
	source := *c // the flags of the old passphrase are not for the new one
	source.passphraseFile, source.passphraseFD = file, -1
	passphrase, err := source.newPassphrase(ctx)
	if err != nil {
		return err
	}
	defer passphrase.Wipe()
	id, err := k.AddPassword(ctx, name, keyring.Password{Secret: passphrase})
	if err != nil {
		return err
	}
	return c.print(keyOut{id}, func(p *printer) { p.line("added passphrase %s", id) })
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
		rows = append(rows, []string{k.ID, string(k.Kind), when(k.Created), k.Who, name})
	}
	p.table([]string{"ID", "KIND", "CREATED", "LETS IN", "NAME"}, rows)
}

func (c *cli) keyRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "End an API key or a passphrase",
		Long:    "End an API key or a passphrase: it opens the pod no more. The last one cannot be ended.",
		Example: "  locket key revoke 3f6c0a91d2b4e857",
		Args:    takes("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				if _, err := run[ops.Nothing](cmd.Context(), p, "keys.revoke", map[string]string{"id": args[0]}); err != nil {
					return err
				}
				return c.print(keyOut{args[0]}, func(p *printer) { p.line("revoked %s", clean(args[0], false)) })
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
