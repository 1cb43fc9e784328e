package slip39_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/slip39"
)

// split also checks what all mnemonics of a set must say.
func split(t testing.TB, master *secret.Key, passphrase string, p slip39.Policy) [][]slip39.Share {
	t.Helper()
	mnemonics, err := slip39.Split(master, []byte(passphrase), p)
	if err != nil {
		t.Fatal(err)
	}
	if len(mnemonics) != len(p.Groups) {
		t.Fatalf("%d groups, want %d", len(mnemonics), len(p.Groups))
	}
	groups := make([][]slip39.Share, len(mnemonics))
	for i, group := range mnemonics {
		if groups[i], err = parseAll(group); err != nil || len(group) != p.Groups[i].Count {
			t.Fatalf("group %d has %d members, want %d; %v", i, len(group), p.Groups[i].Count, err)
		}
		for j, s := range groups[i] {
			if !s.Extendable || s.Identifier != groups[0][0].Identifier || s.IterationExponent != p.IterationExponent ||
				s.Group != i || s.GroupThreshold != p.GroupThreshold || s.Groups != len(p.Groups) ||
				s.Member != j || s.MemberThreshold != p.Groups[i].Threshold {
				t.Fatalf("member %d of group %d is %+v", j, i, s)
			}
		}
	}
	return groups
}

func randomPolicy(r *rand.Rand) slip39.Policy {
	p := slip39.Policy{Groups: make([]slip39.Group, 1+r.IntN(16))}
	p.GroupThreshold = 1 + r.IntN(len(p.Groups))
	for i := range p.Groups {
		g := slip39.Group{Threshold: 1 + r.IntN(16), Count: 1}
		if g.Threshold > 1 {
			g.Count = g.Threshold + r.IntN(17-g.Threshold)
		}
		p.Groups[i] = g
	}
	return p
}

// choose takes as many random shares as the policy needs, and no more, in random
// order.
func choose(r *rand.Rand, groups [][]slip39.Share, p slip39.Policy) (shares []slip39.Share) {
	for _, i := range r.Perm(len(groups))[:p.GroupThreshold] {
		for _, j := range r.Perm(len(groups[i]))[:p.Groups[i].Threshold] {
			shares = append(shares, groups[i][j])
		}
	}
	r.Shuffle(len(shares), func(i, j int) { shares[i], shares[j] = shares[j], shares[i] })
	return shares
}

// Whatever the policy: enough shares give the secret and any of them less does not;
// all of them give it too; another passphrase gives another secret and no error.
func TestRandomPolicies(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	for range 60 {
		p := randomPolicy(r)
		master := secret.Random(16 + 2*r.IntN(9))
		passphrase := strings.Repeat("a ~", r.IntN(4))
		groups := split(t, master, passphrase, p)
		shares := choose(r, groups, p)
		combines := func(what string, shares []slip39.Share) {
			t.Helper()
			got, err := slip39.Combine(shares, []byte(passphrase))
			if err != nil || !got.Equal(master) {
				t.Errorf("%+v: %s give another secret, %v", p, what, err)
			}
		}
		combines("enough shares", shares)
		combines("all shares", slices.Concat(groups...))
		got, err := slip39.Combine(shares, []byte(passphrase+"!"))
		if err != nil || got.Equal(master) || got.Len() != master.Len() {
			t.Errorf("%+v: with another passphrase %v, or the same secret", p, err)
		}
		for i := range shares {
			less := slices.Delete(slices.Clone(shares), i, i+1)
			if got, err := slip39.Combine(less, []byte(passphrase)); !errors.Is(err, slip39.ErrTooFew) || got != nil {
				t.Errorf("%+v: one share less: %v", p, err)
			}
		}
		checkTyping(t, p, shares)
	}
}

