package e2e_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"
)

// TestNoCoreDumps asks the system what it would write of a server that crashes.
func TestNoCoreDumps(t *testing.T) {
	s := newHome(t).serve(t)
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(limits) {
		t.Errorf("core dumps are not forbidden:\n%s", limits)
	}
}
