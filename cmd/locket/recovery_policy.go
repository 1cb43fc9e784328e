package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/kit"
	"github.com/locketpod/locket/internal/slip39"
)

// A kitPolicy says which sheets of a kit are needed. Its text, "friends=3-of-5
// notary=1-of-1 groups=2 passphrase", is kept in the pod with the key.
type kitPolicy struct {
	groups     []kitGroup
	needed     int // groups
	passphrase bool
}

type kitGroup struct {
	name              string
	threshold, member int // how many of how many
}

var (
	groupForm = regexp.MustCompile(`^([\p{L}\p{N}_. -]{1,24})=(.+)$`)
	shareForm = regexp.MustCompile(`^([0-9]{1,2})-of-([0-9]{1,2})$`)
)

func (o *kitOptions) policy() (kitPolicy, error) {
	p := kitPolicy{needed: o.needed}
	if o.shares != "" && len(o.groups) > 0 {
		return p, locket.Errorf(locket.CodeInvalid, "give --shares, or --group for each group, not both")
	}
	for _, text := range o.groups {
		g, err := parseGroup(text)
		if err != nil {
			return p, err
		}
		p.groups = append(p.groups, g)
	}
	if len(o.groups) == 0 {
		g := kitGroup{threshold: 1, member: 1}
		if o.shares != "" {
			var err error
			if g, err = parseShares(o.shares); err != nil {
				return p, err
			}
		}
		p.groups = []kitGroup{g}
	}
	return p, p.check()
}

func (p *kitPolicy) check() error {
	if p.needed == 0 {
		p.needed = len(p.groups)
	}
	if len(p.groups) > 16 || p.needed < 1 || p.needed > len(p.groups) {
		return locket.Errorf(locket.CodeInvalid, "--groups is from 1 to the number of groups, which is at most 16")
	}
	seen := map[string]bool{}
	for _, g := range p.groups {
		if seen[g.name] {
			return locket.Errorf(locket.CodeInvalid, "two groups are called %q", g.name)
		}
		seen[g.name] = true
		switch {
		case g.threshold < 1 || g.threshold > g.member || g.member > 16:
			return locket.Errorf(locket.CodeInvalid, "%d-of-%d: a group has 1 to 16 shares, and not more are needed than there are", g.threshold, g.member)
		case g.threshold == 1 && g.member > 1:
			return locket.Errorf(locket.CodeInvalid, "1-of-%d would be copies of one sheet: use 1-of-1 and copy the paper", g.member)
		}
	}
	return nil
}

func parseGroup(text string) (kitGroup, error) {
	m := groupForm.FindStringSubmatch(text)
	if m == nil {
		return kitGroup{}, locket.Errorf(locket.CodeInvalid, "--group takes a name and how many of how many are needed: friends=3-of-5")
	}
	g, err := parseShares(m[2])
	g.name = m[1]
	return g, err
}

// parseShares reads "3-of-5", or "5": any majority of five.
func parseShares(text string) (kitGroup, error) {
	if n, err := strconv.Atoi(text); err == nil {
		return kitGroup{threshold: n/2 + 1, member: n}, nil
	}
	m := shareForm.FindStringSubmatch(text)
	if m == nil {
		return kitGroup{}, locket.Errorf(locket.CodeInvalid, "shares are given as 3-of-5, or as 5 for any majority of five")
	}
	k, _ := strconv.Atoi(m[1]) // the form has digits only
	n, _ := strconv.Atoi(m[2])
	return kitGroup{threshold: k, member: n}, nil
}

func (p kitPolicy) String() string {
	var parts []string
	for _, g := range p.groups {
		part := fmt.Sprintf("%d-of-%d", g.threshold, g.member)
		if g.name != "" {
			part = g.name + "=" + part
		}
		parts = append(parts, part)
	}
	text := strings.Join(parts, ", ")
	if len(p.groups) > 1 {
		text += fmt.Sprintf(", groups=%d", p.needed)
	}
	if p.passphrase {
		text += ", passphrase"
	}
	return text
}

// parsePolicy reads what String wrote.
func parsePolicy(text string) (p kitPolicy, err error) {
	for part := range strings.SplitSeq(text, ", ") {
		needed, isNeeded := strings.CutPrefix(part, "groups=")
		switch {
		case part == "passphrase":
			p.passphrase = true
			continue
		case isNeeded:
			p.needed, err = strconv.Atoi(needed)
		case strings.Contains(part, "="):
			var g kitGroup
			g, err = parseGroup(part)
			p.groups = append(p.groups, g)
		default:
			var g kitGroup
			g, err = parseShares(part)
			p.groups = append(p.groups, g)
		}
		if err != nil {
			return p, locket.Errorf(locket.CodeInvalid, "how the last kit was shared can't be read; say it with --shares or --group").Because(err)
		}
	}
	return p, p.check()
}

// slip39 is the policy for splitting. Work to try a passphrase counts only if there is one.
func (p kitPolicy) slip39() slip39.Policy {
	s := slip39.Policy{GroupThreshold: p.needed, IterationExponent: 1}
	if p.passphrase {
		s.IterationExponent = 6
	}
	for _, g := range p.groups {
		s.Groups = append(s.Groups, slip39.Group{Threshold: g.threshold, Count: g.member})
	}
	return s
}

// sheets makes a sheet of each share; like has what they have in common.
func (p kitPolicy) sheets(shares [][]string, like kit.Sheet) ([]kit.Sheet, error) {
	var sheets []kit.Sheet
	for i, members := range shares {
		for j, words := range members {
			s := like
			s.Group, s.Member, s.Count, s.Threshold = p.groups[i].name, j+1, p.groups[i].member, p.groups[i].threshold
			s.Groups, s.GroupThreshold = len(p.groups), p.needed
			s.Words = strings.Fields(words)
			var err error
			if s.Share, err = slip39.Bits(words); err != nil {
				return nil, err
			}
			sheets = append(sheets, s)
		}
	}
	return sheets, nil
}
