package slip39

import "strings"

// padding returns how many zero bits stand before the value in a mnemonic of n
// words, or -1 if none has so many.
func padding(n int) int {
	bits := (n - aroundWords) * wordBits
	size, pad := bits/16*2, bits%16
	if size < minSecret || size > maxSecret || pad > 8 {
		return -1
	}
	return pad
}

// valueWords returns how many words hold a value.
func valueWords(size int) int { return (size*8 + wordBits - 1) / wordBits }

// pack appends the value, with zero bits before it up to whole words.
func pack(words []uint16, value []byte) []uint16 {
	var rest uint32
	bits := valueWords(len(value))*wordBits - len(value)*8
	for _, b := range value {
		rest = rest<<8 | uint32(b)
		if bits += 8; bits >= wordBits {
			bits -= wordBits
			words = append(words, uint16(rest>>bits&(1<<wordBits-1)))
		}
	}
	return words
}

// unpack is the inverse of pack. It reports whether the bits before the value are
// zero. The caller clears the value.
func unpack(words []uint16) (value []byte, ok bool) {
	pad := padding(len(words) + aroundWords)
	ok = words[0]>>(wordBits-pad) == 0
	value = make([]byte, 0, maxSecret)
	var rest uint32
	bits := -pad
	for _, w := range words {
		rest = rest<<wordBits | uint32(w)
		for bits += wordBits; bits >= 8; bits -= 8 {
			value = append(value, byte(rest>>(bits-8)))
		}
	}
	return value, ok
}

// Bits returns the words of a mnemonic as bits: 10 for each, big-endian, the last byte
// filled up with zeros. The caller clears them. Nothing but the words is checked.
func Bits(mnemonic string) ([]byte, error) {
	words, err := parseWords(mnemonic)
	if err != nil {
		return nil, err
	}
	defer clear(words)
	out := make([]byte, 0, (len(words)*wordBits+7)/8)
	var rest uint32
	bits := 0
	for _, w := range words {
		rest = rest<<wordBits | uint32(w)
		for bits += wordBits; bits >= 8; bits -= 8 {
			out = append(out, byte(rest>>(bits-8)))
		}
	}
	if bits > 0 {
		out = append(out, byte(rest<<(8-bits)))
	}
	return out, nil
}

// Mnemonic is the inverse of Bits.
func Mnemonic(b []byte) string {
	var text []string
	var rest uint32
	bits := 0
	for _, c := range b {
		rest = rest<<8 | uint32(c)
		if bits += 8; bits >= wordBits {
			bits -= wordBits
			text = append(text, wordList()[rest>>bits&(1<<wordBits-1)])
		}
	}
	return strings.Join(text, " ")
}
