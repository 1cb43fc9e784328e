package main

import (
	"slices"

	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
)

// A setup says whether the owner can lose one thing and still come in.
type setup struct {
	Complete bool           `json:"complete"` // two keys of different kinds have opened the pod on this machine
	Tried    []keyring.Kind `json:"tried"`    // kinds of the owner's keys that have
	Untried  []string       `json:"untried"`  // ids of the owner's keys that have not
	Machine  []string       `json:"machine"`  // stores in which a machine keeps a key for itself
}

// setupOf looks at the keys that let in the owner.
func setupOf(keys []pods.KeyInfo) *setup {
	s := &setup{Tried: []keyring.Kind{}, Untried: []string{}, Machine: []string{}}
	i := slices.IndexFunc(keys, func(k pods.KeyInfo) bool { return k.Current })
	for _, k := range keys {
		if i >= 0 && k.Principal != keys[i].Principal {
			continue
		}
		if k.Store != "" {
			s.Machine = append(s.Machine, k.Store)
		}
		switch {
		case !k.Tried:
			s.Untried = append(s.Untried, k.ID)
		case !slices.Contains(s.Tried, k.Kind):
			s.Tried = append(s.Tried, k.Kind)
		}
	}
	s.Complete = len(s.Tried) >= 2
	return s
}

func (p *printer) setup(s *setup) {
	for _, store := range s.Machine {
		p.line("A machine keeps a key that opens this pod (%s): whoever controls it can, too.", clean(store, false))
	}
	switch {
	case s.Complete:
	case len(s.Untried) > 0:
		p.line("Setup is not complete: try a second kind of key, so that losing one does not lock you out.")
		p.line("'locket key list' shows which were not tried; 'locket recovery test' and 'locket key test' try one.")
	default:
		p.line("Setup is not complete: there is one way into this pod. 'locket recovery create -o kit.pdf' makes another.")
	}
}
