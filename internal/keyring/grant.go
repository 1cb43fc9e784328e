package keyring

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

var (
	// ErrExpired is behind the error of Unseal for a grant whose time is over.
	ErrExpired = errors.New("keyring: grant expired")
	// ErrRestarted is behind the error of Unseal for a grant of a process that ended.
	ErrRestarted = errors.New("keyring: grant of another process")
	// ErrRotated is behind the error of OpenGrant for a grant of an earlier pod key.
	ErrRotated = errors.New("keyring: grant of another pod key")
)

// A GrantID names a grant within its pod, where a row of that id says what the
// grant permits. It is random.
type GrantID [16]byte

// NewGrantID returns a fresh id.
func NewGrantID() GrantID {
	var id GrantID
	_, _ = rand.Read(id[:]) // never fails: crypto/rand aborts the program instead
	return id
}

// String returns 32 hexadecimal digits.
func (id GrantID) String() string { return hex.EncodeToString(id[:]) }

// A Grant lets one principal open one pod for a while. It permits nothing by
// itself: whoever redeems it looks for its row in the pod.
type Grant struct {
	ID        GrantID
	Pod       locket.PodID
	Principal locket.PrincipalID
	Audience  string    // the face that takes it: 1 to 64 of a-z 0-9 : . _ -
	Expires   time.Time // from then on it is refused; kept in microseconds
}

const maxAudience = 64 // bytes

func checkAudience(a string) error {
	if a == "" || len(a) > maxAudience {
		return fmt.Errorf("keyring: an audience has 1 to %d bytes, not %d", maxAudience, len(a))
	}
	for _, c := range []byte(a) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != ':' && c != '.' && c != '_' && c != '-' {
			return fmt.Errorf("keyring: an audience has no %q", c)
		}
	}
	return nil
}

// A Sealer makes grants and opens those it made. The pod key that Unseal returns
// is the caller's to wipe. Unseal's errors have CodeExpired and wrap ErrExpired or
// ErrRestarted, or have CodeUnauthenticated and wrap ErrWrongSecret.
type Sealer interface {
	Seal(g Grant, podKey *secret.Key) (*GrantToken, error)
	Unseal(t *GrantToken) (Grant, *secret.Key, error)
}

// A Presented is a grant as a face hands it over. It is a [Credential] so that it
// goes the way of all credentials, but no slot is for it: [Header.Open] refuses
// it, [Header.OpenGrant] is its way in.
type Presented struct {
	Token    *GrantToken
	Audience string // what the face is
}

var _ Credential = Presented{}

func (Presented) slotKey(context.Context, *KDF, [16]byte, slot) (*secret.Key, error) {
	return nil, ErrWrongSecret
}

// Redeem opens a grant that was made for the audience it is presented to. Another
// audience is answered like a forged grant. The caller wipes the pod key.
func Redeem(s Sealer, p Presented) (Grant, *secret.Key, error) {
	g, podKey, err := s.Unseal(p.Token)
	if err != nil {
		return Grant{}, nil, err
	}
	if g.Audience != p.Audience {
		podKey.Wipe()
		return Grant{}, nil, wrongSecret()
	}
	return g, podKey, nil
}

// OpenGrant redeems a grant for the pod of this header, and authenticates the
// header with the key that comes out. A key that does not fit is taken for an
// older one of the pod: if it was the header that changed, the next login shows it.
func (h *Header) OpenGrant(s Sealer, p Presented) (Grant, *secret.Key, error) {
	if p.Token.Pod != h.Pod() {
		return Grant{}, nil, wrongSecret()
	}
	g, podKey, err := Redeem(s, p)
	if err != nil {
		return Grant{}, nil, err
	}
	if err := h.verify(podKey); err != nil {
		podKey.Wipe()
		if errors.Is(err, ErrTampered) {
			err = locket.Errorf(locket.CodeExpired, "this session ended when the pod's key was changed; log in again").Because(ErrRotated)
		}
		return Grant{}, nil, err
	}
	return g, podKey, nil
}
