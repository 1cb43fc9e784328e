package store

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/locketpod/locket"
)

// BackupSettings is what a pod knows about its backups.
type BackupSettings struct {
	// Recipients are the age recipients that backups are for besides the pod itself.
	Recipients []string `json:"recipients,omitempty"`
	// Earlier are the seeds of the backup identities of the pod's earlier keys, the oldest
	// first, so that what was backed up then can still be read.
	Earlier [][]byte `json:"earlier,omitempty"`
}

const maxBackupRecipients = 16

// Backup returns the settings. Only the owner may ask.
func (v *View) Backup(ctx context.Context) (BackupSettings, error) {
	if !v.Owner() {
		return BackupSettings{}, ownersBackup()
	}
	return readBackup(v.s.db.QueryRowContext(ctx, `SELECT backup FROM pod WHERE n = 1`))
}

func ownersBackup() error {
	return locket.Errorf(locket.CodeDenied, "only the owner may back up the pod: a backup has everything")
}

func readBackup(row scanner) (b BackupSettings, err error) {
	var stored []byte
	if err := row.Scan(&stored); err != nil {
		return b, failure("read backup settings", err)
	}
	return b, failure("read backup settings", json.Unmarshal(stored, &b))
}

func (w *Writer) editBackup(fn func(*BackupSettings)) error {
	b, err := readBackup(w.queryRow(`SELECT backup FROM pod WHERE n = 1`))
	if err != nil {
		return err
	}
	fn(&b)
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return w.exec(`UPDATE pod SET backup = ? WHERE n = 1`, string(text))
}

// BackUpTo adds a recipient of backups, or takes it away again. What it has of earlier
// backups it keeps.
func (w *Writer) BackUpTo(recipient string, add bool) error {
	if !w.v.Owner() {
		return ownersBackup()
	}
	b, err := readBackup(w.queryRow(`SELECT backup FROM pod WHERE n = 1`))
	if err != nil {
		return err
	}
	switch has := slices.Contains(b.Recipients, recipient); {
	case !add && !has:
		return notFound("recipient")
	case add && has:
		return locket.Errorf(locket.CodeExists, "backups are for this recipient already")
	case add && len(b.Recipients) >= maxBackupRecipients:
		return locket.Errorf(locket.CodeTooLarge, "backups have at most %d recipients besides the pod", maxBackupRecipients)
	}
	err = w.editBackup(func(b *BackupSettings) {
		if b.Recipients = slices.DeleteFunc(b.Recipients, func(r string) bool { return r == recipient }); add {
			b.Recipients = append(b.Recipients, recipient)
		}
	})
	if err != nil {
		return err
	}
	return w.manage(locket.ActionBackup, map[string]any{"recipient": recipient, "added": add})
}
