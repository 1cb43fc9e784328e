package api

import "net/http"

// A Page is an answer that is no operation: whoever asks needs no credential in a header,
// and gets no JSON failures of this interface from it. Of who asks it is asked what all are:
// host, origin, number at once.
type Page struct {
	Path     string // exactly this one, with any method
	Name     string // what the log calls it
	Anywhere bool   // pages of other web sites may use it: it goes by nothing that a browser adds by itself
	// Serve writes the answer. It calls failed for each wrong credential: an address
	// that shows too many is refused for a while.
	Serve func(w http.ResponseWriter, r *http.Request, failed func())
}

// page answers requests for p.
func (a *api) page(p Page) func(*exchange) error {
	return func(x *exchange) error {
		if x.r.Method == http.MethodPost && !a.throttle.allow(x.r.RemoteAddr) {
			return throttled()
		}
		p.Serve(x, x.r, func() { a.throttle.failed(x.r.RemoteAddr) })
		return nil
	}
}
