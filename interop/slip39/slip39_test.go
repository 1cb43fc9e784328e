package slip39

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	other "github.com/gavincarr/go-slip39"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/slip39"
)

// A scheme is a way to share that both implementations take.
type scheme struct {
	size       int // of the secret, bytes
	passphrase string
	policy     slip39.Policy
}

func schemes() []scheme {
	all := []scheme{
		{32, "", slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{Threshold: 1, Count: 1}}}},
		{16, "TREZOR", slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{Threshold: 3, Count: 5}}, IterationExponent: 2}},
		{32, " ~", slip39.Policy{GroupThreshold: 16, Groups: slices.Repeat([]slip39.Group{{Threshold: 16, Count: 16}}, 16)}},
	}
	r := rand.New(rand.NewPCG(39, 1))
	for range 30 {
		s := scheme{size: 16 + 16*r.IntN(2), passphrase: strings.Repeat("pass ", r.IntN(3))}
		s.policy.IterationExponent = r.IntN(3)
		for range 1 + r.IntN(5) {
			g := slip39.Group{Threshold: 1 + r.IntN(6), Count: 1}
			if g.Threshold > 1 {
				g.Count = g.Threshold + r.IntN(4)
			}
			s.policy.Groups = append(s.policy.Groups, g)
		}
		s.policy.GroupThreshold = 1 + r.IntN(len(s.policy.Groups))
		all = append(all, s)
	}
	return all
}

// enough takes the last groups and members, as many as are needed.
func enough(mnemonics [][]string, p slip39.Policy) (chosen []string) {
	for i := len(p.Groups) - p.GroupThreshold; i < len(p.Groups); i++ {
		members := mnemonics[i]
		chosen = append(chosen, members[len(members)-p.Groups[i].Threshold:]...)
	}
	return chosen
}

func TestTheyCombineOurs(t *testing.T) {
	for _, s := range schemes() {
		master := secret.Random(s.size)
		mnemonics, err := slip39.Split(master, []byte(s.passphrase), s.policy)
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		got, err := other.CombineMnemonicsWithPassphrase(enough(mnemonics, s.policy), []byte(s.passphrase))
		if err != nil || !bytes.Equal(got, master.Bytes()) {
			t.Errorf("%+v: got another secret, %v", s, err)
		}
		got, err = other.CombineMnemonicsWithPassphrase(enough(mnemonics, s.policy), []byte(s.passphrase+"x"))
		wrong := combine(t, enough(mnemonics, s.policy), s.passphrase+"x")
		if err != nil || !bytes.Equal(got, wrong.Bytes()) {
			t.Errorf("%+v: a wrong passphrase gives us another secret than them, %v", s, err)
		}
	}
}

func TestWeCombineTheirs(t *testing.T) {
	for _, s := range schemes() {
		for _, extendable := range []bool{true, false} {
			master := secret.Random(s.size)
			var groups []other.MemberGroupParameters
			for _, g := range s.policy.Groups {
				groups = append(groups, other.MemberGroupParameters{MemberThreshold: g.Threshold, MemberCount: g.Count})
			}
			mnemonics, err := other.GenerateMnemonicsWithOptions(s.policy.GroupThreshold, groups, master.Bytes(),
				[]byte(s.passphrase), extendable, s.policy.IterationExponent)
			if err != nil {
				t.Fatalf("%+v: %v", s, err)
			}
			if got := combine(t, enough(mnemonics, s.policy), s.passphrase); !got.Equal(master) {
				t.Errorf("%+v, extendable %t: got another secret", s, extendable)
			}
		}
	}
}

func combine(t *testing.T, mnemonics []string, passphrase string) *secret.Key {
	t.Helper()
	var shares []slip39.Share
	for _, m := range mnemonics {
		s, err := slip39.Parse(m)
		if err != nil {
			t.Fatal(err)
		}
		shares = append(shares, s)
	}
	got, err := slip39.Combine(shares, []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	return got
}
