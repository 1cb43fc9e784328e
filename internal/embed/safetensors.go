package embed

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

const (
	maxHeader  = 1 << 20
	maxTensors = 64
	maxRows    = 4 << 20
)

var errTensors = errors.New("embed: not the safetensors file of a static model")

// A tensor is one array of a safetensors file. Its data is a part of the file's bytes.
type tensor struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets []int  `json:"data_offsets"`
	data    []byte
}

// widths has the bytes of a value of each type that is read.
var widths = map[string]int{"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I8": 1, "I32": 4, "I64": 8}

// readTensors splits a safetensors file: eight bytes with the length of a JSON header, the
// header, and the data, which the tensors fill without gap or overlap.
func readTensors(file []byte) (map[string]tensor, error) {
	if len(file) < 8 {
		return nil, fmt.Errorf("%w: too short", errTensors)
	}
	n := binary.LittleEndian.Uint64(file)
	if n > maxHeader || n > uint64(len(file)-8) {
		return nil, fmt.Errorf("%w: a header of %d bytes", errTensors, n)
	}
	header, data := file[8:8+n], file[8+n:]
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(header, &raw); err != nil {
		return nil, fmt.Errorf("%w: %w", errTensors, err)
	}
	delete(raw, "__metadata__")
	if len(raw) == 0 || len(raw) > maxTensors {
		return nil, fmt.Errorf("%w: %d tensors", errTensors, len(raw))
	}
	ts := make(map[string]tensor, len(raw))
	var spans [][2]int
	for name, text := range raw {
		var t tensor
		if err := json.Unmarshal(text, &t); err != nil {
			return nil, fmt.Errorf("%w: %w", errTensors, err)
		}
		size, ok := t.size()
		if !ok || len(t.Offsets) != 2 || t.Offsets[0] < 0 || t.Offsets[1] > len(data) || int64(t.Offsets[1])-int64(t.Offsets[0]) != size {
			return nil, fmt.Errorf("%w: the tensor %q has another size than it says", errTensors, name)
		}
		t.data = data[t.Offsets[0]:t.Offsets[1]]
		spans = append(spans, [2]int{t.Offsets[0], t.Offsets[1]})
		ts[name] = t
	}
	slices.SortFunc(spans, func(a, b [2]int) int { return a[0] - b[0] })
	end := 0
	for _, s := range spans {
		if s[0] != end {
			return nil, fmt.Errorf("%w: a gap or an overlap at byte %d", errTensors, end)
		}
		end = s[1]
	}
	if end != len(data) {
		return nil, fmt.Errorf("%w: %d bytes too many", errTensors, len(data)-end)
	}
	return ts, nil
}

// size returns the bytes that the values take: a table or a list, of none to maxRows rows.
func (t tensor) size() (int64, bool) {
	w := widths[t.DType]
	if w == 0 || len(t.Shape) < 1 || len(t.Shape) > 2 || t.Shape[0] < 1 || t.Shape[0] > maxRows {
		return 0, false
	}
	size := int64(w) * int64(t.Shape[0])
	if len(t.Shape) == 2 {
		if t.Shape[1] < 1 || t.Shape[1] > maxDims {
			return 0, false
		}
		size *= int64(t.Shape[1])
	}
	return size, true
}

// add adds scale times a row of a table to sum.
func (t tensor) add(sum []float32, row int, scale float32) {
	w := widths[t.DType]
	b := t.data[row*len(sum)*w:]
	for i := range sum {
		sum[i] += scale * t.float(b[i*w:])
	}
}

func (t tensor) float(b []byte) float32 {
	switch t.DType {
	case "F64":
		return float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	case "F32":
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	case "F16":
		return half(binary.LittleEndian.Uint16(b))
	case "BF16":
		return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
	}
	return float32(int8(b[0]))
}

// half widens an IEEE 754 binary16.
func half(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exp {
	case 0: // subnormal: frac·2⁻²⁴
		return math.Float32frombits(sign|math.Float32bits(1)) * float32(frac) * 0x1p-24
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
}

// numbers returns a list of whole numbers that are at least 0 and below limit.
func (t tensor) numbers(limit int) ([]int32, error) {
	ns := make([]int32, t.Shape[0])
	for i := range ns {
		var n int64
		if t.DType == "I64" {
			n = int64(binary.LittleEndian.Uint64(t.data[i*8:]))
		} else {
			n = int64(int32(binary.LittleEndian.Uint32(t.data[i*4:])))
		}
		if n < 0 || n >= int64(limit) {
			return nil, fmt.Errorf("%w: row %d of %d", errTensors, n, limit)
		}
		ns[i] = int32(n)
	}
	return ns, nil
}
