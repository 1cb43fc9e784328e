package sqlcipher

import (
	"bytes"
	"testing"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
)

// TestScrub frees blocks of every class, and large ones, with something in them,
// and finds them empty when it gets them again. Without Scrub it does not.
func TestScrub(t *testing.T) {
	tls := libc.NewTLS()
	defer tls.Close()
	left := func(scrub bool) (n int) {
		for size := 32; size <= 64<<10; size *= 2 {
			keep := libc.Xmalloc(tls, types.Size_t(size)) // so that the page is not given back whole
			p := libc.Xmalloc(tls, types.Size_t(size))
			copy(bytesAt(p, size), bytes.Repeat([]byte("marker. "), size/8))
			libc.Xfree(tls, p)
			if scrub {
				if err := Scrub(); err != nil {
					t.Fatal(err)
				}
			}
			var blocks []uintptr
			for range (64<<10)/size + 2 { // more than a page has
				b := libc.Xmalloc(tls, types.Size_t(size))
				if blocks = append(blocks, b); bytes.Contains(bytesAt(b, size), []byte("marker")) {
					n++
				}
			}
			for _, b := range append(blocks, keep) {
				clear(bytesAt(b, size))
				libc.Xfree(tls, b)
			}
		}
		return n
	}
	if n := left(false); n < 8 {
		t.Errorf("without Scrub %d blocks keep their content: this test sees nothing", n)
	}
	if n := left(true); n != 0 {
		t.Errorf("after Scrub %d blocks keep their content", n)
	}
}
