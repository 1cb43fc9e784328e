package store_test

import (
	"os"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/sqlcipher"
	"github.com/locketpod/locket/internal/store"
)

// TestVerifyOwner changes an owner whom no entry is about.
func TestVerifyOwner(t *testing.T) {
	for sql, fault := range map[string]string{
		``: "",
		`UPDATE principals SET kind = 'agent' WHERE n = 1`:              "the owner is not as every owner is",
		`UPDATE principals SET state = 'paused' WHERE n = 1`:            "the owner is not as every owner is",
		`UPDATE principals SET policy = '{"rules":[]}' WHERE n = 1`:     "the owner is not as every owner is",
		`UPDATE principals SET key = zeroblob(32) WHERE n = 1`:          "the owner is not as every owner is",
		`UPDATE principals SET name = upper(name) WHERE name = 'upper'`: `principal "UPPER" is not as entry 2 made it`,
		`UPDATE principals SET key = zeroblob(32) WHERE name = 'upper'`: `principal "upper" is not as entry 2 made it`,
	} {
		b := newBench(t)
		manager := b.agent("manager", manageAll).Principal().ID
		b.principal(locket.Principal{Kind: locket.KindPeer, Name: "upper", PublicKey: strings.Repeat("AB", 32)})
		if err := b.s.Close(); err != nil {
			t.Fatal(err)
		}
		b.sql(sql)
		var err error
		if b.s, err = store.Open(t.Context(), b.cfg); err != nil {
			t.Fatal(err)
		}
		b.v = b.as(manager)
		if got := b.verify(""); !strings.Contains(got.Fault, fault) || (got.Fault == "") != (fault == "") {
			t.Errorf("%s: %+v", sql, got)
		}
	}
}

// TestVerifyFindsRollback has journals that hold together and are not what they were:
// only a checkpoint that was noted tells.
func TestVerifyFindsRollback(t *testing.T) {
	b := newBench(t)
	b.create("Note", props{"name": "one"})
	b.create("Note", props{"name": "two"})
	b.reopen()
	old, err := os.ReadFile(b.cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	b.create("Note", props{"name": "three"})
	noted := b.verify("").Checkpoint
	check := func(what, without, with string, at int64) {
		t.Helper()
		if got := b.openAndVerify(""); !strings.Contains(got.Fault, without) || (got.Fault == "") != (without == "") {
			t.Errorf("%s, without a checkpoint: %+v", what, got)
		}
		if got := b.openAndVerify(noted); !strings.Contains(got.Fault, with) || (got.Fault == "") != (with == "") || got.At != at {
			t.Errorf("%s, with a checkpoint: %+v", what, got)
		}
	}
	if err := b.s.Close(); err != nil {
		t.Fatal(err)
	}
	check("as it is", "", "", 0)

	const cut = "the journal is cut: entries 3 to 3 are missing at the end"
	latest, err := os.ReadFile(b.cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	b.sql(`DELETE FROM items WHERE born = 3; DELETE FROM leaves WHERE change = 3; DELETE FROM changes WHERE n = 3`)
	check("last entry deleted", `principal "owner": what is kept of its latest entry`, cut, 3)

	if err := os.WriteFile(b.cfg.Path, latest, 0o600); err != nil {
		t.Fatal(err)
	}
	b.sql(`UPDATE principals SET seq = 2, head = (SELECT prev FROM changes WHERE n = 3), seen = (SELECT hlc FROM changes WHERE n = 2);
		DELETE FROM items WHERE born = 3; DELETE FROM leaves WHERE change = 3; DELETE FROM changes WHERE n = 3`)
	check("last entry deleted with all that tells of it", "", cut, 3)

	if err := os.WriteFile(b.cfg.Path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	check("old copy", "", cut, 3)
	if b.s, err = store.Open(t.Context(), b.cfg); err != nil {
		t.Fatal(err)
	}
	b.v = b.as(b.owner.ID)
	if err := b.v.CheckGrown(t.Context(), noted); locket.CodeOf(err) != locket.CodeRolledBack {
		t.Errorf("an old copy has grown: %v", err)
	}
	b.create("Note", props{"name": "another third"})
	if err := b.v.CheckGrown(t.Context(), noted); locket.CodeOf(err) != locket.CodeRolledBack {
		t.Errorf("another journal has grown: %v", err)
	}
	if err := b.s.Close(); err != nil {
		t.Fatal(err)
	}
	check("old copy that went on", "", "the journal differs from the checkpoint of 3 entries", 3)
}

// sql changes the database of a store that is closed.
func (b *bench) sql(statements string) {
	b.t.Helper()
	db, err := sqlcipher.Open(b.t.Context(), b.cfg.Path, b.cfg.Key, sqlcipher.Options{MustExist: true})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := db.ExecContext(b.t.Context(), statements); err != nil {
		b.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// ids puts the ids of items into a text, in hexadecimal or as they are.
func (r *richPod) ids(hex bool, text string) string {
	for name, it := range map[string]locket.Item{
		"{note}": r.note, "{person}": r.person, "{gone}": r.gone, "{deleted}": r.deleted,
	} {
		id := string(it.ID)
		if hex {
			id = strings.ReplaceAll(id, "-", "")
		}
		text = strings.ReplaceAll(text, name, id)
	}
	return text
}

func (b *bench) openAndVerify(checkpoint string) store.Verified {
	b.t.Helper()
	var err error
	if b.s, err = store.Open(b.t.Context(), b.cfg); err != nil {
		b.t.Fatal(err, cause(err))
	}
	defer func() {
		if err := b.s.Close(); err != nil {
			b.t.Error(err)
		}
	}()
	b.v = b.as(b.owner.ID)
	return b.verify(checkpoint)
}
