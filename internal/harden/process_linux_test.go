package harden

import (
	"testing"

	"golang.org/x/sys/unix"
)

// protect reports before and after Process, and for a process that may be traced.
func protect(dirs) any {
	var before unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_CORE, &before)
	before.Cur = min(before.Max, 1<<20)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &before)
	unix.Umask(0o022)
	reports := map[string][]Protection{"before": Report()}
	Process(true)
	reports["traceable"] = Report()
	Process(false)
	reports["protected"] = Report()
	return reports
}

func TestProcess(t *testing.T) {
	var reports map[string][]Protection
	child(t, "protect", dirs{}, &reports)
	for when, want := range map[string]map[string]State{
		"before":    {umask: Off, tracing: Off},
		"traceable": {umask: On, coreFiles: On, tracing: Off},
		"protected": {umask: On, coreFiles: On, tracing: On},
	} {
		for _, p := range reports[when] {
			if state, ok := want[p.Name]; ok && p.State != state {
				t.Errorf("%s: %s is %s (%s), want %s", when, p.Name, p.State, p.Detail, state)
			}
			if p.State == Off && p.Hint == "" {
				t.Errorf("%s: %s is off, and nothing says what to do", when, p.Name)
			}
		}
		if len(reports[when]) != 5 {
			t.Errorf("%s: %d protections", when, len(reports[when]))
		}
	}
}

func TestReportSeesCoreLimit(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &old); err != nil {
		t.Fatal(err)
	}
	if old.Max == 0 {
		missing(t, "core files are forbidden already")
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &old) }()
	for limit, want := range map[uint64]State{0: On, 4096: Off} {
		if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: limit, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
		if got := coreFilesForbidden(); got.State != want {
			t.Errorf("with a limit of %d: %+v", limit, got)
		}
	}
}
