package main

import (
	"context"
	"fmt"

	"filippo.io/age"

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
