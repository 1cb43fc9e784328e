package main

import (
	"context"
	"fmt"
	"slices"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// identityOut is what "backup identity" prints.
type identityOut struct {
	Identity    string `json:"identity"`    // AGE-SECRET-KEY-PQ-1…
	Recipient   string `json:"recipient"`   // its public half
	DatabaseKey string `json:"databaseKey"` // as PRAGMA key takes it
	Database    string `json:"database"`    // file name
}

func (c *cli) backupIdentity(ctx context.Context, v *pods.Visit) error {
	own, err := v.BackupKeys(ctx)
	if err != nil {
		return err
	}
	defer own.Wipe()
	db, err := v.Keys().DatabaseKey()
	if err != nil {
		return err
	}
	defer db.Wipe()
	public, err := agekey.Public(own.Seed)
	if err != nil {
		return err
	}
	text := agekey.Identity(own.Seed)
	defer text.Wipe()
	out := identityOut{
		Identity: string(text.Bytes()), Recipient: agekey.Recipient(public), // it is about to be printed
		DatabaseKey: fmt.Sprintf("x'%x'", db.Bytes()), Database: v.Keys().DatabaseName(),
	}
	return c.print(out, func(p *printer) {
		p.line("# key of %s for sqlcipher: PRAGMA key = \"%s\";", out.Database, out.DatabaseKey)
		p.line("# public key: %s", out.Recipient)
		p.line("%s", out.Identity)
	})
}

func (c *cli) changeRecipient(ctx context.Context, v *pods.Visit, text string, add bool) error {
	r, err := age.ParseHybridRecipient(text)
	if err != nil {
		return locket.Errorf(locket.CodeInvalid, "this is no post-quantum age recipient: one begins with age1pq1; 'age-keygen -pq' makes one").Because(err)
	}
	_, err = v.View.Write(ctx, func(w *store.Writer) error { return w.BackUpTo(r.String(), add) })
	if err != nil {
		return err
	}
	return c.print(map[string]any{"recipient": r.String(), "added": add}, func(p *printer) {
		if add {
			p.line("Later backups are for this recipient, too; the next snapshot is a full one.")
		} else {
			p.line("Later backups are not for this recipient any more; earlier ones stay as they are.")
		}
	})
}

func (c *cli) backupIdentityCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "identity",
		Short: "Print what opens backups without Locket: the age identity and the database's key",
		Long: `Print the age identity that opens the objects of backups, and the raw key of the database in
them, for the stock age and sqlcipher tools: docs/design/backup.md says how. Whoever has them
and a backup reads everything, and they cannot be revoked; 'locket key rotate' makes new ones
for later backups.`,
		Example: "  locket backup identity --yes > backup.key",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.confirm(cmd.Context(), "Print the keys that open every backup of this pod?", yes); err != nil {
				return err
			}
			return c.withVisit(cmd.Context(), func(v *pods.Visit) error { return c.backupIdentity(cmd.Context(), v) })
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// backupRecipients is what "backup recipient list" prints.
type backupRecipients struct {
	Pod   string   `json:"pod"`   // the pod's own
	Added []string `json:"added"` // those that the owner added
}

func (c *cli) backupRecipientCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recipient",
		Short: "Say whom backups are for besides the pod",
		Long: `Say whom backups are for besides the pod: age recipients (age1pq1…), who can open the objects
of later backups with the stock age tool. What is in them is still encrypted with the pod's
own keys. Changing the recipients makes the next snapshot a full one.`,
		Example: "  locket backup recipient add age1pq1…\n  locket backup recipient list",
		Args:    takes(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	list := &cobra.Command{
		Use: "list", Short: "List the recipients", Example: "  locket backup recipient list", Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withVisit(cmd.Context(), func(v *pods.Visit) error { return c.listRecipients(cmd.Context(), v) })
		},
	}
	cmd.AddCommand(c.recipientChange("add", "Add a recipient", true), c.recipientChange("remove", "Take a recipient away", false), list)
	return cmd
}

func (c *cli) recipientChange(use, short string, add bool) *cobra.Command {
	return &cobra.Command{
		Use: use + " RECIPIENT", Short: short, Example: "  locket backup recipient " + use + " age1pq1…", Args: takes("RECIPIENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withVisit(cmd.Context(), func(v *pods.Visit) error { return c.changeRecipient(cmd.Context(), v, args[0], add) })
		},
	}
}

func (c *cli) listRecipients(ctx context.Context, v *pods.Visit) error {
	own, err := v.BackupKeys(ctx)
	if err != nil {
		return err
	}
	defer own.Wipe()
	keys, err := backupKeys(own)
	if err != nil {
		return err
	}
	out := backupRecipients{keys.Recipients[0].String(), append([]string{}, own.Recipients...)}
	return c.print(out, func(p *printer) {
		for _, r := range slices.Concat([]string{out.Pod + " (the pod)"}, out.Added) {
			p.line("%s", r)
		}
	})
}
