// Package jsontext checks what encoding/json lets through in JSON text.
package jsontext

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Valid reports whether JSON text is valid UTF-8, in its escapes too: encoding/json
// silently replaces what is not.
func Valid(data []byte) bool { return utf8.Valid(data) && !loneSurrogate(data) }

// loneSurrogate reports whether a \u escape is half of a surrogate pair.
func loneSurrogate(data []byte) bool {
	for {
		i := bytes.IndexByte(data, '\\')
		if i < 0 || i+1 >= len(data) {
			return false
		}
		data = data[i:]
		r := escape(data)
		if utf16.IsSurrogate(r) {
			if len(data) < 12 || utf16.DecodeRune(r, escape(data[6:])) == utf8.RuneError {
				return true
			}
			data = data[10:]
		}
		data = data[2:]
	}
}

// escape returns the rune of the \uXXXX that data begins with, 0 if it does not.
func escape(data []byte) rune {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}
