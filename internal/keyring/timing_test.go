package keyring_test

import (
	"bytes"
	"crypto/sha256"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
)

// These tests time secrets that are wrong in their first byte against such that
// are wrong in their last, as dudect does (eprint.iacr.org/2016/1123): Welch's t
// of the two is near 0 if they take equally long and grows without bound with the
// number of samples if not. On a busy machine a first attempt may err; a leak is
// seen by all.
const (
	maxT     = 10
	attempts = 3
)

// A timed is one function under test.
type timed struct {
	name    string
	prepare func(class byte) // chooses the input; not timed
	run     func()
	samples int
	calls   int // in a sample
	leaks   bool
}

func TestTiming(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED with -short: secrets are compared in constant time")
	}
	for _, c := range []timed{naive(), checksumTiming(t), secretTiming(t), slotTiming(t), commitmentTiming(t), tagTiming(t), loginTiming(t)} {
		t.Run(c.name, func(t *testing.T) {
			for range attempts {
				got := math.Abs(c.welch())
				t.Logf("|t| = %.1f", got)
				if (got >= maxT) == c.leaks {
					return
				}
			}
			if c.leaks {
				t.Error("the leak is not seen: this test sees nothing")
			} else {
				t.Error("the time tells where the input is wrong")
			}
		})
	}
}

// welch measures both classes in random order and returns Welch's t of their
// faster halves. The slower ones tell of the machine.
func (c timed) welch() float64 {
	classes := make([]byte, c.samples)
	for i := range classes {
		classes[i] = byte(i % 2)
	}
	rand.Shuffle(len(classes), func(i, j int) { classes[i], classes[j] = classes[j], classes[i] })
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // collect between samples only
	var took [2][]float64
	for i, class := range classes {
		if i%5000 == 0 {
			runtime.GC()
		}
		c.prepare(class)
		start := time.Now()
		for range c.calls {
			c.run()
		}
		took[class] = append(took[class], float64(time.Since(start)))
	}
	m0, v0 := meanAndVariance(took[0])
	m1, v1 := meanAndVariance(took[1])
	return (m0 - m1) / math.Sqrt(v0+v1)
}

// meanAndVariance returns the mean of the faster half, and the mean's variance.
func meanAndVariance(samples []float64) (mean, variance float64) {
	slices.Sort(samples)
	samples = samples[:len(samples)/2]
	n := float64(len(samples))
	for _, ns := range samples {
		mean += ns / n
	}
	for _, ns := range samples {
		variance += (ns - mean) * (ns - mean) / (n - 1)
	}
	return mean, variance/n + 1e-9 // never 0, however coarse the clock
}

// variants returns b with its byte at first, or at last, altered.
func variants(b []byte, first, last int) [2][]byte {
	v := [2][]byte{bytes.Clone(b), bytes.Clone(b)}
	v[0][first] ^= 1
	v[1][last] ^= 1
	return v
}

// naive is the control: it stops at the first byte that differs.
func naive() timed {
	right := secret.Random(32).Bytes()
	in, wrong := make([]byte, 32), variants(right, 0, 31)
	return timed{
		name: "control", samples: 60000, calls: 50, leaks: true,
		prepare: func(class byte) { copy(in, wrong[class]) },
		run:     func() { _ = naiveEqual(in, right) },
	}
}

//go:noinline
func naiveEqual(a, b []byte) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// parsing times a function of a text; both texts have one length.
func parsing(name string, text [2][]byte, samples int, run func(text []byte)) timed {
	in := make([]byte, len(text[0]))
	return timed{
		name: name, samples: samples, calls: 1,
		prepare: func(class byte) { copy(in, text[class]) },
		run:     func() { run(in) },
	}
}

