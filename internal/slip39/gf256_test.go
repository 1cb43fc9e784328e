package slip39

import (
	"bytes"
	"testing"
)

func TestField(t *testing.T) {
	// FIPS 197, sections 4.2 and 4.2.1
	for _, v := range []struct{ a, b, product byte }{{0x57, 0x83, 0xc1}, {0x57, 0x13, 0xfe}, {0x57, 0x10, 0x07}} {
		if got := mul(v.a, v.b); got != v.product {
			t.Errorf("%#x·%#x is %#x, want %#x", v.a, v.b, got, v.product)
		}
	}
	for a := range 256 {
		want := byte(1)
		if a == 0 {
			want = 0
		}
		if got := mul(byte(a), invert(byte(a))); got != want {
			t.Errorf("%#x times its inverse is %#x", a, got)
		}
		for b := range 256 {
			c := byte(a ^ 3*b)
			if mul(byte(a), byte(b)) != mul(byte(b), byte(a)) || mul(byte(a), byte(b)^c) != mul(byte(a), byte(b))^mul(byte(a), c) {
				t.Fatalf("%#x·%#x does not commute or distribute", a, b)
			}
		}
	}
}

// Every choice of as many shares as the threshold gives the secret. One share fewer
// gives other bytes, and the digest tells.
func TestSplitValue(t *testing.T) {
	secret := []byte("sixteen bytes of")
	for count := 1; count <= 8; count++ {
		for threshold := 1; threshold <= count; threshold++ {
			values := split(secret, threshold, count)
			for chosen := range 1 << count {
				var points []point
				for i, v := range values {
					if chosen>>i&1 == 1 {
						points = append(points, point{byte(i), v})
					}
				}
				if len(points) == 0 {
					continue
				}
				got := make([]byte, len(secret))
				ok := reconstruct(got, threshold, points)
				if want := len(points) >= threshold; ok != want || bytes.Equal(got, secret) != want {
					t.Fatalf("%d of %d, shares %b: %t, %q", threshold, count, chosen, ok, got)
				}
			}
		}
	}
}

func TestReconstructNoticesAlteredShares(t *testing.T) {
	secret := []byte("sixteen bytes of")
	for threshold := 1; threshold <= 4; threshold++ {
		values := split(secret, threshold, 4)
		for i := range values {
			values[i][5] ^= 0x20
			var points []point
			for j, v := range values {
				points = append(points, point{byte(j), v})
			}
			if reconstruct(make([]byte, len(secret)), threshold, points) {
				t.Errorf("threshold %d: share %d is altered and nobody notices", threshold, i)
			}
			values[i][5] ^= 0x20
		}
	}
}
