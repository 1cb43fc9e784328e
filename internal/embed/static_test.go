package embed

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
)

// pack makes a safetensors file of tensors in a row.
func pack(ts ...tensor) []byte {
	header := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	var data []byte
	for i, t := range ts {
		name := []string{"embeddings", "mapping", "weights"}[i]
		header[name] = map[string]any{"dtype": t.DType, "shape": t.Shape, "data_offsets": []int{len(data), len(data) + len(t.data)}}
		data = append(data, t.data...)
	}
	text, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	return whole(string(text), data)
}

func whole(header string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func list(dtype string, shape []int, values ...float64) tensor {
	var b bytes.Buffer
	for _, x := range values {
		var v any
		switch dtype {
		case "F64":
			v = x
		case "F32":
			v = float32(x)
		case "F16":
			v = map[float64]uint16{0: 0, 1: 0x3c00, -2: 0xc000, 0.5: 0x3800, 3: 0x4200}[x]
		case "BF16":
			v = uint16(math.Float32bits(float32(x)) >> 16)
		case "I8":
			v = int8(x)
		case "I32":
			v = int32(x)
		case "I64":
			v = int64(x)
		}
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return tensor{DType: dtype, Shape: shape, data: b.Bytes()}
}

const wordPieces = `{"version":"1.0","truncation":null,"padding":null,
"added_tokens":[{"id":0,"content":"[UNK]","special":true}],
"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
"pre_tokenizer":{"type":"BertPreTokenizer"},
"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":10,
"vocab":{"[UNK]":0,"cafe":1,"un":2,"##able":3,"##a":4,"!":5,"日":6,"本":7,"##ble":8}}}`

const pieces = `{"normalizer":{"type":"Sequence","normalizers":[{"type":"Precompiled","precompiled_charsmap":"AAAA"},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "}]},
"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}]},
"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["▁hello",-3.0],["▁hel",-1.5],["lo",-1.2],["▁",-2.0],["l",-4.0],["o",-4.0],["日本",-3.0]]}}`

func TestTokens(t *testing.T) {
	plain := strings.Replace(wordPieces, `"lowercase":true`, `"lowercase":false`, 1)
	for _, tt := range []struct {
		name, model, text string
		want              []int32
	}{
		{"accents and capitals", wordPieces, "CAFÉ cafe\u0301", []int32{1, 1}},
		{"neither", plain, "CAFÉ café cafe", []int32{1}},
		{"the longest first", wordPieces, "unable", []int32{2, 3}},
		{"a part is not known", wordPieces, "unx cafe", []int32{1}},
		{"known parts of it are dropped", wordPieces, "unaz", nil},
		{"after a shorter one", wordPieces, "unablea", []int32{2, 3, 4}},
		{"punctuation", wordPieces, "cafe!un", []int32{1, 5, 2}},
		{"ideographs", wordPieces, "日本cafe", []int32{6, 7, 1}},
		{"a long word", wordPieces, "cafecafeunun un", []int32{2}},
		{"controls", wordPieces, "ca\x00fe\u200d\tun", []int32{1, 2}},
		{"nothing", wordPieces, " \n", nil},
		{"pieces", pieces, "hello", []int32{2, 3}}, // -2.7 is more than -3
		{"a mark for each word", pieces, "  lo  hello ", []int32{4, 3, 2, 3}},
		{"compatible forms", pieces, "ｈｅｌｌｏ", []int32{2, 3}},
		{"unknown ones between", pieces, "hel?lo", []int32{2, 3}},
		{"no width", pieces, "hel\u200blo", []int32{2, 4, 3}},
		{"more bytes than runes", pieces, "日本", []int32{4, 7}},
	} {
		tk, err := readTokenizer([]byte(tt.model))
		if err != nil {
			t.Fatal(err)
		}
		if got := tk.split(tt.text, maxTokens); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if got := tk.split(strings.Repeat(tt.text+" ", 9), 3); len(got) != min(3, 9*len(tt.want)) {
			t.Errorf("%s: %d tokens instead of the first three", tt.name, len(got))
		}
	}
}

func TestTokenizersThatAreRefused(t *testing.T) {
	with := func(old, text string) string {
		s := strings.Replace(wordPieces, old, text, 1)
		if s == wordPieces {
			t.Fatal("nothing to replace:", old)
		}
		return s
	}
	nested := strings.Repeat(`{"type":"Sequence","normalizers":[`, 20) + strings.Repeat(`{"type":"NFC"},`, 40) + `{"type":"NFC"}` + strings.Repeat(`]}`, 20)
	for name, text := range map[string]string{
		"no JSON":             "{",
		"no model":            "{}",
		"another model":       with(`"WordPiece"`, `"BPE"`),
		"another normaliser":  with(`"BertNormalizer"`, `"Magic"`),
		"too many":            with(`{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}`, nested),
		"a replacement":       with(`{"type":"BertNormalizer"`, `{"type":"Replace","pattern":{"String":"a"},"content":"b"`),
		"another split":       with(`"BertPreTokenizer"`, `"ByteLevel"`),
		"a negative number":   with(`"cafe":1`, `"cafe":-1`),
		"no whole number":     with(`"cafe":1`, `"cafe":1.5`),
		"no vocabulary":       `{"model":{"type":"WordPiece","vocab":{}}}`,
		"pieces: no score":    `{"model":{"type":"Unigram","vocab":[["a"]]}}`,
		"pieces: text scores": `{"model":{"type":"Unigram","vocab":[["a","b"]]}}`,
		"pieces: none":        `{"model":{"type":"Unigram","vocab":[]}}`,
		"pieces: bytes":       `{"model":{"type":"Unigram","vocab":[["a",0]],"byte_fallback":true}}`,
		"pieces: another":     `{"pre_tokenizer":{"type":"Metaspace","replacement":"_"},"model":{"type":"Unigram","vocab":[["a",0]]}}`,
	} {
		if _, err := readTokenizer([]byte(text)); !errors.Is(err, errTokenizer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatic(t *testing.T) {
	table := []float64{0, 0, 3, 0, 0, 1, 0, 0.5, 1, 1, -2, 0, 0, 0, 0, 0, 0, 0} // of nine tokens in two dimensions
	for _, tt := range []struct {
		name string
		file []byte
		text string
		want []float32
	}{
		{"F32", pack(list("F32", []int{9, 2}, table...)), "cafe", []float32{1, 0}},
		{"F64", pack(list("F64", []int{9, 2}, table...)), "unable", []float32{0, 1}},
		{"F16", pack(list("F16", []int{9, 2}, table...)), "cafe cafe !", []float32{1, 0}},
		{"BF16", pack(list("BF16", []int{9, 2}, table...)), "! un", []float32{-0.8944272, 0.4472136}},
		{"I8", pack(list("I8", []int{9, 2}, table...)), "! unablea", []float32{-0.4472136, 0.8944272}},
		{"nothing known", pack(list("F32", []int{9, 2}, table...)), "xyz", []float32{0, 0}},
		{
			"shared rows", pack(list("F32", []int{2, 2}, 1, 0, 0, 1), list("I64", []int{9}, 0, 0, 1, 1, 0, 1, 0, 0, 0),
				list("F32", []int{9}, 0, 4, 3, 0, 0, 0, 0, 0, 0)), "cafe un", []float32{0.8, 0.6},
		},
		{
			"shared rows, short", pack(list("I8", []int{2, 2}, 1, 0, 0, 1), list("I32", []int{9}, 0, 0, 1, 1, 0, 1, 0, 0, 0)),
			"unable",
			[]float32{0, 1},
		},
	} {
		s, err := newStatic("tiny", tt.file, []byte(wordPieces))
		if err != nil {
			t.Fatal(tt.name, err)
		}
		vs, err := s.Embed(t.Context(), []string{"", tt.text})
		if err != nil || s.Model() != "tiny/2" || len(vs) != 2 {
			t.Fatal(tt.name, s.Model(), vs, err)
		}
		for i := range tt.want {
			if vs[0][i] != 0 || math.Abs(float64(vs[1][i]-tt.want[i])) > 1e-6 {
				t.Errorf("%s: %v, want %v", tt.name, vs, tt.want)
			}
		}
	}
}

func TestHalf(t *testing.T) {
	for bits, want := range map[uint16]float32{
		0: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: 0x1p-14, 0x0001: 0x1p-24, 0x83ff: -1023 * 0x1p-24, 0x3555: 0.33325195,
	} {
		if got := half(bits); got != want {
			t.Errorf("%#04x is %g, want %g", bits, got, want)
		}
	}
	if !math.IsInf(float64(half(0x7c00)), 1) || !math.IsNaN(float64(half(0x7e00))) {
		t.Error("infinity or no number is lost")
	}
}

func TestStaticThatAreRefused(t *testing.T) {
	good := list("F32", []int{9, 2}, make([]float64, 18)...)
	table := func(dtype, shape, offsets string) []byte {
		return whole(fmt.Sprintf(`{"embeddings":{"dtype":%q,"shape":%s,"data_offsets":%s}}`, dtype, shape, offsets), make([]byte, 72))
	}
	for name, file := range map[string][]byte{
		"nothing":             nil,
		"no header":           make([]byte, 7),
		"an empty header":     make([]byte, 8),
		"a long header":       binary.LittleEndian.AppendUint64(nil, 1<<62),
		"more than the file":  binary.LittleEndian.AppendUint64(nil, 9),
		"no tensors":          whole("{}", nil),
		"bytes too many":      append(pack(good), 0),
		"bytes too few":       pack(good)[:len(pack(good))-1],
		"another type":        table("U8", "[36,2]", "[0,72]"),
		"a wrong size":        table("F32", "[9,3]", "[0,72]"),
		"a gap":               table("F32", "[8,2]", "[8,72]"),
		"a negative place":    table("F32", "[9,2]", "[-72,0]"),
		"a negative shape":    table("F32", "[-9,-2]", "[0,72]"),
		"an overflow":         table("F32", "[4611686018427387904,4]", "[0,0]"),
		"three dimensions":    table("F32", "[3,3,2]", "[0,72]"),
		"no dimensions":       table("F32", "[]", "[0,4]"),
		"a list only":         table("F32", "[18]", "[0,72]"),
		"numbers":             table("I32", "[9,2]", "[0,72]"),
		"fewer than tokens":   table("F64", "[3,3]", "[0,72]"),
		"overlap":             whole(`{"embeddings":{"dtype":"F32","shape":[9,2],"data_offsets":[0,72]},"weights":{"dtype":"F32","shape":[9],"data_offsets":[36,72]}}`, make([]byte, 72)),
		"an unknown tensor":   whole(`{"embeddings":{"dtype":"F32","shape":[9,2],"data_offsets":[0,72]},"bias":{"dtype":"F32","shape":[2],"data_offsets":[72,80]}}`, make([]byte, 80)),
		"two tables":          whole(`{"a":{"dtype":"F32","shape":[9,2],"data_offsets":[0,72]},"b":{"dtype":"I8","shape":[9,1],"data_offsets":[72,81]}}`, make([]byte, 81)),
		"a row too high":      pack(good, list("I64", []int{9}, 0, 0, 0, 0, 9, 0, 0, 0, 0)),
		"a row below":         pack(good, list("I32", []int{9}, 0, 0, 0, 0, -1, 0, 0, 0, 0)),
		"too few rows":        pack(good, list("I32", []int{8}, make([]float64, 8)...)),
		"too few weights":     pack(good, list("I32", []int{9}, make([]float64, 9)...), list("F32", []int{8}, make([]float64, 8)...)),
		"a name for no table": whole(`{"mapping":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}`, make([]byte, 36)),
	} {
		if _, err := newStatic("tiny", file, []byte(wordPieces)); !errors.Is(err, errTensors) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoNumbers(t *testing.T) {
	values := make([]float64, 18)
	values[2] = math.Inf(1)
	s, err := newStatic("tiny", pack(list("F32", []int{9, 2}, values...)), []byte(wordPieces))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Embed(t.Context(), []string{"cafe"}); locket.CodeOf(err) != locket.CodeUnsupported {
		t.Errorf("got %v", err)
	}
}

func TestModelFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tiny-model")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fails := func(want locket.Code) {
		t.Helper()
		if _, err := Open(t.Context(), Config{File: dir}); locket.CodeOf(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	fails(locket.CodeNotFound)
	write(tensorsName, string(pack(list("F32", []int{9, 2}, make([]float64, 18)...))))
	fails(locket.CodeNotFound)
	write(tokenizerName, "{}")
	fails(locket.CodeUnsupported)
	write(tokenizerName, wordPieces)
	for _, path := range []string{dir, filepath.Join(dir, tensorsName)} {
		for name, want := range map[string]string{"": "tiny-model/2", "mine": "mine/2"} {
			e, err := Open(t.Context(), Config{File: path, Model: name})
			if err != nil || e.Model() != want {
				t.Errorf("%s as %q: %v, %v", path, name, e, err)
			}
		}
	}
	if err := os.Truncate(filepath.Join(dir, tokenizerName), maxTokenizerFile+1); err != nil {
		t.Fatal(err)
	}
	fails(locket.CodeTooLarge)
	write(tensorsName, "x")
	write(tokenizerName, wordPieces)
	fails(locket.CodeUnsupported)
}

func FuzzModel(f *testing.F) {
	f.Add(pack(list("F32", []int{9, 2}, make([]float64, 18)...)), "unable café")
	f.Add(pack(list("I8", []int{2, 2}, 1, 0, 0, 1), list("I32", []int{9}, 0, 0, 1, 1, 0, 1, 0, 0, 0), list("F16", []int{9}, 0, 1, 0, 0, 0, 0, 0, 0, 0)), "!")
	f.Add(whole(`{"a":{"dtype":"F64","shape":[9,1],"data_offsets":[0,72]}}`, make([]byte, 72)), "日本")
	f.Fuzz(func(t *testing.T, file []byte, text string) {
		s, err := newStatic("m", file, []byte(wordPieces))
		if err != nil {
			return
		}
		vs, err := s.Embed(t.Context(), []string{text})
		if err == nil && len(vs[0]) != s.dims {
			t.Error("a vector of another length")
		}
	})
}

func FuzzTokenizer(f *testing.F) {
	f.Add([]byte(wordPieces), "unable café!")
	f.Add([]byte(pieces), "hello  ｈｅｌ日本")
	f.Add([]byte(`{"model":{"type":"WordPiece","continuing_subword_prefix":"","vocab":{"a":2147483647,"":1}}}`), "aaa")
	f.Fuzz(func(t *testing.T, file []byte, text string) {
		tk, err := readTokenizer(file)
		if err != nil {
			return
		}
		for _, id := range tk.split(head(text), maxTokens) {
			if id < 0 || id > tk.most {
				t.Errorf("token %d of %d", id, tk.most)
			}
		}
	})
}
