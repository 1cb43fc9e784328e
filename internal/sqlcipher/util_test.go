package sqlcipher_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

// childEnv names the function of children that this test binary runs instead
// of its tests; its arguments are in os.Args[1:].
const childEnv = "SQLCIPHER_TEST_CHILD"

// children are other processes on the same database.
var children = map[string]func(args []string) error{
	"count":   childCount,
	"insert":  childInsert,
	"follow":  childFollow,
	"recrypt": childRecrypt,
	"ledger":  childLedger,
	"create":  childCreate,
	"scrape":  childScrape,
	"fault":   childFault,
	"hold":    childHold,
	"residue": childResidue,
	"foreign": childForeign,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := children[name](os.Args[1:]); err != nil {
			_, _ = os.Stderr.WriteString(name + ": " + err.Error() + "\n")
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child returns a command that runs children[name] in a process of its own,
// under the given wrapper command if there is one.
func child(t *testing.T, name string, wrapper []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	argv := append(append(append([]string(nil), wrapper...), self), args...)
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	return cmd
}

// need skips the test if a program is missing, and fails it where everything
// must be installed.
func need(t *testing.T, program, hint string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("LOCKET_CI") == "1" {
		t.Fatalf("%s is missing: %s", program, hint)
	}
	t.Skipf("SKIPPED, NOT CHECKED: %s is missing: %s", program, hint)
}

func testKey() *secret.Key {
	b := make([]byte, sqlcipher.KeySize)
	for i := range b {
		b[i] = byte(7*i + 1)
	}
	return secret.Take(b)
}

func open(t *testing.T, path string, pragmas ...string) *sqlcipher.DB {
	t.Helper()
	db, err := sqlcipher.Open(t.Context(), path, testKey(), sqlcipher.Options{Pragmas: pragmas})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // tests that care close it themselves
	return db
}

func mustExec(t *testing.T, db *sqlcipher.DB, queries ...string) {
	t.Helper()
	for _, q := range queries {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.60s: %v", q, err)
		}
	}
}

func queryText(t *testing.T, db *sqlcipher.DB, query string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		lines = append(lines, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(lines, "\n")
}

func mustClose(t *testing.T, db *sqlcipher.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// stock runs SQL through the sqlcipher command line and returns its output.
func stock(t *testing.T, path, script string) string {
	t.Helper()
	return stockWith(t, path, testKey(), script)
}

func stockWith(t *testing.T, path string, key *secret.Key, script string) string {
	t.Helper()
	need(t, "sqlcipher", "install sqlcipher 4.6 or newer")
	cmd := exec.CommandContext(t.Context(), "sqlcipher", path)
	cmd.Stdin = strings.NewReader(".bail on\n.output /dev/null\nPRAGMA key=\"x'" +
		hex.EncodeToString(key.Bytes()) + "'\";\n.output\n" + script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("sqlcipher: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// copyDB copies a database with those of its side files that exist, as a crash
// would leave them. The -shm is made anew by whoever opens the copy.
func copyDB(t *testing.T, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-journal"} {
		b, err := os.ReadFile(from + suffix)
		if os.IsNotExist(err) && suffix != "" {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func inTemp(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }

// lines calls f for each line that a child prints, until f returns false or
// the child ends.
func lines(out *bufio.Reader, f func(string) bool) {
	for {
		line, err := out.ReadString('\n')
		if err != nil || !f(strings.TrimSpace(line)) {
			return
		}
	}
}

// count returns how often any of the markers occurs.
func count(b []byte, markers ...string) (n int) {
	for _, m := range markers {
		n += bytes.Count(b, []byte(m))
	}
	return n
}
