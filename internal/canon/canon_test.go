package canon_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/canon"
)

type vector struct {
	ok   bool
	data []byte
	what string
}

// vectors loads ../../vectors/canon/values.txt.
func vectors(t testing.TB) []vector {
	t.Helper()
	file, err := os.ReadFile("../../vectors/canon/values.txt")
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	for line := range strings.Lines(string(file)) {
		fields, what, _ := strings.Cut(line, "#")
		expect, digits, _ := strings.Cut(strings.TrimSpace(fields), " ")
		if expect == "" {
			continue
		}
		data, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil || expect != "ok" && expect != "invalid" {
			t.Fatalf("vector %q: %v", line, err)
		}
		vs = append(vs, vector{expect == "ok", data, strings.TrimSpace(what)})
	}
	if len(vs) == 0 {
		t.Fatal("no vectors")
	}
	return vs
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		var got any
		err := canon.Unmarshal(v.data, &got)
		if (err == nil) != v.ok {
			t.Errorf("%x, %s: got %v, %v", v.data, v.what, got, err)
		}
		if err != nil {
			if !errors.Is(err, canon.ErrInvalid) {
				t.Errorf("%x, %s: error %v is not ErrInvalid", v.data, v.what, err)
			}
			continue
		}
		if again, err := canon.Marshal(got); err != nil || !bytes.Equal(again, v.data) {
			t.Errorf("%x, %s: written again as %x, %v", v.data, v.what, again, err)
		}
	}
}

type record struct {
	Name string   `cbor:"name"`
	ID   [4]byte  `cbor:"id"`
	Tags []string `cbor:"tags"`
	Note string   `cbor:"note,omitempty"`
}

func TestStructs(t *testing.T) {
	want := record{Name: "a", ID: [4]byte{1, 2, 3, 4}}
	data, err := canon.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	// Keys sorted, the empty note left out, nil tags as an empty array.
	if got := hex.EncodeToString(data); got != "a36269644401020304646e616d6561616474616773"+"80" {
		t.Errorf("got %s", got)
	}
	var got record
	if err := canon.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want.Tags = []string{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestStructsAreReadStrictly(t *testing.T) {
	for name, v := range map[string]any{
		"unknown field":        map[string]any{"name": "a", "id": []byte{1, 2, 3, 4}, "tags": []any{}, "more": 1},
		"missing field":        map[string]any{"name": "a", "id": []byte{1, 2, 3, 4}},
		"field in other case":  map[string]any{"Name": "a", "id": []byte{1, 2, 3, 4}, "tags": []any{}},
		"array too short":      map[string]any{"name": "a", "id": []byte{1, 2, 3}, "tags": []any{}},
		"array too long":       map[string]any{"name": "a", "id": []byte{1, 2, 3, 4, 5}, "tags": []any{}},
		"null for an array":    map[string]any{"name": "a", "id": []byte{1, 2, 3, 4}, "tags": nil},
		"bytes for text":       map[string]any{"name": []byte("a"), "id": []byte{1, 2, 3, 4}, "tags": []any{}},
		"empty where left out": map[string]any{"name": "a", "id": []byte{1, 2, 3, 4}, "tags": []any{}, "note": ""},
	} {
		data, err := canon.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var got record
		if err := canon.Unmarshal(data, &got); !errors.Is(err, canon.ErrInvalid) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	deep := any(0)
	for range 17 {
		deep = []any{deep}
	}
	for name, v := range map[string]any{
		"NaN":                 math.NaN(),
		"infinity":            math.Inf(-1),
		"text not UTF-8":      "\xff",
		"key not UTF-8":       map[string]any{"\xff": 1},
		"key not text":        map[int]any{1: 1},
		"beyond 64 bits":      uint64(1 << 63),
		"big integer":         new(big.Int).Lsh(big.NewInt(1), 80),
		"too deep":            deep,
		"too long":            make([]byte, canon.MaxSize),
		"too many elements":   make([]bool, 1<<17+1),
		"without an encoding": func() {},
	} {
		if got, err := canon.Marshal(v); !errors.Is(err, canon.ErrInvalid) {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
	}
	if err := canon.Unmarshal(make([]byte, canon.MaxSize+1), new(any)); !errors.Is(err, canon.ErrInvalid) {
		t.Errorf("too long to read: %v", err)
	}
}

// Whatever is read has the bytes it was read from as its only encoding.
func FuzzCanon(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v any
		if err := canon.Unmarshal(data, &v); err != nil {
			if !errors.Is(err, canon.ErrInvalid) {
				t.Fatalf("error %v is not ErrInvalid", err)
			}
			return
		}
		again, err := canon.Marshal(v)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x is written again as %x, %v", data, again, err)
		}
	})
}
