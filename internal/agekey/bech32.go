package agekey

import (
	"bytes"
	"errors"
	"slices"
)

// Bech32 of BIP 173, without its limit of 90 characters, as age uses it. Lower case is
// the form that is computed; upper case is the same text.

var digits = []byte("qpzry9x8gf2tvdw0s3jn54khce6mua7l")

const checkDigits = 6

var (
	errForm  = errors.New("not in bech32 with the right prefix")
	errCheck = errors.New("its checksum does not fit: it is mistyped")
)

func encode(prefix string, data []byte) string { return string(encodeBytes([]byte(prefix), data)) }

func encodeUpper(prefix string, data []byte) []byte {
	text := encodeBytes(bytes.ToLower([]byte(prefix)), data)
	upper := bytes.ToUpper(text)
	clear(text)
	return upper
}

func encodeBytes(prefix, data []byte) []byte {
	values := regroup(data, 8, 5, true)
	defer clear(values)
	text := slices.Grow(slices.Clone(prefix), 1+len(values)+checkDigits)
	text = append(text, '1')
	sum := polymod(prefix, append(slices.Clone(values), make([]byte, checkDigits)...)) ^ 1
	for _, v := range values {
		text = append(text, digits[v])
	}
	for i := range checkDigits {
		text = append(text, digits[sum>>(5*(checkDigits-1-i))&31])
	}
	return text
}

func decode(prefix, text string) ([]byte, error) { return decodeBytes([]byte(prefix), []byte(text)) }

func decodeUpper(prefix string, text []byte) ([]byte, error) {
	lower := bytes.ToLower(text)
	defer clear(lower)
	if !bytes.Equal(bytes.ToUpper(lower), text) {
		return nil, errForm
	}
	return decodeBytes(bytes.ToLower([]byte(prefix)), lower)
}

// decodeBytes reads exactly what encodeBytes writes.
func decodeBytes(prefix, text []byte) ([]byte, error) {
	body, ok := bytes.CutPrefix(text, append(slices.Clone(prefix), '1'))
	if !ok || len(body) < checkDigits || len(body) > 4096 {
		return nil, errForm
	}
	values := make([]byte, len(body))
	defer clear(values)
	for i, c := range body {
		v := bytes.IndexByte(digits, c)
		if v < 0 {
			return nil, errForm
		}
		values[i] = byte(v)
	}
	if polymod(prefix, values) != 1 {
		return nil, errCheck
	}
	values5 := values[:len(values)-checkDigits]
	data := regroup(values5, 5, 8, false)
	if again := regroup(data, 8, 5, true); !bytes.Equal(again, values5) { // bits to spare that are not 0
		clear(data)
		return nil, errForm
	}
	return data, nil
}

// polymod is the checksum of BIP 173 over the expanded prefix and values.
func polymod(prefix, values []byte) uint32 {
	sum := uint32(1)
	step := func(v byte) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ uint32(v)
		for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	for _, c := range prefix {
		step(c >> 5)
	}
	step(0)
	for _, c := range prefix {
		step(c & 31)
	}
	for _, v := range values {
		step(v)
	}
	return sum
}

// regroup turns groups of from bits into groups of to bits. pad fills up the last
// one with zeros; without it the rest is dropped.
func regroup(in []byte, from, to uint, pad bool) []byte {
	out := make([]byte, 0, (uint(len(in))*from+to-1)/to)
	var acc, bits uint
	for _, v := range in {
		acc = acc<<from | uint(v)
		for bits += from; bits >= to; {
			bits -= to
			out = append(out, byte(acc>>bits&(1<<to-1)))
		}
		acc &= 1<<bits - 1
	}
	if pad && bits > 0 {
		out = append(out, byte(acc<<(to-bits)&(1<<to-1)))
	}
	return out
}
