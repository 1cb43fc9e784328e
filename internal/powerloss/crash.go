package powerloss

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
)

// Options of a simulation. The same ones give the same states.
type Options struct {
	Seed   uint64
	Points int  // moments at which the power goes; 0: after every call
	States int  // what may be left at each of them; 0: 6
	NoSync bool // syncs have done nothing: the control, which must find losses
}

// A State is what a power loss leaves.
type State struct {
	Call    int    // how many calls had returned
	Stdout  []byte // what had been printed by then
	After   string // what the last call was
	Loss    string // what became of the pending changes
	content image
}

func (s State) String() string {
	return fmt.Sprintf("power lost after call %d (%s); %s", s.Call, s.After, s.Loss)
}

// Materialize puts the state into a folder, which must be empty. Files get mode 0600,
// folders 0700.
func (s State) Materialize(dir string) error { return s.content.write(dir) }

// Crashes returns the states that power losses leave, in the order of time, and each
// only once. The end of the command is always among the moments.
func (tr *Trace) Crashes(o Options) iter.Seq[State] {
	if o.States == 0 {
		o.States = 6
	}
	return func(yield func(State) bool) {
		r := rand.New(rand.NewPCG(o.Seed, 0))
		points := tr.points(o.Points, r)
		m := newMachine(tr.dir, tr.calls, tr.before.disk())
		m.nosync = o.NoSync
		seen := make(map[[sha256.Size]byte]bool)
		after := "the start"
		for i := range tr.calls {
			if len(points) == 0 {
				return
			}
			_ = m.run(&tr.calls[i]) // has succeeded in compare
			if m.what != "" {
				after = m.what
			}
			if i != points[0] {
				continue
			}
			points = points[1:]
			for _, l := range losses(r, o.States) {
				s := State{Call: i + 1, Stdout: slices.Clone(m.stdout), After: after, Loss: l.name, content: l.image(m.disk)}
				key := sha256.Sum256(fmt.Appendf(nil, "%x %q", s.content.hash(), s.Stdout))
				if seen[key] {
					continue
				}
				seen[key] = true
				if !yield(s) {
					return
				}
			}
		}
	}
}

// points chooses n of the calls that a disk or a reader sees. Two thirds are followed by
// another call than a write to a file: most is pending there, and names change.
func (tr *Trace) points(n int, r *rand.Rand) []int {
	var writes, others []int
	last, lastWritten := -1, false
	m := newMachine(tr.dir, tr.calls, tr.before.disk())
	for i := range tr.calls {
		_ = m.run(&tr.calls[i]) // has succeeded in compare
		if m.what == "" {
			continue
		}
		if last >= 0 && lastWritten && m.written {
			writes = append(writes, last)
		} else if last >= 0 {
			others = append(others, last)
		}
		last, lastWritten = i, m.written
	}
	if last < 0 {
		return nil
	}
	if all := len(writes) + len(others) + 1; n <= 0 || n > all {
		n = all
	}
	pick := func(from []int, n int) []int {
		n = max(0, min(n, len(from)))
		r.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
		return from[:n]
	}
	chosen := []int{last}
	chosen = append(chosen, pick(writes, max(n/3, n-1-len(others)))...)
	chosen = append(chosen, pick(others, n-len(chosen))...)
	slices.Sort(chosen)
	return chosen
}
