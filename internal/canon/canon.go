// Package canon is the one encoding of what Locket hashes, signs, authenticates
// or names by its hash: CBOR in the core deterministic form of RFC 8949 §4.2,
// narrowed until every value has exactly one encoding and every encoding one
// value. See docs/design/canon.md.
package canon

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// MaxSize is the longest encoding, in bytes, that is written or read.
const MaxSize = 16 << 20

const (
	maxDepth    = 16      // arrays and maps within each other
	maxElements = 1 << 17 // of one array or map
)

// ErrInvalid is returned for input that is not the canonical encoding of a value
// of the wanted type, and for values that have no canonical encoding.
var ErrInvalid = errors.New("canon: invalid")

// Both modes are immutable.
var (
	encoder = newEncoder()
	decoder = newDecoder()
)

// Marshal returns the encoding of v: a struct or a map with text keys, a slice,
// text of valid UTF-8, bytes, a finite float, an integer of 64 bits with sign, a
// boolean or nil. A nil slice is an empty array, never null.
func Marshal(v any) ([]byte, error) {
	data, err := encoder.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes are more than %d", ErrInvalid, len(data), MaxSize)
	}
	// The encoder lets through what the decoder refuses: text that is not UTF-8,
	// values too deep, keys that are not text.
	var readable any
	if err := decoder.Unmarshal(data, &readable); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return data, nil
}

// Unmarshal reads the encoding of one value into the zero value that v points
// to. It refuses unknown, missing and repeated fields, trailing bytes, and
// whatever [Marshal] would have written differently. Into an any it reads
// map[string]any, []any, string, []byte, int64, float64, bool and nil.
//
// v must hold no cbor.RawMessage: its content would be taken as it is.
func Unmarshal(data []byte, v any) error {
	if len(data) > MaxSize {
		return fmt.Errorf("%w: %d bytes are more than %d", ErrInvalid, len(data), MaxSize)
	}
	if err := decoder.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	again, err := encoder.Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if !bytes.Equal(again, data) {
		return fmt.Errorf("%w: not the canonical encoding", ErrInvalid)
	}
	return nil
}

func newEncoder() cbor.EncMode {
	o := cbor.CoreDetEncOptions()
	o.NaNConvert = cbor.NaNConvertReject
	o.InfConvert = cbor.InfConvertReject
	o.BigIntConvert = cbor.BigIntConvertReject
	o.NilContainers = cbor.NilContainerAsEmpty
	o.TagsMd = cbor.TagsForbidden
	m, err := o.EncMode()
	if err != nil {
		panic(err) // the options above contradict each other
	}
	return m
}

// newDecoder refuses early, and with a reason, most of what Unmarshal would
// refuse by comparing.
func newDecoder() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:   maxDepth,
		MaxArrayElements:  maxElements,
		MaxMapPairs:       maxElements,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		IntDec:            cbor.IntDecConvertSignedOrFail,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		DefaultMapType:    reflect.TypeFor[map[string]any](),
		SimpleValues:      booleansAndNull(),
		NaN:               cbor.NaNDecodeForbidden,
		Inf:               cbor.InfDecodeForbidden,
	}.DecMode()
	if err != nil {
		panic(err) // the options above contradict each other
	}
	return m
}

// booleansAndNull refuses every other simple value, "undefined" among them.
func booleansAndNull() *cbor.SimpleValueRegistry {
	var refused []func(*cbor.SimpleValueRegistry) error
	for i := range 256 {
		const firstKnown, lastKnown, firstReserved, lastReserved = 20, 22, 24, 31
		if i >= firstKnown && i <= lastKnown || i >= firstReserved && i <= lastReserved {
			continue
		}
		refused = append(refused, cbor.WithRejectedSimpleValue(cbor.SimpleValue(i)))
	}
	r, err := cbor.NewSimpleValueRegistryFromDefaults(refused...)
	if err != nil {
		panic(err) // one of the values above cannot be refused
	}
	return r
}
