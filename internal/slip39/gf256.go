package slip39

// Arithmetic in GF(256) with the polynomial x⁸ + x⁴ + x³ + x + 1, in which SLIP-0039
// shares bytes. Values are secret: nothing here branches on one or looks one up.

// mul multiplies bit by bit.
func mul(a, b byte) byte {
	var product byte
	for range 8 {
		product ^= a & -(b & 1)
		a = a<<1 ^ 0x1b&-(a>>7)
		b >>= 1
	}
	return product
}

// invert returns 1/a, which is a²⁵⁴, and 0 for 0.
func invert(a byte) byte {
	inverse := byte(1)
	for range 7 { // 254 is the sum of 2¹ to 2⁷
		a = mul(a, a)
		inverse = mul(inverse, a)
	}
	return inverse
}

// A point is where a share lies on the polynomials, one of which runs through each
// byte of the values. The x is public.
type point struct {
	x byte
	y []byte
}

// interpolate sets y to the values at x of the polynomials of least degree through
// the points, whose x must differ and whose y must be as long as y.
func interpolate(y []byte, x byte, points []point) {
	clear(y)
	for i, p := range points {
		weight := byte(1) // the Lagrange polynomial of p, at x
		for j, q := range points {
			if i != j {
				weight = mul(weight, mul(x^q.x, invert(p.x^q.x)))
			}
		}
		for k, b := range p.y {
			y[k] ^= mul(weight, b)
		}
	}
}
