package bench

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkJournal measures writing with the journal against the same program built
// without one. Each side has a process of its own.
func BenchmarkJournal(b *testing.B) {
	j := &journals{
		on:  startPeer(b, self(b), podPeer, b.TempDir()),
		off: startPeer(b, unjournaled(b), podPeer, b.TempDir()),
	}
	b.Run("bulk", j.bulk)
	b.Run("insert", j.insert)
	b.Run("open+insert", j.openInsert)
}

// unjournaled builds these tests for pods without a journal.
func unjournaled(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "unjournaled.test")
	if out, err := exec.CommandContext(b.Context(), "go", "test", "-c", "-tags", "nojournal", "-o", path, ".").CombinedOutput(); err != nil {
		b.Fatalf("go test -c: %v\n%s", err, out)
	}
	return path
}

type journals struct {
	on, off *peer
	next    int // number of the first note that is in neither pod
}

// tell has both sides do something that is not measured.
func (j *journals) tell(b *testing.B, what string) {
	b.Helper()
	for _, p := range []*peer{j.on, j.off} {
		if _, err := p.do(what, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// bulk fills both pods by turns, a batch each.
func (j *journals) bulk(b *testing.B) {
	var took [2]cost
	j.tell(b, "reopen")
	for b.Loop() {
		for end := j.next + corpusSize; j.next < end; j.next += batchSize {
			for turn := range 2 {
				who := (turn + j.next/batchSize) % 2 // either goes first as often
				c, err := []*peer{j.on, j.off}[who].do("bulk", j.next)
				if err != nil {
					b.Fatal(err)
				}
				took[who].add(c)
			}
		}
	}
	j.tell(b, "shut")
	on, off := took[0], took[1]
	report(b, "off", ratio(on.wall, off.wall), ratio(on.cpu, off.cpu), on.wall, off.wall)
}

// insert adds one item durably, in pods that stay open.
func (j *journals) insert(b *testing.B) {
	j.tell(b, "reopen")
	j.compare(b, "insert")
	j.tell(b, "shut")
}

// openInsert opens the pods for each.
func (j *journals) openInsert(b *testing.B) { j.compare(b, "open-insert") }

func (j *journals) compare(b *testing.B, what string) {
	first := j.next
	side := func(p *peer) side {
		return func(i int) (cost, error) {
			j.next = max(j.next, first+i+1)
			return p.do(what, first+i)
		}
	}
	compare(b, "off", side(j.on), side(j.off))
}
