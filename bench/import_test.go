package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket/internal/pods"
)

var mboxMB = flag.Int64("mbox", 64, "size of the imported mbox in MB")

// BenchmarkImport imports a large mbox with the program itself. Its messages are
// real ones, repeated with new ids until the file is large enough.
func BenchmarkImport(b *testing.B) {
	exe, mbox := program(b), filepath.Join(b.TempDir(), "all.mbox")
	if err := writeMbox(mbox, sampleMail(b), *mboxMB<<20); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		start := time.Now()
		read, peak := importMbox(b, exe, mbox)
		took := time.Since(start)
		b.ReportMetric(float64(read)/took.Seconds(), "messages/s")
		b.ReportMetric(float64(*mboxMB)/took.Seconds(), "MB/s")
		b.ReportMetric(float64(peak)/1e6, "peak-RSS-MB")
	}
	b.ReportMetric(0, "ns/op")
}

// sampleMail returns the real messages, each once and beginning with its separator
// line. The archives hold some twice.
func sampleMail(b *testing.B) [][]byte {
	b.Helper()
	dir := filepath.Join("..", "..", "shared", "data", "mbox")
	var mail [][]byte
	seen := make(map[string]bool)
	for _, name := range []string{"pipermail-numpy-2001-November.txt", "ponymail-users-2022-01.mbox", "listserv-3gpp-sa-wg4-evs.mbox"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			if os.Getenv("LOCKET_CI") == "1" {
				b.Fatalf("sample data is missing: %v", err)
			}
			b.Skipf("SKIPPED: no sample data at %s; put the folder shared/data beside the checkout", dir)
		}
		for _, m := range bytes.SplitAfter(data, []byte("\n\nFrom ")) {
			if id := string(mailID.Find(m)); !seen[id] {
				seen[id] = true
				mail = append(mail, append([]byte("From "), bytes.TrimPrefix(bytes.TrimSuffix(m, []byte("From ")), []byte("From "))...))
			}
		}
	}
	return mail
}

// mailIDs matches the headers that hold ids of messages, mailID the one that holds
// a message's own.
var (
	mailIDs = regexp.MustCompile(`(?im)^(message-id|in-reply-to|references):.*(\r?\n[ \t].*)*`)
	mailID  = regexp.MustCompile(`(?im)^message-id:.*`)
)

// writeMbox repeats mail up to about size bytes. Every round has ids of its own,
// so that answers belong to the messages of their round, and every message a line
// of its own at its end.
func writeMbox(path string, mail [][]byte, size int64) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for round := 0; ; round++ {
		at := fmt.Appendf(nil, "-%d@", round)
		for _, m := range mail {
			m = mailIDs.ReplaceAllFunc(m, func(h []byte) []byte { return bytes.ReplaceAll(h, []byte("@"), at) })
			n, err := fmt.Fprintf(f, "%s\n-- \ncopy %d\n\n", bytes.TrimRight(m, "\n"), round)
			if err != nil {
				return err
			}
			if size -= int64(n); size <= 0 {
				return nil
			}
		}
	}
}

// importMbox imports into a new pod, and returns how many records were read and
// the largest resident memory of the process.
func importMbox(b *testing.B, exe, mbox string) (read, peak int64) {
	b.Helper()
	dir := b.TempDir()
	cmd := exec.CommandContext(b.Context(), exe, "import", mbox, "--yes", "--json", "--dir", dir)
	cmd.Env = append(os.Environ(), "LOCKET_STATE="+b.TempDir(), "LOCKET_KEY="+newPod(b, dir))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	watched := make(chan int64)
	go func() { watched <- watchPeak(ctx, cmd.Process.Pid) }()
	err := cmd.Wait()
	stop()
	peak = <-watched
	if err != nil {
		b.Fatalf("import: %v\n%s", err, errs.Bytes())
	}
	var result struct {
		Report struct{ Read, Imported int64 }
	}
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		b.Fatal(err)
	}
	if r := result.Report; r.Read == 0 || r.Imported != r.Read {
		b.Fatalf("%d of %d messages imported", r.Imported, r.Read)
	}
	return result.Report.Read, peak
}

// newPod makes a pod in dir and returns an API key for it.
func newPod(b *testing.B, dir string) string {
	b.Helper()
	f, err := pods.Open(dir, pods.Options{})
	if err != nil {
		b.Fatal(err)
	}
	made, err := f.Create(b.Context(), pods.New{KeyName: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	text := made.Token.Text()
	made.Token.Wipe()
	defer text.Wipe()
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return string(text.Bytes())
}

// watchPeak reads the peak of a process's resident memory, in bytes, until ctx
// ends: once the process has ended nobody tells. 0 where there is no /proc.
func watchPeak(ctx context.Context, pid int) (peak int64) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, line, ok := strings.Cut(string(status), "VmHWM:"); err == nil && ok {
			var kB int64
			if _, err := fmt.Sscan(line, &kB); err == nil {
				peak = max(peak, kB<<10)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return peak
		}
	}
}
