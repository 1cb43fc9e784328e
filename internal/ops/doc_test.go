package ops_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/ops"
)

// TestDocumented: the table in docs/design/http.md is the table of this package.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/design/http.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range ops.Table() {
		if row := fmt.Sprintf("| %s | `%s %s` |", o.Name, o.Method, o.Path); !strings.Contains(string(doc), row) {
			t.Errorf("docs/design/http.md lacks the row %s", row)
		}
	}
	if got, want := strings.Count(string(doc), " /v1/"), len(ops.Table())+2; got != want {
		t.Errorf("docs/design/http.md has %d paths, want those of %d operations and two more", got, len(ops.Table()))
	}
}
