package slip39_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/locketpod/locket/internal/slip39"
)

// A vector is an array in vectors/slip39/vectors.json: what it is, mnemonics, the
// secret in hexadecimal or nothing, a wallet's key made of it. The passphrase of
// all is TREZOR.
type vector struct {
	what      string
	mnemonics []string
	secret    string
}

func (v *vector) UnmarshalJSON(data []byte) error {
	var wallet string
	return json.Unmarshal(data, &[]any{&v.what, &v.mnemonics, &v.secret, &wallet})
}

func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("../../vectors/slip39/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(data, &vs); err != nil {
		t.Fatal(err)
	}
	if len(vs) != 45 {
		t.Fatalf("%d vectors, want 45", len(vs))
	}
	return vs
}

func parseAll(mnemonics []string) ([]slip39.Share, error) {
	var shares []slip39.Share
	for _, m := range mnemonics {
		s, err := slip39.Parse(m)
		if err != nil {
			return nil, err
		}
		shares = append(shares, s)
	}
	return shares, nil
}

func TestVectors(t *testing.T) {
	refused := map[int]error{ // by number, from 1
		2: slip39.ErrChecksum, 3: slip39.ErrShare, 5: slip39.ErrTooFew, 6: slip39.ErrMixed, 7: slip39.ErrMixed,
		8: slip39.ErrMixed, 9: slip39.ErrMixed, 10: slip39.ErrShare, 11: slip39.ErrMixed, 12: slip39.ErrMixed,
		13: slip39.ErrDigest, 14: slip39.ErrTooFew, 15: slip39.ErrTooFew, 16: slip39.ErrTooFew,
		21: slip39.ErrChecksum, 22: slip39.ErrShare, 24: slip39.ErrTooFew, 25: slip39.ErrMixed, 26: slip39.ErrMixed,
		27: slip39.ErrMixed, 28: slip39.ErrMixed, 29: slip39.ErrShare, 30: slip39.ErrMixed, 31: slip39.ErrMixed,
		32: slip39.ErrDigest, 33: slip39.ErrTooFew, 34: slip39.ErrTooFew, 35: slip39.ErrTooFew,
		39: slip39.ErrLength, 40: slip39.ErrLength,
	}
	for i, v := range vectors(t) {
		shares, err := parseAll(v.mnemonics)
		if err == nil {
			p, missing := slip39.Missing(shares)
			key, combineErr := slip39.Combine(shares, []byte("TREZOR"))
			if got := hex.EncodeToString(key.Bytes()); got != v.secret {
				t.Errorf("%s: got %q, want %q", v.what, got, v.secret)
			}
			if done := p.Done() && missing == nil; done != (v.secret != "" || errors.Is(combineErr, slip39.ErrDigest)) {
				t.Errorf("%s: Missing says done %t (%v)", v.what, done, missing)
			}
			err = combineErr
		}
		if want := refused[i+1]; !errors.Is(err, want) || (want == nil) != (v.secret != "") {
			t.Errorf("%s: got error %v, want %v", v.what, err, want)
		}
	}
}
