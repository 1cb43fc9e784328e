package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/secret"
)

// testCLI is a cli without terminal, keyring or environment.
func testCLI(out, err *bytes.Buffer) *cli {
	return &cli{in: os.Stdin, out: out, err: err, key: secret.Take(nil), prompt: terminal{}, findStore: findStore}
}

func TestCleanKeepsTheTerminalSafe(t *testing.T) {
	for _, tt := range []struct {
		name, in, line, block string
	}{
		{"plain", "a\tb\nc", "a b c", "a\tb\nc"},
		{"colour", "\x1b[31mred\x1b[0m", "�[31mred�[0m", "�[31mred�[0m"},
		{"title", "\x1b]0;owned\x07", "�]0;owned�", "�]0;owned�"},
		{"C1", "\u009b31m", "�31m", "�31m"},
		{"carriage return", "good\rbad", "goodbad", "goodbad"},
		{"line separator", "a\u2028b", "a b", "a b"},
		{"reordering", "a\u202eb\u2066c", "a�b�c", "a�b�c"},
		{"not UTF-8", "a\xffb", "a�b", "a�b"},
		{"scripts", "é 등대 豆 😀 שלום", "é 등대 豆 😀 שלום", "é 등대 豆 😀 שלום"},
	} {
		if got := clean(tt.in, false); got != tt.line {
			t.Errorf("%s: clean as a line = %q, want %q", tt.name, got, tt.line)
		}
		if got := clean(tt.in, true); got != tt.block {
			t.Errorf("%s: clean as a block = %q, want %q", tt.name, got, tt.block)
		}
	}
}

