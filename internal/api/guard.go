package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// queueWait is how long a request waits for others to end.
const queueWait = 5 * time.Second

// A guard decides who may ask at all, before any credential is looked at.
type guard struct {
	hosts  map[string]bool
	named  bool // hosts has more than the loopback
	origin *http.CrossOriginProtection
	slots  chan struct{} // one token per running request
}

func newGuard(hosts []string, requests int) guard {
	g := guard{
		hosts: map[string]bool{"localhost": true}, named: len(hosts) > 0,
		origin: http.NewCrossOriginProtection(), slots: make(chan struct{}, requests),
	}
	for _, h := range hosts {
		g.hosts[strings.ToLower(h)] = true
	}
	return g
}

// admit returns what to call when the request is done.
func (g *guard) admit(r *http.Request) (release func(), err error) {
	if (g.named || !remotelyReachable(r)) && !g.knows(r.Host) {
		return nil, locket.Errorf(locket.CodeDenied, "the host name of this request is not one of this server's; name it with --host if it is")
	}
	if err := g.origin.Check(r); err != nil {
		return nil, locket.Errorf(locket.CodeDenied, "requests from other web sites are not accepted").Because(err)
	}
	timer := time.NewTimer(queueWait)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return func() { <-g.slots }, nil
	case <-r.Context().Done():
		return nil, locket.Errorf(locket.CodeCancelled, "cancelled")
	case <-timer.C:
		return nil, locket.Errorf(locket.CodeBusy, "too many requests at once; try again")
	}
}

// checkSite refuses what a page of another site may have had a browser send with the
// session cookie. Every browser says where a request comes from, in Sec-Fetch-Site
// (Fetch Metadata) or, if it changes something, at least in Origin, which
// http.CrossOriginProtection has compared with Host by now. Reading is safe as long as
// nobody says that it is for another site: those can't see the answer.
func checkSite(r *http.Request) error {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return nil
	case "":
		safe := r.Method == http.MethodGet || r.Method == http.MethodHead
		if safe || r.Header.Get("Origin") != "" {
			return nil
		}
		return locket.Errorf(locket.CodeDenied, "the session cookie is for browsers, which say where a request comes from; send a key as Authorization: Bearer instead")
	}
	return locket.Errorf(locket.CodeDenied, "requests from other web sites are not accepted")
}

// remotelyReachable reports whether the request came in at an address other than
// the loopback, where DNS rebinding gains nothing.
func remotelyReachable(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && !addr.IP.IsLoopback()
}

// knows reports whether host, with or without a port, is the loopback or one of
// the configured names or addresses.
func (g *guard) knows(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		return true
	}
	return g.hosts[strings.ToLower(host)]
}
