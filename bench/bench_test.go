// Package bench measures what Locket costs: each figure against the same work on a
// plaintext SQLite, without a policy or without the journal, by turns in the same
// run, or alone where there is no such work. README.md has the figures and the command.
//
// One iteration of a benchmark is a whole measurement with rounds of its own,
// so -benchtime=1x is enough. Nothing here asserts on time.
package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(peerEnv); kind != "" {
		if err := servePeer(kind, os.Getenv(peerDirEnv), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "%s side: %v\n", kind, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const (
	rounds   = 15 // of a comparison; its ratio is the median of theirs
	perRound = 15 // times that each side works in a round; the round's ratio is that of their medians
)

// A cost is what a piece of work took. On a machine with other load the time on
// the processor is the steadier of the two.
type cost struct {
	wall time.Duration
	cpu  time.Duration // of the whole process, its collector included; 0 where the system does not say
}

func (c *cost) add(d cost) {
	c.wall += d.wall
	c.cpu += d.cpu
}

// measured runs fn and tells its cost.
func measured(fn func() error) (cost, error) {
	cpu, start := cpuTime(), time.Now()
	err := fn()
	return cost{time.Since(start), cpuTime() - cpu}, err
}

// A side does its i-th piece of work and tells its cost.
type side func(i int) (cost, error)

// compare lets two sides work by turns and reports how many times more ours
// costs than the other, which is called by name.
func compare(b *testing.B, name string, ours, other side) {
	var wall, cpu []float64 // ratios, by round
	var all [2][]time.Duration
	i := 0
	for b.Loop() {
		for range rounds {
			var took [2][]time.Duration
			var busy [2]time.Duration
			for end := i + perRound; i < end; i++ {
				for turn := range 2 {
					who := (turn + i) % 2 // either goes first as often
					c, err := [2]side{ours, other}[who](i)
					if err != nil {
						b.Fatal(err)
					}
					took[who] = append(took[who], c.wall)
					busy[who] += c.cpu
				}
			}
			wall, cpu = append(wall, ratio(median(took[0]), median(took[1]))), append(cpu, ratio(busy[0], busy[1]))
			all[0], all[1] = append(all[0], took[0]...), append(all[1], took[1]...)
		}
	}
	report(b, name, median(wall), median(cpu), median(all[0]), median(all[1]))
}

func report(b *testing.B, name string, wall, cpu float64, ours, other time.Duration) {
	b.ReportMetric(wall, "x-"+name)
	b.ReportMetric(cpu, "x-"+name+"-cpu")
	b.ReportMetric(ms(ours), "ours-ms")
	b.ReportMetric(ms(other), name+"-ms")
	b.ReportMetric(0, "ns/op") // of a whole measurement: says nothing
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median[T int | float64 | time.Duration](v []T) T { return percentile(v, 50) }

// percentile returns the smallest value that p percent of v do not exceed.
func percentile[T int | float64 | time.Duration](v []T, p int) T {
	s := slices.Sorted(slices.Values(v))
	return s[max(0, (len(s)*p+99)/100-1)]
}

// program builds the stripped binary and returns its path.
func program(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "locket")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "../cmd/locket")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}
