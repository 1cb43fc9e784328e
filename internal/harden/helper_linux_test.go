package harden

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// What is given up is gone for good, so the tests do it in children: this program
// again, with the name of what to do and its arguments in the environment.
const (
	envTask = "HARDEN_TASK"
	envDirs = "HARDEN_DIRS"
)

// tasks are what children do. The result is printed as JSON.
var tasks = map[string]func(dirs) any{
	"protect":    protect,
	"free":       func(d dirs) any { return d.attempt(false, false) },
	"confined":   func(d dirs) any { return d.attempt(true, false) },
	"connecting": func(d dirs) any { return d.attempt(true, true) },
}

func TestMain(m *testing.M) {
	task, ok := tasks[os.Getenv(envTask)]
	if !ok {
		os.Exit(m.Run())
	}
	var d dirs
	err := json.Unmarshal([]byte(os.Getenv(envDirs)), &d)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(task(d))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child runs a task and reads its result.
func child(t *testing.T, task string, d dirs, result any) {
	t.Helper()
	args, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envTask+"="+task, envDirs+"="+string(args))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", task, err)
	}
	if err := json.Unmarshal(out, result); err != nil {
		t.Fatalf("%s: %v: %s", task, err, out)
	}
}

// missing skips what this kernel cannot do.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("LOCKET_CI") == "1" {
		t.Fatal(what)
	}
	t.Skip("NOT TESTED: " + what)
}
