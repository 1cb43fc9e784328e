package slip39

// The customization strings of the checksum. The first is also in the salt of sets
// that cannot be extended.
const (
	custom           = "shamir"
	customExtendable = "shamir_extendable"

	checksumWords = 3
)

// rs1024 is the remainder of a Reed-Solomon code over GF(1024), 1 if the last three
// words are the checksum of those before. It finds any three wrong words.
func rs1024(extendable bool, words []uint16) uint32 {
	text := custom
	if extendable {
		text = customExtendable
	}
	sum := uint32(1)
	for i := range len(text) {
		sum = rs1024Step(sum, uint16(text[i]))
	}
	for _, w := range words {
		sum = rs1024Step(sum, w)
	}
	return sum
}

func rs1024Step(sum uint32, word uint16) uint32 {
	generator := [wordBits]uint32{
		0x00e0e040, 0x01c1c080, 0x03838100, 0x07070200, 0x0e0e0009,
		0x1c0c2412, 0x38086c24, 0x3090fc48, 0x21b1f890, 0x03f3f120,
	}
	top := sum >> 20
	sum = sum&0xfffff<<wordBits ^ uint32(word)
	for i, g := range generator {
		sum ^= g & -(top >> i & 1) // the words are secret: no branch
	}
	return sum
}

// addChecksum appends three words.
func addChecksum(extendable bool, words []uint16) []uint16 {
	words = append(words, 0, 0, 0)
	sum := rs1024(extendable, words) ^ 1
	for i := range checksumWords {
		words[len(words)-1-i] = uint16(sum >> (i * wordBits) & (1<<wordBits - 1))
	}
	return words
}

// wrongWord returns the index of the only word that, changed, makes the checksum
// right, and -1 if there is none: then several are wrong. It does not correct: a
// person has to look at the paper again.
func wrongWord(words []uint16) int {
	for i, w := range words {
		for other := range uint16(1 << wordBits) {
			words[i] = other
			if rs1024(extendable(words), words) == 1 {
				words[i] = w
				return i
			}
		}
		words[i] = w
	}
	return -1
}