// checkTyping gives the shares one by one to Missing.
func checkTyping(t *testing.T, p slip39.Policy, shares []slip39.Share) {
	t.Helper()
	have := make([]int, len(p.Groups))
	for i := range shares {
		got, err := slip39.Missing(shares[:i+1])
		if err != nil {
			t.Fatal(err)
		}
		have[shares[i].Group]++
		want := slip39.Progress{Need: p.GroupThreshold}
		for j, n := range have {
			g := slip39.GroupProgress{Have: n}
			if n > 0 {
				g.Need = p.Groups[j].Threshold
			}
			if n >= p.Groups[j].Threshold {
				want.Have++
			}
			want.Groups = append(want.Groups, g)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || got.Done() != (i == len(shares)-1) {
			t.Errorf("%+v: after %d shares: got %+v, want %+v", p, i+1, got, want)
		}
	}
}

func TestMissingBeforeTheFirstShare(t *testing.T) {
	p, err := slip39.Missing(nil)
	if err != nil || p.Done() || p.Need != 0 {
		t.Errorf("got %+v, %v", p, err)
	}
	if _, err := slip39.Combine(nil, nil); !errors.Is(err, slip39.ErrTooFew) {
		t.Errorf("Combine of nothing: %v", err)
	}
}

// Shares of incomplete groups must be of the set, but have no other say.
func TestSharesBeyondTheNeed(t *testing.T) {
	master := secret.Random(32)
	p := slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{2, 3}, {2, 2}}}
	groups := split(t, master, "", p)
	other := split(t, master, "", p)
	shares := []slip39.Share{groups[0][0], groups[1][1], groups[0][2]}
	if got, err := slip39.Combine(shares, nil); err != nil || !got.Equal(master) {
		t.Errorf("an incomplete group disturbs: %v", err)
	}
	for name, c := range map[string]struct {
		shares []slip39.Share
		want   error
	}{
		"again":                      {append(shares, groups[1][1]), slip39.ErrRepeated},
		"other set":                  {append(shares, other[0][1]), slip39.ErrMixed},
		"same place":                 {append(shares, relabel(other[0][0], groups[0][0].Identifier)), slip39.ErrMixed},
		"other set, same identifier": {append(shares, relabel(other[0][1], groups[0][0].Identifier)), slip39.ErrDigest},
	} {
		if _, err := slip39.Combine(c.shares, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if _, err := slip39.Missing(c.shares); c.want != slip39.ErrDigest && !errors.Is(err, c.want) {
			t.Errorf("%s: Missing: got %v, want %v", name, err, c.want)
		}
	}
}

