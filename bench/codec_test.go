package bench

import (
	"crypto/rand"
	"testing"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

// BenchmarkPage measures the page codec alone, 256 MiB at a time: open is verify
// and decrypt, seal is encrypt and authenticate.
func BenchmarkPage(b *testing.B) {
	const pages = 256 << 20 / sqlcipher.PageSize
	key := secret.Random(sqlcipher.KeySize)
	defer key.Wipe()
	c, err := sqlcipher.NewCodec(key, make([]byte, sqlcipher.SaltSize))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Wipe()
	plain, sealed, page := make([]byte, sqlcipher.PageSize), make([]byte, sqlcipher.PageSize), make([]byte, sqlcipher.PageSize)
	_, _ = rand.Read(plain) // never fails: crypto/rand aborts the program instead
	c.Seal(sealed, plain, 2)
	b.Run("open", func(b *testing.B) {
		b.SetBytes(pages * sqlcipher.PageSize)
		for b.Loop() {
			for range pages {
				copy(page, sealed)
				if err := c.Open(page, 2); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("seal", func(b *testing.B) {
		b.SetBytes(pages * sqlcipher.PageSize)
		for b.Loop() {
			for range pages {
				c.Seal(sealed, plain, 2)
			}
		}
	})
}
