package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/foreign"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

// encrypted is what "encrypt" prints.
type encrypted struct {
	foreign.Copied
	File    string   `json:"file"`
	Key     string   `json:"key,omitempty"` // as PRAGMA key takes it, if it is new
	Removed []string `json:"removed"`
	Pod     bool     `json:"pod,omitempty"` // the database of a Locket pod
}

// An encryption is the flags of encrypt.
type encryption struct {
	c       *cli
	out     string
	keyFile string
	remove  bool
}

func (c *cli) encryptCommand() *cobra.Command {
	e := encryption{c: c}
	cmd := &cobra.Command{
		Use:   "encrypt FILE",
		Short: "Copy a plain SQLite database into an encrypted one",
		Long: `Copy a plain SQLite database, with the write-ahead log beside it, into a new SQLCipher 4
database: tables with their row ids, indexes, views, triggers, virtual tables and the numbers
of the header. Nothing is written in the clear. The new file appears when the copy is
complete and every row of every table has been compared with the original.
A new key is made and printed once, unless --key-file names a file with 64 hexadecimal
digits. The original stays, unless --remove-original.`,
		Example: "  locket encrypt notes.db -o notes-encrypted.db\n  locket encrypt notes.db -o notes-encrypted.db --key-file key.hex --remove-original",
		Args:    takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if e.out == "" {
				return locket.Errorf(locket.CodeInvalid, "-o is missing: the name of the encrypted database")
			}
			return e.run(cmd.Context(), args[0])
		},
	}
	cmd.Flags().StringVarP(&e.out, "output", "o", "", "the encrypted database; must not exist")
	cmd.Flags().StringVar(&e.keyFile, "key-file", "", "file with the raw key to encrypt with")
	cmd.Flags().BoolVar(&e.remove, "remove-original", false, "unlink the original when the copy has been compared with it")
	return cmd
}

func (e *encryption) run(ctx context.Context, path string) (err error) {
	key := secret.Random(sqlcipher.KeySize)
	if e.keyFile != "" {
		if key, err = rawKey(e.keyFile); err != nil {
			return err
		}
	}
	defer key.Wipe()
	db, err := foreign.OpenWhole(ctx, path, nil)
	if err != nil {
		return err
	}
	open := true
	defer func() {
		if open {
			err = errors.Join(err, db.Close())
		}
	}()
	out := encrypted{File: e.out, Removed: []string{}, Pod: db.IsPod()}
	if out.Copied, err = e.copy(ctx, db, key); err != nil {
		return err
	}
	if e.keyFile == "" {
		out.Key = fmt.Sprintf("x'%x'", key.Bytes())
	}
	open = false
	if err := db.Close(); err != nil {
		return locket.Errorf(locket.CodeInternal, "%s is there, but the original could not be closed", e.out).Because(err)
	}
	if e.remove {
		if out.Removed, err = removeDatabase(path); err != nil {
			err = locket.Errorf(locket.CodeDenied, "%s is there, but the original could not be removed", e.out).Because(err)
		}
	}
	if e := e.tell(path, out); err == nil {
		err = e
	}
	return err
}

// copy makes the encrypted database and compares it before it gets its name.
func (e *encryption) copy(ctx context.Context, db *foreign.DB, key *secret.Key) (done foreign.Copied, err error) {
	size := db.Size()
	need := size + size/20 + 1<<20
	if free, ok := durable.FreeSpace(filepath.Dir(e.out)); ok && free < need {
		return done, locket.Errorf(locket.CodeDiskFull, "%d bytes are needed for %s, but only %d are free; nothing was done", need, e.out, free)
	}
	bar := e.c.newProgress()
	defer bar.end()
	wrote := func(pages int64) {
		n := pages * sqlcipher.PageSize
		bar.report(locket.Progress{Stage: "encrypting " + db.Name(), Done: n, Total: max(n+1, size), Unit: "bytes"})
	}
	err = db.Encrypt(ctx, e.out, key, wrote, func(path string) (err error) {
		made, err := foreign.OpenWhole(ctx, path, key)
		if err != nil {
			return err
		}
		defer closing(made, &err)
		if done, err = db.Same(ctx, made, bar.report); err != nil {
			return err
		}
		return db.Unchanged()
	})
	return done, err
}

// removeDatabase unlinks a database and the files beside it.
func removeDatabase(path string) (removed []string, err error) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		switch err := os.Remove(path + suffix); {
		case err == nil:
			removed = append(removed, path+suffix)
		case !errors.Is(err, fs.ErrNotExist):
			return removed, err
		}
	}
	return removed, nil
}

func (e *encryption) tell(path string, out encrypted) error {
	err := e.c.print(out, func(p *printer) {
		if out.Key != "" {
			p.line("%s", out.Key)
		}
	})
	if err != nil || e.c.json {
		return err
	}
	w := e.c.err
	fmt.Fprintf(w, "%s holds %d tables with %d rows, compared with the original row by row.\n", clean(out.File, false), out.Tables, out.Rows)
	if out.Key != "" {
		fmt.Fprintf(w, "The line on standard output is its key. Keep it; it is not shown again and cannot be found again.\nOpen it with: sqlcipher %s\nand type:     PRAGMA key = \"that line\";\n", clean(out.File, false))
	}
	if out.Pod {
		fmt.Fprintln(w, "This is the database of a Locket pod. The copy is encrypted, but it is no pod: its journal was signed\nwith a key that is not in it. Copy the items with the old pod's own 'locket export'.")
	}
	if len(out.Removed) > 0 {
		fmt.Fprintf(w, "%s is removed, but not overwritten: no program can promise that.", clean(path, false))
	} else {
		fmt.Fprintf(w, "%s is still there, not encrypted. Deleting it is up to you.", clean(path, false))
	}
	fmt.Fprintln(w, " Its content may remain in the free space of the disk, in spare\ncells of an SSD, in snapshots and backups, and in copies that editors and other programs made.")
	return nil
}