// Whatever two shares disagree in, if it is said of the whole set or group.
func TestMixed(t *testing.T) {
	p := slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{2, 3}, {2, 2}}}
	shares := split(t, secret.Random(16), "", p)[0]
	for name, change := range map[string]func(*slip39.Share){
		"identifier":       func(s *slip39.Share) { s.Identifier ^= 1 },
		"extendable":       func(s *slip39.Share) { s.Extendable = false },
		"exponent":         func(s *slip39.Share) { s.IterationExponent++ },
		"group threshold":  func(s *slip39.Share) { s.GroupThreshold++ },
		"groups":           func(s *slip39.Share) { s.Groups++ },
		"member threshold": func(s *slip39.Share) { s.MemberThreshold++ },
		"length":           func(s *slip39.Share) { s.Value = secret.Random(18) },
		"value":            func(s *slip39.Share) { s.Value, s.Member = secret.Random(16), 0 },
	} {
		other := shares[1]
		change(&other)
		if _, err := slip39.Combine([]slip39.Share{shares[0], other}, nil); !errors.Is(err, slip39.ErrMixed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func relabel(s slip39.Share, identifier int) slip39.Share {
	s.Identifier = identifier
	return s
}

// A share whose fields were set by hand is refused rather than believed.
func TestImpossibleShares(t *testing.T) {
	s := split(t, secret.Random(16), "", slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{1, 1}}})[0][0]
	for name, change := range map[string]func(*slip39.Share){
		"group":            func(s *slip39.Share) { s.Group = 1 },
		"negative group":   func(s *slip39.Share) { s.Group = -1 },
		"groups":           func(s *slip39.Share) { s.Groups = 17 },
		"group threshold":  func(s *slip39.Share) { s.GroupThreshold = 2 },
		"no threshold":     func(s *slip39.Share) { s.MemberThreshold = 0 },
		"member":           func(s *slip39.Share) { s.Member = 16 },
		"exponent":         func(s *slip39.Share) { s.IterationExponent = 16 },
		"identifier":       func(s *slip39.Share) { s.Identifier = 1 << 15 },
		"member threshold": func(s *slip39.Share) { s.MemberThreshold = 17 },
	} {
		bad := s
		change(&bad)
		if _, err := slip39.Combine([]slip39.Share{bad}, nil); !errors.Is(err, slip39.ErrShare) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	s.IterationExponent = 11
	if _, err := slip39.Combine([]slip39.Share{s}, nil); !errors.Is(err, slip39.ErrCost) {
		t.Errorf("costly: got %v", err)
	}
}

func TestSplitRefuses(t *testing.T) {
	one := []slip39.Group{{1, 1}}
	for name, c := range map[string]struct {
		size       int
		passphrase string
		policy     slip39.Policy
		want       error
	}{
		"no groups":            {32, "", slip39.Policy{GroupThreshold: 1}, slip39.ErrPolicy},
		"17 groups":            {32, "", slip39.Policy{GroupThreshold: 1, Groups: slices.Repeat(one, 17)}, slip39.ErrPolicy},
		"no threshold":         {32, "", slip39.Policy{Groups: one}, slip39.ErrPolicy},
		"more than there are":  {32, "", slip39.Policy{GroupThreshold: 2, Groups: one}, slip39.ErrPolicy},
		"no member":            {32, "", slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{0, 0}}}, slip39.ErrPolicy},
		"no member threshold":  {32, "", slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{0, 1}}}, slip39.ErrPolicy},
		"17 members":           {32, "", slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{2, 17}}}, slip39.ErrPolicy},
		"more than members":    {32, "", slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{3, 2}}}, slip39.ErrPolicy},
		"copies":               {32, "", slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{1, 1}, {1, 2}}}, slip39.ErrPolicy},
		"exponent":             {32, "", slip39.Policy{GroupThreshold: 1, Groups: one, IterationExponent: 11}, slip39.ErrPolicy},
		"negative exponent":    {32, "", slip39.Policy{GroupThreshold: 1, Groups: one, IterationExponent: -1}, slip39.ErrPolicy},
		"short secret":         {14, "", slip39.Policy{GroupThreshold: 1, Groups: one}, slip39.ErrSecret},
		"long secret":          {34, "", slip39.Policy{GroupThreshold: 1, Groups: one}, slip39.ErrSecret},
		"odd secret":           {17, "", slip39.Policy{GroupThreshold: 1, Groups: one}, slip39.ErrSecret},
		"umlaut":               {32, "Müller", slip39.Policy{GroupThreshold: 1, Groups: one}, slip39.ErrPassphrase},
		"line end":             {32, "secret\n", slip39.Policy{GroupThreshold: 1, Groups: one}, slip39.ErrPassphrase},
		"very long passphrase": {32, strings.Repeat("x", 257), slip39.Policy{GroupThreshold: 1, Groups: one}, slip39.ErrPassphrase},
	} {
		if got, err := slip39.Split(secret.Random(c.size), []byte(c.passphrase), c.policy); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestSplitLeavesItsInputAlone(t *testing.T) {
	master, passphrase := secret.Random(32), []byte("as it was")
	before := master.Clone()
	p := slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{2, 2}}, IterationExponent: 1}
	mnemonics, err := slip39.Split(master, passphrase, p)
	if err != nil {
		t.Fatal(err)
	}
	shares, err := parseAll(mnemonics[0])
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first Combine clears nothing that the second needs
		if got, err := slip39.Combine(shares, passphrase); err != nil || !got.Equal(before) {
			t.Errorf("another secret, %v", err)
		}
	}
	if !master.Equal(before) || !bytes.Equal(passphrase, []byte("as it was")) {
		t.Error("the secret or the passphrase was changed")
	}
	again, err := slip39.Split(master, passphrase, p)
	if err != nil || again[0][0] == mnemonics[0][0] {
		t.Errorf("the same shares twice, %v", err)
	}
}

func BenchmarkCombine(b *testing.B) {
	for _, e := range []int{0, 1, 2, 6, 10} {
		b.Run(fmt.Sprintf("exponent=%d", e), func(b *testing.B) {
			p := slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{3, 5}}, IterationExponent: e}
			shares := split(b, secret.Random(32), "", p)[0]
			for b.Loop() {
				if _, err := slip39.Combine(shares[:3], nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestBits(t *testing.T) {
	for _, size := range []int{16, 32} {
		sets, err := slip39.Split(secret.Random(size), nil, slip39.Policy{GroupThreshold: 1, Groups: []slip39.Group{{2, 3}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, words := range sets[0] {
			b, err := slip39.Bits(strings.ToUpper(words))
			if err != nil || len(b) != map[int]int{16: 25, 32: 42}[size] || slip39.Mnemonic(b) != words {
				t.Errorf("%d bytes, %v: %d bits come back as other words", size, err, 8*len(b))
			}
		}
	}
	if _, err := slip39.Bits("academic nonsense"); !errors.Is(err, slip39.ErrWord) {
		t.Error(err)
	}
}
