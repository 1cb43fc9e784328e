package pods_test

import (
	"maps"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
)

// The model of a pod's keys: plain values, no cryptography. Secrets and pod keys are numbers,
// equal if the bytes are. A value is never changed in place, so that a copy of a place is
// an assignment.

// A modelCred is a credential that was made at some time.
type modelCred struct {
	kind   keyring.Kind
	secret int
	device int // of a password: the device secret at hand; 0: none
}

// A modelSlot is a slot of a header.
type modelSlot struct {
	id string
	modelCred
	epoch int64 // of a recovery secret
}

func (s modelSlot) opensFor(c modelCred) bool {
	return s.kind == c.kind && s.secret == c.secret && (s.device == 0 || s.device == c.device)
}

type modelHeader struct {
	key, epoch, gen int
	slots           []modelSlot
}

func (h modelHeader) find(id string) int {
	return slices.IndexFunc(h.slots, func(s modelSlot) bool { return s.id == id })
}

// modelName is what the database has of a slot.
type modelName struct {
	name  string
	agent bool // it lets in an agent; else the owner
}

type modelData struct {
	key, gen int
	names    map[string]modelName
	notes    []string
	journal  []int // what was ever done, by the number of the step
}

// A modelPlace is a pod's folder: a header, and a database for each of some epochs.
type modelPlace struct {
	header modelHeader
	data   map[int]modelData
}

func (p *modelPlace) put(d modelData) {
	data := map[int]modelData{p.header.epoch: d}
	for epoch, other := range p.data {
		if epoch != p.header.epoch {
			data[epoch] = other
		}
	}
	p.data = data
}

// overlay puts databases in the place of those of the same epochs.
func (p *modelPlace) overlay(data map[int]modelData) {
	p.data = maps.Clone(p.data)
	maps.Copy(p.data, data)
}

// A modelWitness is what one process and its folder of state remember of a pod.
type modelWitness struct {
	process []int // a journal
	running bool  // process counts: it has seen the pod

	epoch, key int   // of the file; 0: there is none
	file       []int // a journal
}

// restarted is what is left of a witness when its process has ended.
func (w modelWitness) restarted() modelWitness {
	w.process, w.running = nil, false
	return w
}

// accepts tells whether a pod may be what w remembers, or have grown from it. Of a pod
// whose key is later than the remembered one a new process knows nothing.
func (w modelWitness) accepts(h modelHeader, journal []int) bool {
	switch {
	case w.running:
		return grownFrom(journal, w.process)
	case w.epoch != h.epoch:
		return w.epoch < h.epoch
	}
	return w.key == h.key && grownFrom(journal, w.file)
}

func grownFrom(journal, before []int) bool {
	return len(journal) >= len(before) && slices.Equal(journal[:len(before)], before)
}

func (w *modelWitness) remember(h modelHeader, journal []int) {
	w.process, w.running = journal, true
	if w.epoch <= h.epoch {
		w.epoch, w.key, w.file = h.epoch, h.key, journal
	}
}

// A modelVisit is what comes of trying a credential.
type modelVisit struct {
	code  locket.Code // "": it opens
	slot  string
	agent bool
}

// rehearse says whether c opens the header, and the database that this header names.
func (p *modelPlace) rehearse(c modelCred) modelVisit {
	i := slices.IndexFunc(p.header.slots, func(s modelSlot) bool { return s.opensFor(c) })
	if i < 0 {
		return modelVisit{code: locket.CodeUnauthenticated}
	}
	if d, ok := p.data[p.header.epoch]; !ok || d.key != p.header.key {
		return modelVisit{code: locket.CodeTampered}
	}
	return modelVisit{slot: p.header.slots[i].id}
}

// visit opens the pod. A header one generation ahead of the database is one that a crash
// kept from being noted, and is followed.
func (p *modelPlace) visit(c modelCred, w *modelWitness) modelVisit {
	v := p.rehearse(c)
	if v.code != "" {
		return v
	}
	h, d := p.header, p.data[p.header.epoch]
	p.data = maps.Clone(p.data)
	maps.DeleteFunc(p.data, func(epoch int, _ modelData) bool { return epoch < h.epoch })
	if !w.accepts(h, d.journal) {
		return modelVisit{code: locket.CodeRolledBack}
	}
	w.remember(h, d.journal)
	if h.gen == d.gen+1 {
		d.gen++
		p.put(d)
	}
	name, named := d.names[v.slot]
	switch {
	case h.gen != d.gen:
		return modelVisit{code: locket.CodeTampered}
	case c.kind == keyring.KindAPIKey && !named: // nobody knows whom it lets in
		return modelVisit{code: locket.CodeUnauthenticated}
	}
	v.agent = name.agent
	return v
}

// A modelEdit is a header with its database while both are being changed.
type modelEdit struct {
	modelHeader
	modelData
}

func (p *modelPlace) edit() modelEdit {
	e := modelEdit{p.header, p.data[p.header.epoch]}
	e.slots, e.names = slices.Clone(e.slots), maps.Clone(e.names)
	return e
}

// save makes e the contents of the place. All that was done is in the journal. A rotation
// leaves its own database only.
func (p *modelPlace) save(e modelEdit, step int) {
	if p.header.epoch != e.epoch {
		p.data = nil
	}
	p.header = e.modelHeader
	e.journal = append(slices.Clip(e.journal), step)
	p.put(e.modelData)
}

// next counts a change of the header.
func (e *modelEdit) next() {
	e.modelHeader.gen++
	e.modelData.gen = e.modelHeader.gen
}

const modelPasswords = 4

func (e *modelEdit) add(s modelSlot, n modelName) locket.Code {
	passwords := 0
	for _, s := range e.slots {
		if s.kind == keyring.KindPassword {
			passwords++
		}
	}
	if s.kind == keyring.KindPassword && passwords >= modelPasswords {
		return locket.CodeTooLarge
	}
	e.slots = append(e.slots, s)
	e.names[s.id] = n
	return ""
}

// end removes slots. One that lets in the owner must be left.
func (e *modelEdit) end(ids []string) locket.Code {
	for _, id := range ids {
		i := e.find(id)
		if i < 0 {
			return locket.CodeNotFound
		}
		e.slots = slices.Delete(e.slots, i, i+1)
		delete(e.names, id)
		if !slices.ContainsFunc(e.slots, e.letsInOwner) {
			return locket.CodeConflict
		}
	}
	return ""
}

func (e *modelEdit) letsInOwner(s modelSlot) bool {
	n, named := e.names[s.id]
	return s.kind != keyring.KindAPIKey || named && !n.agent
}

// acceptOlder makes w forget what it knows of the pod, if that makes the pod open.
func (p *modelPlace) acceptOlder(c modelCred, w *modelWitness) modelVisit {
	var forgetful modelWitness
	v := p.visit(c, &forgetful)
	if v.code == "" {
		*w = forgetful
	}
	return v
}

// rotate gives the pod another key.
func (e *modelEdit) rotate(key int) {
	e.next()
	e.epoch++
	e.modelHeader.key, e.modelData.key = key, key
}
