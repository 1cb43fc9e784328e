package store

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// A Rotation is what the journal says of a change of the pod's key.
type Rotation struct {
	Epoch      int64             // of the new key
	Generation int64             // of its header
	Next       ed25519.PublicKey // that the pod signs with from now on
	Ended      []string          // ids of the slots that are not kept
	BackupSeed []byte            // of the present key's backup identity, to be kept
}

// Rotate has the key that the pod signs with write its last entry and name the next.
// It is for the database that is not in its place yet. Grants end with the old key.
func (v *View) Rotate(ctx context.Context, r Rotation) error {
	if !v.Owner() {
		return locket.Errorf(locket.CodeDenied, "only the owner may do this")
	}
	err := v.EditSlots(ctx, func(e *SlotEditor) error {
		for _, id := range r.Ended {
			if err := e.Forget(id); err != nil {
				return err
			}
		}
		if err := e.exec(`DELETE FROM grants`); err != nil {
			return err
		}
		if err := e.SetGeneration(r.Generation); err != nil {
			return err
		}
		if err := e.editBackup(func(b *BackupSettings) { b.Earlier = append(b.Earlier, r.BackupSeed) }); err != nil {
			return err
		}
		return e.manage(locket.ActionRotate, map[string]any{"epoch": r.Epoch, "key": hex.EncodeToString(r.Next)})
	})
	if err != nil {
		return err
	}
	return v.s.succeed(ctx, r.Next)
}

// succeed keeps the last checkpoint of the present key, which names the next.
func (s *Store) succeed(ctx context.Context, next ed25519.PublicKey) error {
	size, err := s.journalSize(ctx)
	if err != nil {
		return err
	}
	root, err := journal.RootAt(size, s.tree(ctx))
	if err != nil {
		return failure("read journal", err)
	}
	last, err := journal.Checkpoint{Pod: s.pod, Size: size, Root: root}.Succeed(s.signer, next)
	if err != nil {
		return failure("sign checkpoint", err)
	}
	return s.transaction(ctx, func(t *tx) error {
		earlier, err := readSuccessions(t.queryRow(`SELECT keys FROM pod WHERE n = 1`))
		if err != nil {
			return err
		}
		all, err := json.Marshal(append(earlier, last))
		if err != nil {
			return err
		}
		return t.exec(`UPDATE pod SET keys = ? WHERE n = 1`, string(all))
	})
}

func readSuccessions(row scanner) ([]journal.Succession, error) {
	var stored []byte
	if err := row.Scan(&stored); err != nil {
		return nil, failure("read keys", err)
	}
	var list []journal.Succession
	return list, failure("read keys", json.Unmarshal(stored, &list))
}

// Successions returns the keys that the pod had before the present one.
func (v *View) Successions(ctx context.Context) ([]journal.Succession, error) {
	return v.s.successions(ctx, v.s.db)
}

func (s *Store) successions(ctx context.Context, q querier) ([]journal.Succession, error) {
	return readSuccessions(q.QueryRowContext(ctx, `SELECT keys FROM pod WHERE n = 1`))
}

// keys returns all keys that the pod has signed with.
func (s *Store) keys(ctx context.Context, q querier) (*journal.Keys, error) {
	earlier, err := s.successions(ctx, q)
	if err != nil {
		return nil, err
	}
	keys, err := journal.NewKeys(s.pod, s.podKey(), earlier)
	if err != nil {
		return nil, locket.Errorf(locket.CodeTampered, "the pod's earlier keys do not lead to its present one: the database was altered; restore it from a backup").Because(err)
	}
	return keys, nil
}
