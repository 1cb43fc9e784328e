package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// detectors are who may notice that somebody wrote to a pod's files: opening it, reading
// all of it, locket doctor, locket verify without and with a checkpoint that was noted
// before, and opening it where it was used before. What they are given last is wrong data
// that neither opening nor reading noticed.
var detectors = [...]string{"opening", "reading", "doctor", "verify", "verify --checkpoint", "opening, used here before", "wrong data read"}

// An intrusion changes the files of a pod that is shut.
type intrusion struct {
	what  string
	files []map[string][]byte // one change each
	want  string              // all, some or none, for each of the detectors
}

// TestAdversary lets somebody write to the disk, without keys or with that of the
// database, and tells who notices. The table that it logs is in SECURITY.md.
func TestAdversary(t *testing.T) {
	p := newProwled(t)
	stale, _ := p.stalePages()
	intrusions := []intrusion{
		{"nothing", p.only(p.now), "none none none none none none none"},
		{"a page swapped with the next", p.swaps(), "some some all all all some none"},
		{"an old page put back", stale, "none some some some some some some"},
		{"old pod.db put back", p.only(with(p.now, "pod.db", p.old["pod.db"])), "none none none none all all all"},
		{"old header put back", p.only(with(p.now, "header", p.old["header"])), "all all all all all all none"},
		{"old header and pod.db put back", p.only(p.old), "none none none none all all all"},
	}
	for _, c := range []struct{ what, sql, want string }{
		{"entry deleted", `DELETE FROM changes WHERE n = 5`, "none none none all all none all"},
		{"entry edited", `UPDATE changes SET hlc = hlc - 1 WHERE n = 5`, "none none none all all none all"},
		{"entries swapped", `UPDATE changes SET n = -5 WHERE n = 5; UPDATE changes SET n = 5 WHERE n = 12; UPDATE changes SET n = 12 WHERE n = -5`, "none none none all all none all"},
		{"value edited", `UPDATE items SET props = json_set(props, '$.name', 'forged') WHERE n = 5`, "none none none all all none all"},
		{"end cut off", `DELETE FROM leaves WHERE change = (SELECT max(n) FROM changes); DELETE FROM changes WHERE n = (SELECT max(n) FROM changes)`, "none none none all all all all"},
		{"end cut off, and all that tells of it", cutEnd, "none none none none all all all"},
	} {
		intrusions = append(intrusions, intrusion{"by SQL, with the database's key: " + c.what, p.only(p.changed(t, c.sql)), c.want})
	}
	table := fmt.Sprintf("\n| on the disk | %s |\n|---|%s\n", strings.Join(detectors[:], " | "), strings.Repeat("---|", len(detectors)))
	for _, c := range intrusions {
		var got []string
		row := ""
		for _, n := range p.count(t, &c) {
			word := "some"
			switch n {
			case len(c.files):
				word = "all"
			case 0:
				word = "none"
			}
			got = append(got, word)
			row += fmt.Sprintf(" %d of %d |", n, len(c.files))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got  %s\nwant %s", c.what, strings.Join(got, " "), c.want)
		}
		table += fmt.Sprintf("| %s |%s\n", c.what, row)
	}
	t.Log(table)
}

const cutEnd = `UPDATE principals SET (seq, head) = (SELECT seq - 1, prev FROM changes ORDER BY n DESC LIMIT 1),
		seen = (SELECT hlc FROM changes ORDER BY n DESC LIMIT 1, 1) WHERE n = 1;
	INSERT INTO search(search, rowid, title, body, folder) SELECT 'delete', n, props->>'name', props->>'text', props->>'folder' FROM items
		WHERE born = (SELECT max(n) FROM changes);
	DELETE FROM items WHERE born = (SELECT max(n) FROM changes);
	DELETE FROM leaves WHERE change = (SELECT max(n) FROM changes);
	DELETE FROM changes WHERE n = (SELECT max(n) FROM changes)`

// TestOldPages names the parts of the database of which verify takes an old page for
// right: what is not in the journal and repeats nothing that is.
func TestOldPages(t *testing.T) {
	p := newProwled(t)
	stale, owners := p.stalePages()
	noticed, missed := 0, make(map[string]bool)
	for i, files := range stale {
		if got := p.look(t, files); got[3] {
			noticed++
		} else if missed[owners[i]] = true; owners[i] != "loose" && !strings.HasPrefix(owners[i], "search_") {
			t.Errorf("verify does not notice an old page of %s", owners[i])
		}
	}
	t.Logf("verify noticed %d of %d pages, not those of %v", noticed, len(stale), missed)
	if noticed < 20 {
		t.Errorf("only %d of %d pages", noticed, len(stale))
	}
}

// count lets every detector look at every change of an intrusion.
func (p *prowled) count(t *testing.T, c *intrusion) (noticed [len(detectors)]int) {
	t.Helper()
	for _, files := range c.files {
		for i, n := range p.look(t, files) {
			if n {
				noticed[i]++
			}
		}
	}
	return noticed
}

func (p *prowled) look(t *testing.T, files map[string][]byte) (noticed [len(detectors)]bool) {
	t.Helper()
	use := func(f *pods.Folder, fn func(v *store.View) error) bool {
		p.put(t, files)
		return f.Do(t.Context(), p.created.Pod, p.created.Token, fn) != nil
	}
	verify := func(checkpoint string) func(v *store.View) error {
		return func(v *store.View) error {
			out, err := v.Verify(t.Context(), checkpoint, nil)
			if locket.CodeOf(err) == locket.CodeInternal {
				t.Errorf("verify: %v: %v", err, errors.Unwrap(err))
			}
			return notRight(err, out.Fault)
		}
	}
	state := ""
	noticed[0] = use(p.folder, func(*store.View) error { return nil })
	noticed[1] = use(p.folder, func(v *store.View) (err error) {
		state, err = dump(t.Context(), v)
		return err
	})
	noticed[2] = use(p.folder, func(v *store.View) error {
		wrong, err := v.CheckIntegrity(t.Context())
		return notRight(err, strings.Join(wrong, "\n"))
	})
	noticed[3] = use(p.folder, verify(""))
	noticed[4] = use(p.folder, verify(p.checkpoint))
	noticed[5] = use(p.remembering(t), func(*store.View) error { return nil })
	noticed[6] = !noticed[0] && !noticed[1] && state != p.state
	return noticed
}

// notRight makes an error of what a check found.
func notRight(err error, found string) error {
	if err == nil && found != "" {
		err = locket.Errorf(locket.CodeTampered, "%s", found)
	}
	return err
}

// remembering opens the folder as it was when somebody last used the pod here.
func (p *prowled) remembering(t *testing.T) *pods.Folder {
	t.Helper()
	state := t.TempDir()
	if err := os.CopyFS(state, os.DirFS(p.witness)); err != nil {
		t.Fatal(err)
	}
	return p.open(t, state)
}
