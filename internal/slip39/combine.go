package slip39

import (
	"fmt"

	"github.com/locketpod/locket/internal/secret"
)

// Progress says how far the shares given are from enough.
type Progress struct {
	Have, Need int             // complete groups; 0 of 0 before the first share
	Groups     []GroupProgress // all groups of the set
}

// Done reports whether the shares suffice.
func (p Progress) Done() bool { return p.Need > 0 && p.Have >= p.Need }

// GroupProgress counts the shares of one group.
type GroupProgress struct {
	Have, Need int // Need is 0 before the group's first share, which tells it
}

// Done reports whether the group is complete.
func (g GroupProgress) Done() bool { return g.Need > 0 && g.Have >= g.Need }

// Missing tells what is still needed beyond the shares given, for use while they
// are typed one by one. The error is ErrMixed or ErrRepeated if the last share,
// or an earlier one, does not go with those before it.
func Missing(shares []Share) (Progress, error) {
	groups, err := gather(shares)
	if err != nil {
		return Progress{}, err
	}
	return progress(groups), nil
}

// Combine returns the secret, which the caller wipes. More shares than needed may
// be given: all must fit together, but those of incomplete groups have no say.
//
// A wrong passphrase gives another secret and no error. The errors are ErrTooFew,
// ErrMixed, ErrRepeated, ErrDigest, ErrPassphrase, ErrCost, and ErrShare for a
// Share that [Parse] did not make.
func Combine(shares []Share, passphrase []byte) (*secret.Key, error) {
	if err := checkPassphrase(passphrase); err != nil {
		return nil, err
	}
	groups, err := gather(shares)
	if err != nil {
		return nil, err
	}
	if p := progress(groups); !p.Done() {
		return nil, fmt.Errorf("%w: %d of %d groups complete", ErrTooFew, p.Have, p.Need)
	}
	first := shares[0]
	if first.IterationExponent > maxExponent {
		return nil, ErrCost
	}
	master, err := join(groups, first)
	if err != nil {
		return nil, err
	}
	c := newCipher(passphrase, first.Identifier, first.Extendable, first.IterationExponent)
	if err := c.decrypt(master.Bytes()); err != nil {
		master.Wipe()
		return nil, fmt.Errorf("slip39: %w", err)
	}
	return master, nil
}

// join returns the encrypted secret of a set of which first is a share.
func join(groups [][]Share, first Share) (*secret.Key, error) {
	var complete []point
	defer func() { clearValues(complete) }()
	for i, members := range groups {
		if len(members) == 0 || len(members) < members[0].MemberThreshold {
			continue
		}
		var points []point // of the members' values, which are not ours to clear
		for _, s := range members {
			points = append(points, point{byte(s.Member), s.Value.Bytes()})
		}
		value := make([]byte, first.Value.Len())
		complete = append(complete, point{byte(i), value})
		if !reconstruct(value, members[0].MemberThreshold, points) {
			return nil, fmt.Errorf("%w: look at group %d", ErrDigest, i+1)
		}
	}
	master := make([]byte, first.Value.Len())
	if !reconstruct(master, first.GroupThreshold, complete) {
		clear(master)
		return nil, ErrDigest
	}
	return secret.Take(master), nil
}

func clearValues(points []point) {
	for _, p := range points {
		clear(p.y)
	}
}

func progress(groups [][]Share) Progress {
	p := Progress{Groups: make([]GroupProgress, len(groups))}
	for i, members := range groups {
		if len(members) == 0 {
			continue
		}
		p.Need = members[0].GroupThreshold
		p.Groups[i] = GroupProgress{Have: len(members), Need: members[0].MemberThreshold}
		if p.Groups[i].Done() {
			p.Have++
		}
	}
	return p
}

// alike reports whether two shares can be of one set, and if they are of one group,
// of that.
func (s Share) alike(o Share) bool {
	return s.Identifier == o.Identifier && s.Extendable == o.Extendable && s.IterationExponent == o.IterationExponent &&
		s.GroupThreshold == o.GroupThreshold && s.Groups == o.Groups && s.Value.Len() == o.Value.Len() &&
		(s.Group != o.Group || s.MemberThreshold == o.MemberThreshold)
}

// gather sorts shares into the groups of their set and refuses those that cannot
// be of one set.
func gather(shares []Share) ([][]Share, error) {
	if len(shares) == 0 {
		return nil, nil
	}
	for i, s := range shares {
		if err := s.check(); err != nil {
			return nil, err
		}
		for j, o := range shares[:i] {
			same := s.Group == o.Group && s.Member == o.Member
			if same && s.alike(o) && s.Value.Equal(o.Value) {
				return nil, fmt.Errorf("%w: share %d is share %d again", ErrRepeated, i+1, j+1)
			}
			if same || !s.alike(o) {
				return nil, fmt.Errorf("%w: share %d does not go with share %d", ErrMixed, i+1, j+1)
			}
		}
	}
	groups := make([][]Share, shares[0].Groups)
	for _, s := range shares {
		groups[s.Group] = append(groups[s.Group], s)
	}
	return groups, nil
}
