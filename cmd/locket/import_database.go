package main

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/foreign"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

// A databaseImport is the flags of "import sqlite" and "import sqlcipher".
type databaseImport struct {
	run        importRun
	options    importer.DatabaseOptions
	types      []string // TABLE=TYPE
	keyFile    string
	passphrase string // file
	compat     int
}

func (c *cli) importSQLiteCommand() *cobra.Command {
	d := databaseImport{run: importRun{c: c}}
	cmd := &cobra.Command{
		Use:   "sqlite FILE",
		Short: "Import the tables of an SQLite database",
		Long: `Import the tables of an SQLite database: each table becomes a type, each row an item, each
foreign key a link. Every table is named in the plan, also those that are left out and why.
The database is opened for reading only, with the write-ahead log that lies beside it, and
nothing is written next to it. Close the program that uses it first.
Importing again adds nothing twice and brings changed rows up to date; --name tells apart
databases whose files are called the same.`,
		Example: "  locket import sqlite notes.db\n  locket import sqlite app.db --table entry,tag --type entry=Note --yes",
		Args:    takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.start(cmd.Context(), args[0], nil)
		},
	}
	d.flags(cmd)
	return cmd
}

func (c *cli) importSQLCipherCommand() *cobra.Command {
	d := databaseImport{run: importRun{c: c}}
	cmd := &cobra.Command{
		Use:   "sqlcipher FILE",
		Short: "Import the tables of a SQLCipher database",
		Long: `Import the tables of a database that another program encrypted with SQLCipher 4, as
'import sqlite' does with a plain one. Its passphrase is asked for, unless
--source-passphrase-file or --key-file names a file that holds it, or the raw key
(64 hexadecimal digits). Nothing is decrypted onto the disk.`,
		Example: "  locket import sqlcipher messages.db\n  locket import sqlcipher messages.db --key-file key.hex --yes",
		Args:    takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := d.key(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer key.Wipe()
			return d.start(cmd.Context(), args[0], key)
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVar(&d.keyFile, "key-file", "", "file with the raw key of the database")
	cmd.Flags().StringVar(&d.passphrase, "source-passphrase-file", "", "read the passphrase of the database from the first line of a file")
	cmd.Flags().IntVar(&d.compat, "compat", 4, "version of SQLCipher that the database was made with")
	return cmd
}

func (d *databaseImport) flags(cmd *cobra.Command) {
	d.run.flags(cmd)
	cmd.Flags().StringSliceVar(&d.options.Tables, "table", nil, "only these tables")
	cmd.Flags().StringArrayVar(&d.types, "type", nil, "TABLE=TYPE: the type that the rows of a table become")
	cmd.Flags().StringVar(&d.options.Name, "name", "", "under which rows are recognised again, default the file's name")
}

func (d *databaseImport) start(ctx context.Context, path string, key *secret.Key) (err error) {
	c := d.run.c
	if c.server != "" {
		return locket.Errorf(locket.CodeUnsupported, "a database is imported into a folder; run the command on the server's machine, without --server and %s", envServer)
	}
	if err := d.parseTypes(); err != nil {
		return err
	}
	if err := d.run.checkLedger(); err != nil {
		return err
	}
	db, err := foreign.Open(ctx, path, key)
	if err != nil {
		return err
	}
	defer closing(db, &err)
	d.run.bar = c.newProgress()
	defer d.run.bar.end()
	if d.run.db, err = importer.OpenDatabase(ctx, db, d.options, d.run.bar.report); err != nil {
		return err
	}
	d.run.plan = d.run.db.Plan()
	d.run.bar.end()
	if d.run.plan.Files == 0 {
		if !c.json {
			if err := c.print(nil, func(p *printer) { p.plan(d.run.plan) }); err != nil {
				return err
			}
		}
		return locket.Errorf(locket.CodeInvalid, "%s has no table to import", db.Name())
	}
	return d.run.write(ctx)
}

func (d *databaseImport) parseTypes() error {
	for _, t := range d.types {
		i := strings.LastIndexByte(t, '=')
		if i < 1 || i+1 == len(t) {
			return locket.Errorf(locket.CodeInvalid, "--type is TABLE=TYPE, as in --type entry=Note")
		}
		if d.options.Types == nil {
			d.options.Types = make(map[string]string)
		}
		d.options.Types[t[:i]] = t[i+1:]
	}
	return nil
}

// key is the raw key of the database at path, as the flags give it.
func (d *databaseImport) key(ctx context.Context, path string) (*secret.Key, error) {
	switch {
	case d.compat != 3 && d.compat != 4:
		return nil, locket.Errorf(locket.CodeInvalid, "--compat is 3 or 4")
	case d.compat == 3:
		return nil, locket.Errorf(locket.CodeUnsupported, "the pages of SQLCipher 3 cannot be read; make a copy of the database and convert it with the sqlcipher tool: PRAGMA key = '…'; PRAGMA cipher_migrate;")
	case d.keyFile != "" && d.passphrase != "":
		return nil, locket.Errorf(locket.CodeInvalid, "give --key-file or --source-passphrase-file, not both")
	case d.keyFile != "":
		return rawKey(d.keyFile)
	}
	c := *d.run.c // the flags of the pod's passphrase are not for the database
	c.passphraseFile, c.passphraseFD = d.passphrase, -1
	passphrase, given, err := c.givenPassphrase()
	if err == nil && !given {
		passphrase, err = c.prompt.secret(ctx, "Passphrase of the database:")
	}
	if err != nil {
		return nil, err
	}
	defer passphrase.Wipe()
	key, err := sqlcipher.PassphraseKey(path, passphrase)
	if err != nil {
		return nil, locket.Errorf(locket.CodeNotFound, "%s cannot be read", path).Because(err)
	}
	return key, nil
}

// rawKey reads a raw key as the sqlcipher tool takes it, with or without x'…' around.
func rawKey(path string) (*secret.Key, error) {
	data, err := readFile(nil, path, 1024)
	if err != nil {
		return nil, err
	}
	text := secret.Take(data)
	defer text.Wipe()
	digits := text.Bytes()
	for _, trim := range []func(byte) bool{isSpace, isMark} {
		for len(digits) > 0 && trim(digits[0]) {
			digits = digits[1:]
		}
		for len(digits) > 0 && trim(digits[len(digits)-1]) {
			digits = digits[:len(digits)-1]
		}
	}
	raw := make([]byte, hex.DecodedLen(len(digits)))
	defer clear(raw)
	if _, err := hex.Decode(raw, digits); err != nil || len(raw) != sqlcipher.KeySize {
		return nil, locket.Errorf(locket.CodeInvalid, "%s holds no raw key: 64 hexadecimal digits", path)
	}
	return secret.Take(raw), nil
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\r' || b == '\t' }

func isMark(b byte) bool { return b == 'x' || b == '\'' || b == '"' }