func TestClipCountsColumns(t *testing.T) {
	for _, tt := range []struct {
		in    string
		limit int
		want  string
	}{
		{"lighthouse", 10, "lighthouse"},
		{"lighthouse", 9, "lighthou…"},
		{"등대등대", 8, "등대등대"},
		{"등대등대", 7, "등대등…"},
		{"등대등대", 6, "등대…"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
		{"anything", 0, "anything"},
	} {
		got := clip(tt.in, tt.limit)
		if got != tt.want || tt.limit > 0 && columns(got) > tt.limit {
			t.Errorf("clip(%q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
}

func TestTableIsAlignedAndFitsTheTerminal(t *testing.T) {
	var out bytes.Buffer
	c := testCLI(&out, nil)
	c.width, c.colour = 20, true
	err := c.print(nil, func(p *printer) {
		p.table([]string{"A", "B"}, [][]string{{"등대", "short"}, {"x", "a text that is far too long"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "\x1b[1mA     \x1b[0m\x1b[1mB\x1b[0m\n\x1b[2m등대  \x1b[0mshort\n\x1b[2mx     \x1b[0ma text that i…\n"
	if out.String() != want {
		t.Errorf("table = %q, want %q", out.String(), want)
	}
}

func TestProgress(t *testing.T) {
	half := locket.Progress{Stage: "reading \x1bmail", Done: 512, Total: 1024, Unit: "bytes"}
	for _, tt := range []struct {
		name      string
		tty, json bool
		want      string
	}{
		{"terminal", true, false, "\r[████████████············]  50% reading �mail: 512 B of 1.0 KiB\x1b[K"},
		{"pipe", false, false, "reading �mail: 512 B of 1.0 KiB\n"},
		{"JSON", true, true, `{"progress":{"stage":"reading \u001bmail","done":512,"total":1024,"unit":"bytes"}}` + "\n"},
	} {
		var out bytes.Buffer
		c := testCLI(nil, &out)
		c.errTTY, c.json, c.width = tt.tty, tt.json, 80
		now := time.Unix(1000, 0)
		p := &progress{c: c, now: func() time.Time { return now }}
		p.report(half)
		p.report(half) // too soon: dropped
		if got := out.String(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		now = now.Add(lineEvery)
		p.report(half)
		if got := out.String(); got != tt.want+tt.want {
			t.Errorf("%s: after a while %q, want it twice", tt.name, got)
		}
	}
}

func TestImportReport(t *testing.T) {
	r := importer.Report{Import: locket.Import{ID: "7", Read: 6, Imported: 3, Duplicate: 2, Rejected: 1}, Dropped: 4}
	for _, finished := range []bool{true, false} {
		var out bytes.Buffer
		r.Finished = time.Time{}
		if finished {
			r.Finished = time.Unix(1000, 0)
		}
		err := testCLI(&out, nil).print(r, func(p *printer) { p.report(r) })
		if err != nil || !strings.Contains(out.String(), "6 records read: 3 imported, 2 duplicates, 1 rejected\n0 links; 4 lead") {
			t.Errorf("finished = %t: %q, %v", finished, out.String(), err)
		}
		if strings.Contains(out.String(), "again to go on") == finished {
			t.Errorf("finished = %t, but it says %q", finished, out.String())
		}
	}
}

func TestEveryCodeHasAnExitStatus(t *testing.T) {
	codes := []locket.Code{
		locket.CodeInvalid, locket.CodeNotFound, locket.CodeExists, locket.CodeConflict, locket.CodeUnauthenticated,
		locket.CodeDenied, locket.CodeTooLarge, locket.CodeTooMany, locket.CodeBusy, locket.CodeTampered, locket.CodeNewer,
		locket.CodeDiskFull, locket.CodeCancelled, locket.CodeUnsupported, locket.CodeExpired, locket.CodeRolledBack,
	}
	for _, code := range codes {
		if got := statusOf(locket.Errorf(code, "x")); got == statusOK || got == statusInternal {
			t.Errorf("exit status of %s = %d, want one of its own", code, got)
		}
	}
	if got := statusOf(coded(context.Canceled)); got != 130 {
		t.Errorf("exit status of a cancelled context = %d, want 130", got)
	}
	if got := statusOf(coded(errFault)); got != statusTampered {
		t.Errorf("exit status of a fault that verify found = %d, want %d", got, statusTampered)
	}
	if got := statusOf(coded(os.ErrClosed)); got != statusInternal {
		t.Errorf("exit status of an error without code = %d, want %d", got, statusInternal)
	}
}

func TestFailShowsNoCause(t *testing.T) {
	var out bytes.Buffer
	c := testCLI(nil, &out)
	c.fail(coded(os.ErrClosed))
	if strings.Contains(out.String(), "closed") || !strings.Contains(out.String(), "--verbose") {
		t.Errorf("an error without code is shown as %q", out.String())
	}
}

// walk calls fn with every command of the program.
func walk(cmd *cobra.Command, fn func(*cobra.Command)) {
	fn(cmd)
	for _, sub := range cmd.Commands() {
		walk(sub, fn)
	}
}

// TestEveryOpIsACommand checks that the op table is the whole of it: each operation is
// a command with an argument or flag for each field of its input.
func TestEveryOpIsACommand(t *testing.T) {
	commands := map[string]*cobra.Command{}
	walk(testCLI(nil, nil).rootCommand(), func(cmd *cobra.Command) { commands[cmd.CommandPath()] = cmd })
	for _, o := range ops.Table() {
		cmd := commands["locket op "+o.Name]
		if cmd == nil {
			t.Errorf("no command for %s", o.Name)
			continue
		}
		for _, f := range o.Fields() {
			isFlag := cmd.Flags().Lookup(f.Name) != nil
			isArg := strings.Contains(cmd.Use, " "+strings.ToUpper(f.Name))
			if isFlag == isArg {
				t.Errorf("%s: field %s is flag %t, argument %t", o.Name, f.Name, isFlag, isArg)
			}
		}
	}
}

// TestEveryCommandIsExplained checks the help texts, and that docs/cli.md names every
// command and has the exit statuses as they are.
func TestEveryCommandIsExplained(t *testing.T) {
	data, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(data)
	walk(testCLI(nil, nil).rootCommand(), func(cmd *cobra.Command) {
		if cmd.Name() == "exit-status" || strings.HasPrefix(cmd.CommandPath(), "locket op ") {
			return
		}
		if cmd.Short == "" || cmd.Example == "" {
			t.Errorf("%s has no description or no example", cmd.CommandPath())
		}
		if !strings.Contains(doc, "`"+cmd.CommandPath()) {
			t.Errorf("docs/cli.md does not name %q", cmd.CommandPath())
		}
	})
	for _, s := range statuses {
		if row := markdownRow(s.status, s.codes, s.meaning); !strings.Contains(doc, row) {
			t.Errorf("docs/cli.md lacks the row %q", row)
		}
	}
}

func markdownRow(s status, codes []locket.Code, meaning string) string {
	var names []string
	for _, c := range codes {
		names = append(names, "`"+string(c)+"`")
	}
	return strings.Join([]string{"|", statusRow(s, nil, "")[:3], "|", strings.Join(names, ", "), "|", meaning, "|"}, " ")
}
