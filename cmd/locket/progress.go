package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/locketpod/locket"
)

// A progress shows long work on standard error: a bar that is redrawn on a
// terminal, a line now and then in a pipe, JSON events with --json.
type progress struct {
	c    *cli
	now  func() time.Time
	mu   sync.Mutex // guards what follows: reports may come from any goroutine
	last time.Time  // when something was last shown
	has  bool       // a bar stands on the current line
}

const (
	barEvery   = 100 * time.Millisecond
	eventEvery = time.Second
	lineEvery  = 5 * time.Second
	barWidth   = 24
)

func (c *cli) newProgress() *progress { return &progress{c: c, now: time.Now, last: time.Now()} }

// report is a locket.Reporter. It drops what comes too soon after the one before.
func (p *progress) report(r locket.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	every := lineEvery
	if p.c.json {
		every = eventEvery
	} else if p.c.errTTY {
		every = barEvery
	}
	now := p.now()
	finished := r.Total > 0 && r.Done >= r.Total
	if now.Sub(p.last) < every && !finished {
		return
	}
	p.last = now
	switch {
	case p.c.json:
		_ = json.NewEncoder(p.c.err).Encode(map[string]locket.Progress{"progress": r}) // progress is not worth failing for
	case p.c.errTTY:
		fmt.Fprintf(p.c.err, "\r%s\x1b[K", clip(bar(r), p.c.width-1))
		p.has = true
	default:
		fmt.Fprintln(p.c.err, text(r))
	}
}

// end leaves the bar behind, so that what is printed next has a line of its own.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.has {
		fmt.Fprint(p.c.err, "\r\x1b[K")
		p.has = false
	}
}

func bar(r locket.Progress) string {
	if r.Total <= 0 {
		return text(r)
	}
	full := int(min(r.Done, r.Total) * barWidth / r.Total)
	return fmt.Sprintf("[%s%s] %3d%% %s", strings.Repeat("█", full), strings.Repeat("·", barWidth-full),
		min(r.Done, r.Total)*100/r.Total, text(r))
}

func text(r locket.Progress) string {
	s := clean(r.Stage, false) + ": " + amount(r.Done, r.Unit)
	if r.Total > 0 {
		s += " of " + amount(r.Total, r.Unit)
	}
	if r.Note != "" {
		s += ", " + clean(r.Note, false)
	}
	return s
}

func amount(n int64, unit string) string {
	if unit == "bytes" {
		return size(n)
	}
	return fmt.Sprintf("%d %s", n, unit)
}
