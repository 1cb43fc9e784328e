package sqlcipher_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

func newCodec(t testing.TB, key *secret.Key, salt []byte) *sqlcipher.Codec {
	t.Helper()
	c, err := sqlcipher.NewCodec(key, salt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func randomPage(no uint32) []byte {
	b := make([]byte, sqlcipher.PageSize)
	_, _ = rand.Read(b[:sqlcipher.PageSize-80]) // never fails
	if no == 1 {
		copy(b, "SQLite format 3\x00")
	}
	return b
}

func TestCodecRoundTrip(t *testing.T) {
	c := newCodec(t, testKey(), make([]byte, sqlcipher.SaltSize))
	for _, no := range []uint32{1, 2, 3, 262145, 1<<32 - 1} {
		plain, sealed := randomPage(no), make([]byte, sqlcipher.PageSize)
		c.Seal(sealed, plain, no)
		again := make([]byte, sqlcipher.PageSize)
		c.Seal(again, plain, no)
		if bytes.Equal(sealed[16:], again[16:]) {
			t.Errorf("page %d: two seals are equal", no)
		}
		if err := c.Open(sealed, no); err != nil {
			t.Fatalf("page %d: %v", no, err)
		}
		if !bytes.Equal(sealed[:sqlcipher.PageSize-80], plain[:sqlcipher.PageSize-80]) {
			t.Errorf("page %d: not what was sealed", no)
		}
	}
}

// TestCodecIVs draws more IVs than one batch has.
func TestCodecIVs(t *testing.T) {
	c := newCodec(t, testKey(), make([]byte, sqlcipher.SaltSize))
	seen := make(map[string]bool)
	page, sealed := randomPage(2), make([]byte, sqlcipher.PageSize)
	for range 200 {
		c.Seal(sealed, page, 2)
		seen[string(sealed[4016:4032])] = true
	}
	if len(seen) != 200 {
		t.Errorf("200 pages have %d different IVs", len(seen))
	}
}

func TestCodecRefuses(t *testing.T) {
	c := newCodec(t, testKey(), make([]byte, sqlcipher.SaltSize))
	for _, no := range []uint32{1, 7} {
		sealed := make([]byte, sqlcipher.PageSize)
		c.Seal(sealed, randomPage(no), no)
		for i := range sealed {
			b := bytes.Clone(sealed)
			b[i] ^= 1
			want := bytes.Clone(b)
			if err := c.Open(b, no); err == nil {
				t.Fatalf("page %d: byte %d flipped and accepted", no, i)
			}
			if !bytes.Equal(b, want) {
				t.Fatalf("page %d: a refused page was changed", no)
			}
		}
		if c.Open(bytes.Clone(sealed), no+1) == nil {
			t.Errorf("page %d opens as page %d", no, no+1)
		}
		if c.Open(make([]byte, sqlcipher.PageSize), no) == nil {
			t.Errorf("a zero page opens as page %d", no)
		}
		other := newCodec(t, secret.Random(sqlcipher.KeySize), make([]byte, sqlcipher.SaltSize))
		if other.Open(bytes.Clone(sealed), no) == nil {
			t.Error("another key opens it")
		}
	}
}

func TestCodecDoesNotAllocate(t *testing.T) {
	c := newCodec(t, testKey(), make([]byte, sqlcipher.SaltSize))
	page, sealed := randomPage(2), make([]byte, sqlcipher.PageSize)
	if n := testing.AllocsPerRun(100, func() {
		c.Seal(sealed, page, 2)
		if err := c.Open(sealed, 2); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a page", n)
	}
}

func TestNewCodecSizes(t *testing.T) {
	if _, err := sqlcipher.NewCodec(secret.Random(31), make([]byte, 16)); err == nil {
		t.Error("a short key was taken")
	}
	if _, err := sqlcipher.NewCodec(testKey(), make([]byte, 15)); err == nil {
		t.Error("a short salt was taken")
	}
}

func BenchmarkSeal(b *testing.B) {
	c := newCodec(b, testKey(), make([]byte, sqlcipher.SaltSize))
	page, sealed := randomPage(2), make([]byte, sqlcipher.PageSize)
	b.SetBytes(sqlcipher.PageSize)
	b.ReportAllocs()
	for b.Loop() {
		c.Seal(sealed, page, 2)
	}
}

func BenchmarkOpen(b *testing.B) {
	c := newCodec(b, testKey(), make([]byte, sqlcipher.SaltSize))
	sealed, page := make([]byte, sqlcipher.PageSize), make([]byte, sqlcipher.PageSize)
	c.Seal(sealed, randomPage(2), 2)
	b.SetBytes(sqlcipher.PageSize)
	b.ReportAllocs()
	for b.Loop() {
		copy(page, sealed)
		if err := c.Open(page, 2); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewCodec(b *testing.B) {
	key, salt := testKey(), make([]byte, sqlcipher.SaltSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sqlcipher.NewCodec(key, salt); err != nil {
			b.Fatal(err)
		}
	}
}
