package store

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/locketpod/locket"
)

// Bounds on vectors.
const (
	minDims = 8
	maxDims = 4096
)

// unit returns a vector of length 1 in the direction of x.
func unit(x []float32) ([]float32, error) {
	if len(x) < minDims || len(x) > maxDims {
		return nil, locket.Errorf(locket.CodeInvalid, "a vector has %d to %d dimensions, not %d", minDims, maxDims, len(x))
	}
	var sum float64
	for _, f := range x {
		sum += float64(f) * float64(f)
	}
	length := math.Sqrt(sum)
	if length == 0 || math.IsInf(length, 0) || math.IsNaN(length) {
		return nil, locket.Errorf(locket.CodeInvalid, "a vector needs a direction: its numbers must be finite, and not all zero")
	}
	out := make([]float32, len(x))
	for i, f := range x {
		out[i] = float32(float64(f) / length)
	}
	return out, nil
}

// quantise writes a vector as it is stored: what 1 stands for as a little-endian float32,
// and a signed byte for each dimension.
func quantise(x []float32) []byte {
	var most float32
	for _, f := range x {
		most = max(most, float32(math.Abs(float64(f))))
	}
	scale := most / 127
	out := make([]byte, 4, 4+len(x))
	binary.LittleEndian.PutUint32(out, math.Float32bits(scale))
	for _, f := range x {
		out = append(out, byte(int8(math.Round(float64(f/scale)))))
	}
	return out
}

// similarity is the cosine of two stored unit vectors; those of different dimensions have
// none.
func similarity(a, b []byte) float64 {
	if len(a) != len(b) || len(a) < 4 {
		return -1
	}
	scale := func(x []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(x))) }
	var sum int32 // at most 4096 * 127 * 127
	x, y := a[4:], b[4:]
	for i := range x {
		sum += int32(int8(x[i])) * int32(int8(y[i]))
	}
	return max(-1, min(1, float64(sum)*scale(a)*scale(b)))
}

// signs packs the signs of a stored vector, bit by bit, into whole bytes.
func signs(x []byte) []byte {
	out := make([]byte, (len(x)-4+7)/8)
	for i, b := range x[4:] {
		if int8(b) > 0 {
			out[i/8] |= 1 << (i % 8)
		}
	}
	return out
}

// hamming counts the bits in which a and b, of one length, differ.
func hamming(a, b []byte) (n int) {
	for len(a) >= 8 && len(b) >= 8 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b))
		a, b = a[8:], b[8:]
	}
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}
