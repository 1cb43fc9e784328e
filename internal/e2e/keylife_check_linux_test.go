package e2e_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// check looks at all that was done.
func (l *keyLife) check(t *testing.T) {
	t.Helper()
	needles := needlesOf(l.secrets)
	writes, bytes := 0, 0
	for _, s := range l.steps {
		what := "locket " + strings.Join(s.args[:min(2, len(s.args))], " ")
		roots := append(slices.Collect(maps.Keys(s.makes)), l.pods, l.state)
		for _, c := range s.outside(roots...) {
			t.Errorf("%s: %s of %s, which is none of its files", what, c.call, c.path)
		}
		l.expect(t, what+" on standard output", needles, []byte(s.out), s.prints, false)
		l.expect(t, what+" on standard error", needles, []byte(s.err), nil, false)
		made := make(map[string][]byte)
		for path, b := range s.written() {
			writes, bytes = writes+1, bytes+len(b)
			root := path
			for out := range s.makes {
				if below(path, out) {
					root = out
				}
			}
			made[root] = append(made[root], b...)
		}
		for path, b := range made {
			l.expect(t, what+" in "+path, needles, b, s.makes[path], path == s.sheets)
		}
		for path := range s.makes {
			if len(made[path]) == 0 {
				t.Errorf("%s: nothing written to %s was seen", what, path)
			}
		}
	}
	t.Logf("%d commands wrote %d KB to %d files; %d secrets", len(l.steps), bytes>>10, writes, len(l.secrets))
	if bytes < 1<<20 {
		t.Error("hardly anything was seen to be written")
	}
	l.checkDisk(t, needles)
}

// checkDisk looks at what is left.
func (l *keyLife) checkDisk(t *testing.T, needles needles) {
	t.Helper()
	kept := map[string][]string{l.agentKey(): {"client's key"}}
	for _, root := range []string{l.pods, l.state, filepath.Join(l.dir, ".cursor"), filepath.Join(l.dir, "serve.log")} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			var b []byte
			if !d.IsDir() {
				b, err = os.ReadFile(path)
			}
			l.expect(t, path, needles, append([]byte(path+"\n"), b...), kept[path], false)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(l.tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the folder for temporary files: %v, %v", left, err)
	}
	all, err := os.ReadDir(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if !slices.Contains([]string{".cursor", "given", "in", "out", "passphrase", "pods", "serve.log", "state", "tmp"}, e.Name()) {
			t.Errorf("there is %s at home", e.Name())
		}
	}
}

// expect compares which secrets are found in b with those that should be. Of shares there
// are always some on sheets.
func (l *keyLife) expect(t *testing.T, where string, needles needles, b []byte, should []string, sheets bool) {
	t.Helper()
	found := needles.find(b)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !slices.Contains(should, name) && !(sheets && strings.HasPrefix(name, "bits of sheet")) {
			t.Errorf("%s: the %s, %s", where, name, found[name])
		}
	}
	for _, name := range should {
		if found[name] == "" {
			t.Errorf("%s: no %s: either it is not there, or nothing would be found", where, name)
		}
	}
	if shares := l.shares.find(b); !sheets && len(shares) > 0 {
		t.Errorf("%s: words of %s", where, shares)
	}
}
