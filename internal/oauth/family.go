package oauth

import (
	"slices"
	"sync"
	"time"

	"github.com/locketpod/locket"
)

const (
	maxFamilies = 10_000
	maxAccess   = 4 // access tokens of one authorization at a time: those before are ended
)

// A family is an authorization and what ties its tokens together, which is no secret of
// theirs. It lives as long as the process, as its grants do.
type family struct {
	id     [16]byte
	client string // id
	pod    locket.PodID
	terms  terms
	ends   time.Time // from then on it is forgotten; so long codes that nobody exchanged are, too

	// What the code is bound to.
	redirect  string
	challenge string

	mu       sync.Mutex // held over an exchange, with the pod open; guards what follows
	code     [32]byte   // digest of the code's secret
	codeEnds time.Time  // from then on it is not taken
	key      []byte     // API key of the agent's, sealed with the code; nil: none, or it was handed out
	redeemed bool       // the code was exchanged
	refresh  [32]byte   // digest of the latest refresh token's secret
	access   []string   // ids of grants, the latest last
	renewal  string     // id of the grant of the refresh tokens
	slot     string     // of the agent's API key
	ended    bool       // nothing of it is taken any more
}

// families is all of them. Safe for concurrent use.
type families struct {
	now func() time.Time

	mu   sync.Mutex
	byID map[[16]byte]*family // guarded by mu
}

func newFamilies(now func() time.Time) *families {
	return &families{now: now, byID: make(map[[16]byte]*family)}
}

// add remembers a family. Those that have ended are forgotten meanwhile.
func (fs *families) add(f *family) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for id, old := range fs.byID {
		if !fs.now().Before(old.ends) {
			delete(fs.byID, id)
		}
	}
	if len(fs.byID) >= maxFamilies {
		return locket.Errorf(locket.CodeTooMany, "too many agents have been let in since the server was started; restart it, or try again in some days")
	}
	fs.byID[f.id] = f
	return nil
}

// drop forgets a family that has come to nothing.
func (fs *families) drop(f *family) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	delete(fs.byID, f.id)
}

// find returns a family that is known, or nil.
func (fs *families) find(id [16]byte) *family {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.byID[id]
	if f == nil || !fs.now().Before(f.ends) {
		return nil
	}
	return f
}

// abandoned returns the API keys that were made in a pod for codes that nobody has
// exchanged in time: nobody has these keys. They are told once.
func (fs *families) abandoned(pod locket.PodID) (slots []string) {
	fs.mu.Lock()
	all := make([]*family, 0, len(fs.byID))
	for _, f := range fs.byID {
		all = append(all, f)
	}
	fs.mu.Unlock()
	for _, f := range all {
		if f.pod != pod || !f.mu.TryLock() { // one that is in use is not abandoned
			continue
		}
		if !f.redeemed && f.slot != "" && !fs.now().Before(f.codeEnds) {
			slots = append(slots, f.slot)
			f.slot, f.key, f.ended = "", nil, true
		}
		f.mu.Unlock()
	}
	return slots
}

// tooMuch returns the grants of access tokens that make room for one more.
func (f *family) tooMuch() []string {
	if n := len(f.access) - maxAccess + 1; n > 0 {
		return slices.Clone(f.access[:n])
	}
	return nil
}
