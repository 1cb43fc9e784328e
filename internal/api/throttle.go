package api

import (
	"net/netip"
	"sync"
	"time"

	"github.com/locketpod/locket"
)

const (
	failBurst   = 20          // failures an address may have at once
	failRefill  = time.Second // time that gives one back
	maxFailures = 4096        // addresses that are watched
)

// A throttle is a token bucket per remote address that only failures drain.
type throttle struct {
	now func() time.Time

	mu   sync.Mutex
	full map[netip.Prefix]time.Time // when an address's bucket will be full again; guarded by mu
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, full: make(map[netip.Prefix]time.Time)}
}

// allow reports whether the address may fail once more.
func (t *throttle) allow(remote string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.full[network(remote)].Sub(t.now()) <= (failBurst-1)*failRefill
}

// failed takes one from the bucket of the address.
func (t *throttle) failed(remote string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, n := t.now(), network(remote)
	if _, known := t.full[n]; !known && len(t.full) >= maxFailures {
		t.forget(now)
	}
	t.full[n] = later(t.full[n], now).Add(failRefill)
}

// forget drops the addresses whose buckets are full again, or if there are none
// an arbitrary one.
func (t *throttle) forget(now time.Time) {
	for n, full := range t.full {
		if !full.After(now) {
			delete(t.full, n)
		}
	}
	for n := range t.full {
		if len(t.full) < maxFailures {
			return
		}
		delete(t.full, n)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// network is what one client is taken to hold: an IPv4 address, or 64 bits of IPv6.
func network(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // fails only for bits out of range
	return p
}

// throttled is the answer to an address whose bucket is empty, before anything that it
// sends is looked at.
func throttled() error {
	return locket.Errorf(locket.CodeTooMany, "too many requests with a wrong credential; wait a few seconds")
}