// tokenBytes returns what the text of an API key encodes, its checksum too.
func tokenBytes(t *testing.T, token *keyring.Token) []byte {
	t.Helper()
	raw, err := lower.DecodeString(string(token.Text().Bytes()[len("lk_"):]))
	if err != nil || len(raw) != 60 {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	return raw
}

func tokenText(raw []byte) []byte { return []byte("lk_" + lower.EncodeToString(raw)) }

// The checksum of an API key, of 4 bytes.
func checksumTiming(t *testing.T) timed {
	h, podKey := newPod(t, podA)
	wrong := variants(tokenBytes(t, addAPIKey(t, h, podKey)), 56, 59)
	return parsing("token checksum", [2][]byte{tokenText(wrong[0]), tokenText(wrong[1])}, 1000000, func(text []byte) { _, _ = keyring.ParseToken(text) })
}

// The secret of an API key. What is compared is derived from it by HKDF, so this
// would see a shortcut before that and no other.
func secretTiming(t *testing.T) timed {
	h, podKey := newPod(t, podA)
	raw := tokenBytes(t, addAPIKey(t, h, podKey))
	var tokens [2]*keyring.Token
	for class, w := range variants(raw[:56], 24, 55) {
		sum := sha256.Sum256(append([]byte("lk_"), w...))
		token, err := keyring.ParseToken(tokenText(append(w, sum[:4]...)))
		if err != nil {
			t.Fatal(err)
		}
		tokens[class] = token
	}
	var token *keyring.Token
	return timed{
		name: "API key secret", samples: 250000, calls: 1,
		prepare: func(class byte) { token = tokens[class] },
		run:     func() { _, _, _ = h.Open(t.Context(), nil, token) },
	}
}

// The slot id of an API key, in a header of some slots.
func slotTiming(t *testing.T) timed {
	h, podKey := newPod(t, podA)
	for range 8 {
		addAPIKey(t, h, podKey)
	}
	right := addAPIKey(t, h, podKey)
	var ids [2]keyring.SlotID
	for class, w := range variants(right.Slot[:], 0, len(right.Slot)-1) {
		ids[class] = keyring.SlotID(w)
	}
	return timed{
		name: "slot id", samples: 250000, calls: 1,
		prepare: func(class byte) { right.Slot = ids[class] },
		run:     func() { _, _, _ = h.Open(t.Context(), nil, right) },
	}
}

// The commitment in the box of a grant, of 32 bytes, which is compared as it is.
func commitmentTiming(t *testing.T) timed { return grantTiming(t, "grant commitment", 24+24, 24+24+31) }

// The tag at the end of the box, of 16 bytes.
func tagTiming(t *testing.T) timed { return grantTiming(t, "grant tag", -16, -1) }

// grantTiming times the reading and opening of grants that are wrong at first, or
// at last, in bytes of the body; negative ones count from its end.
func grantTiming(t *testing.T, name string, first, last int) timed {
	s := newSealer(t)
	body := grantBody(t, sealGrant(t, s, grantFor(podA), secret.Random(keyring.KeySize)).Text().Bytes())
	if first < 0 {
		first, last = len(body)+first, len(body)+last
	}
	wrong := variants(body, first, last)
	return parsing(name, [2][]byte{grantText(wrong[0]), grantText(wrong[1])}, 250000, func(text []byte) {
		token, err := keyring.ParseGrant(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Unseal(token); err == nil {
			t.Fatal("opened")
		}
	})
}

// A wrong password for a pod that exists, and for none. The few samples that
// argon2id allows show one run too many or too few, not a finer difference.
func loginTiming(t *testing.T) timed {
	kdf := keyring.NewKDF(1)
	pod, podKey := newPod(t, podA)
	if _, err := pod.AddPassword(t.Context(), kdf, podKey, keyring.Password{Secret: passphrase("right")}, keyring.DefaultParams()); err != nil {
		t.Fatal(err)
	}
	wrong := keyring.Password{Secret: passphrase("wrong")}
	headers, h := [2]*keyring.Header{pod, new(keyring.Header)}, (*keyring.Header)(nil)
	return timed{
		name: "login", samples: 40, calls: 1,
		prepare: func(class byte) { h = headers[class] },
		run:     func() { _, _, _ = h.Open(t.Context(), kdf, wrong) },
	}
}
