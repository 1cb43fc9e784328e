package wycheproof

import (
	"os"
	"strings"
	"testing"
)

// TestSameVersion fails if the vectors run against another x/crypto than the one
// in the program.
func TestSameVersion(t *testing.T) {
	if here, program := version(t, "../go.mod"), version(t, "../../go.mod"); here != program {
		t.Errorf("this module has golang.org/x/crypto %s, the program %s; change go.mod and run 'go mod tidy'", here, program)
	}
}

func version(t *testing.T, goMod string) string {
	t.Helper()
	text, err := os.ReadFile(goMod)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "golang.org/x/crypto" {
			return f[1]
		}
	}
	t.Fatalf("%s does not name golang.org/x/crypto", goMod)
	return ""
}
