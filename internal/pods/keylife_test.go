package pods_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestKeyLife does random things to the keys of a pod and its copies. Afterwards every
// credential that was ever made opens of every copy exactly what the model says.
// LOCKET_KEYLIFE=1000 runs so many sequences.
func TestKeyLife(t *testing.T) {
	n, length := 12, 25
	if testing.Short() {
		n = 3
	}
	if many := os.Getenv("LOCKET_KEYLIFE"); many != "" {
		var err error
		if n, err = strconv.Atoi(many); err != nil {
			t.Fatal(err)
		}
	}
	for seed := range n {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			steps := drawSteps(rand.New(rand.NewPCG(uint64(seed), 4)), length)
			story, done, err := keyLife(t, steps)
			if err != nil {
				t.Logf("after %d steps: %v", done, err)
				story, err = shrink(t, steps[:done], story, err)
				t.Fatalf("what it takes:\n%s\n%v", story, err)
			}
		})
	}
}

// keyLife takes the steps in a new pod, and checks now and then and at the end. done counts
// those that it took.
func keyLife(t *testing.T, steps []keyStep) (story string, done int, err error) {
	w, err := newKeyWorld(t)
	if err != nil {
		return "", 0, err
	}
	defer func() {
		if e := w.close(); e != nil {
			t.Error(e)
		}
	}()
	for i, s := range steps {
		err := w.take(s)
		if err == nil && (i%4 == 3 || i == len(steps)-1) {
			err = w.check()
		}
		if err != nil {
			return w.story(), i + 1, err
		}
	}
	return w.story(), len(steps), nil
}

// shrink leaves out steps as long as something fails. It gives up after a while.
func shrink(t *testing.T, steps []keyStep, story string, failure error) (string, error) {
	tries := 60
	for size := max(len(steps)/2, 1); size > 0; size /= 2 {
		for at := 0; at < len(steps) && tries > 0; {
			fewer := slices.Delete(slices.Clone(steps), at, min(at+size, len(steps)))
			tries--
			s, done, err := keyLife(t, fewer)
			if err == nil {
				at += size
				continue
			}
			steps, story, failure = fewer[:done], s, err
		}
	}
	return story, failure
}

// A keyStep is one thing that is done to the pod. It picks what it needs from what there
// is, by its random number, so that steps before it can be left out.
type keyStep struct {
	kind int
	r    uint64
}

// keySteps are the kinds of steps. A weight says how often one is drawn.
var keySteps = []struct {
	name   string
	weight int
	do     func(*keyWorld, *rand.Rand) error
}{
	{"add a password", 2, (*keyWorld).addPassword},
	{"change a password", 2, (*keyWorld).changePassword},
	{"add an API key", 2, (*keyWorld).addAPIKey},
	{"add an agent", 2, (*keyWorld).addAgent},
	{"add an owner's key", 2, (*keyWorld).addOwner},
	{"add a machine's key", 1, (*keyWorld).addMachine},
	{"recovery", 3, (*keyWorld).addRecovery},
	{"remove", 4, (*keyWorld).remove},
	{"remove many", 2, (*keyWorld).removeMany},
	{"rename", 2, (*keyWorld).rename},
	{"rotate", 4, (*keyWorld).rotate},
	{"copy", 3, (*keyWorld).takeCopy},
	{"mix copies", 2, (*keyWorld).mixCopies},
	{"restore the folder", 2, (*keyWorld).restoreFolder},
	{"restore the header", 2, (*keyWorld).restoreHeader},
	{"restore the database", 2, (*keyWorld).restoreDatabase},
	{"cut short", 4, (*keyWorld).cutShort},
	{"rotate apart", 1, (*keyWorld).rotateApart},
	{"accept older", 1, (*keyWorld).acceptOlder},
	{"mend", 4, (*keyWorld).mend},
	{"restart", 1, (*keyWorld).restart},
}

func drawSteps(r *rand.Rand, n int) []keyStep {
	var kinds []int
	for kind, s := range keySteps {
		kinds = append(kinds, slices.Repeat([]int{kind}, s.weight)...)
	}
	steps := make([]keyStep, n)
	for i := range steps {
		steps[i] = keyStep{kinds[r.IntN(len(kinds))], r.Uint64()}
	}
	return steps
}

// story is what was done, for people.
func (w *keyWorld) story() string { return strings.Join(w.log, "\n") }
