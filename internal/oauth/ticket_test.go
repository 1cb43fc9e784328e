package oauth

import (
	"slices"
	"testing"
	"time"

	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
)

// FuzzTicket: what is read as a code or refresh token has one meaning, and no text does
// harm.
func FuzzTicket(f *testing.F) {
	f.Add([]byte("lr_AAAA.lg_aaaa.lk_aaaa"))
	f.Add([]byte("lr_.."))
	f.Add([]byte("lr_" + string(make([]byte, 5000))))
	t := newTicket(newID(), terms{client: clientHash("x"), agent: "Claude Code", scopes: []string{"memory.read"}})
	t.grant = sealed(f)
	f.Add(t.text(refreshPrefix).Bytes())
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseTicket(refreshPrefix, slices.Clone(text))
		if err != nil {
			return
		}
		defer got.wipe()
		again, err := parseTicket(refreshPrefix, got.text(refreshPrefix).Bytes())
		if err != nil {
			t.Fatalf("%q is read, and not read again: %v", text, err)
		}
		if again.authorization != got.authorization || !again.secret.Equal(got.secret) || again.terms.agent != got.terms.agent ||
			!slices.Equal(again.terms.scopes, got.terms.scopes) || (again.key == nil) != (got.key == nil) {
			t.Errorf("%q is read as two", text)
		}
	})
}

// sealed is a grant of a process that has ended.
func sealed(t testing.TB) *keyring.GrantToken {
	t.Helper()
	s := keyring.NewProcessSealer(time.Now)
	defer func() { _ = s.Close() }()
	token, err := s.Seal(keyring.Grant{
		Pod: "0192f3a4-0000-7000-8000-000000000000", Principal: "0192f3a4-0000-7000-8000-000000000001", Audience: "x", Expires: time.Now(),
	}, secret.Random(keyring.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// FuzzDynamicClient: an id that is taken says one thing, in one way.
func FuzzDynamicClient(f *testing.F) {
	id, err := dynamicID(Client{Name: "Claude", Redirects: []string{"https://agent.example/callback"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(id)
	f.Add("lc_e30")
	f.Add("lc_bnVsbA")
	f.Fuzz(func(t *testing.T, id string) {
		c, err := parseDynamic(id)
		if err != nil {
			return
		}
		if again, err := dynamicID(c); err != nil || again != id || c.check() != nil {
			t.Errorf("%q is taken for %+v", id, c)
		}
		for _, r := range c.Redirects {
			u, err := c.redirect(r)
			if err != nil || u.String() == "" {
				t.Errorf("%q is registered, and no answer goes there: %v", r, err)
			}
		}
	})
}
