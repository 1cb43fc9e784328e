package oauth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
)

const (
	codePrefix    = "lo_"
	refreshPrefix = "lr_"

	maxTicket = 4 << 10 // bytes
)

var errTicket = errors.New("oauth: not a code or refresh token")

// A ticket is a code or a refresh token. It holds what opens the pod, so that the server
// need not keep it: a grant, and in a refresh token that outlives the process an API key
// of the agent's. The secret ties it to the one exchange that it is for.
//
// Its text is the prefix, base64url of authorization (16 bytes) ‖ secret (16) ‖ terms, a
// point, the grant, and if there is a key another point and the key.
type ticket struct {
	authorization [16]byte
	secret        *secret.Key
	terms         terms
	grant         *keyring.GrantToken
	key           *keyring.Token // may be nil
}

// terms are what of an authorization must outlive the process. Only a ticket with a key
// is asked for them, whose holder could do without.
type terms struct {
	client [16]byte // hash of the client's id
	agent  string   // the name that the agent had at consent, which its policy was made for
	scopes []string
}

func newTicket(authorization [16]byte, of terms) *ticket {
	return &ticket{authorization: authorization, secret: secret.Random(16), terms: of}
}

func clientHash(id string) [16]byte {
	sum := sha256.Sum256([]byte("locket/oauth/client\n" + id))
	return [16]byte(sum[:16])
}

// text returns the ticket as its holder keeps it; the caller wipes it.
func (t *ticket) text(prefix string) *secret.Key {
	head := append(append(append([]byte(nil), t.authorization[:]...), t.secret.Bytes()...), t.terms.client[:]...)
	head = append(head, strings.Join(t.terms.scopes, " ")+"\n"+t.terms.agent...)
	defer clear(head)
	grant := t.grant.Text()
	defer grant.Wipe()
	// Its size is known before, so that no copy of it is left behind as it grows.
	out := make([]byte, 0, len(prefix)+base64.RawURLEncoding.EncodedLen(len(head))+grant.Len()+256)
	out = base64.RawURLEncoding.AppendEncode(append(out, prefix...), head)
	out = append(append(out, '.'), grant.Bytes()...)
	if t.key != nil {
		key := t.key.Text()
		defer key.Wipe()
		out = append(append(out, '.'), key.Bytes()...)
	}
	return secret.Take(out)
}

// parseTicket reads a ticket, which the caller wipes.
func parseTicket(prefix string, text []byte) (t *ticket, err error) {
	body, ok := bytes.CutPrefix(text, []byte(prefix))
	parts := bytes.Split(body, []byte("."))
	if !ok || len(text) > maxTicket || len(parts) < 2 || len(parts) > 3 {
		return nil, errTicket
	}
	head := make([]byte, base64.RawURLEncoding.DecodedLen(len(parts[0])))
	defer clear(head)
	n, err := base64.RawURLEncoding.Strict().Decode(head, parts[0])
	if err != nil || n < 48 {
		return nil, errTicket
	}
	scopes, agent, ok := strings.Cut(string(head[48:n]), "\n")
	if !ok {
		return nil, errTicket
	}
	t = &ticket{
		authorization: [16]byte(head[:16]), secret: secret.Take(bytes.Clone(head[16:32])),
		terms: terms{client: [16]byte(head[32:48]), agent: agent, scopes: strings.Fields(scopes)},
	}
	defer func() {
		if err != nil {
			t.wipe()
			t = nil
		}
	}()
	if t.grant, err = keyring.ParseGrant(parts[1]); err != nil || len(parts) == 2 {
		return t, err
	}
	if t.key, err = keyring.ParseToken(parts[2]); err == nil && t.key.Pod != t.grant.Pod {
		err = errTicket
	}
	return t, err
}

// wipe overwrites what the ticket holds.
func (t *ticket) wipe() {
	t.secret.Wipe()
	if t.grant != nil {
		t.grant.Wipe()
	}
	if t.key != nil {
		t.key.Wipe()
	}
}

// digest is what the server keeps of the secret.
func (t *ticket) digest() [32]byte { return sha256.Sum256(t.secret.Bytes()) }

func same(a, b [32]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

func newID() (id [16]byte) {
	_, _ = rand.Read(id[:]) // never fails: crypto/rand aborts the program instead
	return id
}
