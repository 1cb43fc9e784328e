package bench

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"testing"

	"github.com/locketpod/locket/internal/store"
)

var changes = flag.Int("changes", 100_000, "entries in the journal that is verified")

// BenchmarkVerify checks with the program itself a pod whose items were each
// added by a change of its own.
func BenchmarkVerify(b *testing.B) {
	exe, g := program(b), ownGround(b)
	if err := g.do(g.singly); err != nil {
		b.Fatal(err)
	}
	var wall, cpu []float64 // changes per second
	for b.Loop() {
		verified, took := g.verify(b, exe)
		if verified.Fault != "" || verified.Entries < int64(*changes) || verified.Items != int64(*changes) {
			b.Fatalf("verified: %+v", verified)
		}
		wall = append(wall, float64(verified.Entries)/took.wall.Seconds())
		cpu = append(cpu, float64(verified.Entries)/took.cpu.Seconds())
	}
	b.ReportMetric(median(wall), "changes/s")
	b.ReportMetric(median(cpu), "changes/cpu-s")
	b.ReportMetric(0, "ns/op")
}

// singly adds notes, each in a transaction of its own.
func (g *ground) singly(v *store.View) error {
	for ; g.next < *changes; g.next++ {
		if err := g.create(v, notes(g.next, 1)); err != nil {
			return err
		}
	}
	return nil
}

// verify runs `locket verify`. Its cost is that of the whole process.
func (g *ground) verify(b *testing.B, exe string) (v store.Verified, took cost) {
	b.Helper()
	text := g.token.Text()
	defer text.Wipe()
	cmd := exec.CommandContext(b.Context(), exe, "verify", "--json", "--dir", g.dir)
	cmd.Env = append(os.Environ(), "LOCKET_STATE="+g.state, "LOCKET_KEY="+string(text.Bytes()))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	took, err := measured(cmd.Run)
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &v)
	}
	if err != nil {
		b.Fatalf("verify: %v\n%s", err, errs.Bytes())
	}
	took.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return v, took
}
