package blob

import "math/bits"

// padded returns the length to which content of size bytes is padded: the next
// length whose binary form has no more significant bits than the length of the
// exponent (Padmé; Nikitin et al., Reducing Metadata Leakage from Encrypted Files
// and Communication with PURBs, 2019). It is at most 12 % longer, and lengths up
// to n leak only O(log log n) bits.
func padded(size int64) int64 {
	if size < 2 {
		return size
	}
	exponent := bits.Len64(uint64(size)) - 1
	mantissa := bits.Len64(uint64(exponent))
	mask := int64(1)<<(exponent-mantissa) - 1
	return (size + mask) &^ mask
}
