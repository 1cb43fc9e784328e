package embed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/locketpod/locket"
)

const (
	maxModelFile     = 1 << 30
	maxTokenizerFile = 64 << 20
	maxTokens        = 512 // of a text, as the makers of these models have it
	tensorsName      = "model.safetensors"
	tokenizerName    = "tokenizer.json"
)

// A static model has one vector for each token and adds those of a text (Model2Vec). It is
// read once, stays in memory in the type it is stored in, and does not change.
type static struct {
	name    string
	dims    int
	tokens  *tokenizer
	table   tensor
	rows    []int32   // token to row of the table; nil: they are the same
	weights []float32 // of tokens; nil: all alike
}

func openStatic(path, name string) (*static, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, tensorsName)
	}
	beside := filepath.Join(filepath.Dir(path), tokenizerName)
	model, err := readFile(path, maxModelFile)
	if err != nil {
		return nil, err
	}
	tokens, err := readFile(beside, maxTokenizerFile)
	if err != nil {
		return nil, err
	}
	if name == "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, locket.Errorf(locket.CodeInvalid, "%s cannot be found", path).Because(err)
		}
		name = filepath.Base(filepath.Dir(abs))
	}
	s, err := newStatic(name, model, tokens)
	if errors.Is(err, errTensors) {
		return nil, locket.Errorf(locket.CodeUnsupported, "%s is not a static model of one table of vectors", path).Because(err)
	}
	if err != nil {
		return nil, locket.Errorf(locket.CodeUnsupported, "%s is not a tokenizer that can be read here: WordPiece and Unigram can", beside).Because(err)
	}
	return s, nil
}

func newStatic(name string, model, tokens []byte) (*static, error) {
	ts, err := readTensors(model)
	if err != nil {
		return nil, err
	}
	s := &static{name: name}
	if err := s.take(ts); err != nil {
		return nil, err
	}
	if s.tokens, err = readTokenizer(tokens); err != nil {
		return nil, err
	}
	known := s.table.Shape[0]
	if s.rows != nil {
		known = len(s.rows)
	}
	if s.weights != nil && len(s.weights) != known {
		return nil, fmt.Errorf("%w: %d weights for %d tokens", errTensors, len(s.weights), known)
	}
	if int(s.tokens.most) >= known {
		return nil, fmt.Errorf("%w: %d tokens, but number %d is one", errTensors, known, s.tokens.most)
	}
	return s, nil
}

// take finds the table, whatever it is called, and what may be beside it: "mapping" and
// "weights" of a vocabulary that shares rows.
func (s *static) take(ts map[string]tensor) error {
	for name, t := range ts {
		float := strings.HasPrefix(t.DType, "F") || t.DType == "BF16"
		switch {
		case len(t.Shape) == 2 && s.dims == 0 && (float || t.DType == "I8"):
			s.table, s.dims = t, t.Shape[1]
		case name == "mapping" && len(t.Shape) == 1 && (t.DType == "I32" || t.DType == "I64"):
		case name == "weights" && len(t.Shape) == 1 && float:
			s.weights = make([]float32, t.Shape[0])
			for i := range s.weights {
				s.weights[i] = t.float(t.data[i*widths[t.DType]:])
			}
		default:
			return fmt.Errorf("%w: the tensor %q", errTensors, name)
		}
	}
	if s.dims == 0 {
		return fmt.Errorf("%w: no table", errTensors)
	}
	var err error
	if t, ok := ts["mapping"]; ok && len(t.Shape) == 1 {
		s.rows, err = t.numbers(s.table.Shape[0])
	}
	return err
}

// Model implements [Embedder].
func (s *static) Model() string { return named(s.name, s.dims) }

// Embed implements [Embedder].
func (s *static) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, locket.Errorf(locket.CodeCancelled, "cancelled while texts were embedded").Because(err)
		}
		v := make([]float32, s.dims)
		for _, id := range s.tokens.split(head(text), maxTokens) {
			row, weight := int(id), float32(1)
			if s.weights != nil {
				weight = s.weights[id]
			}
			if s.rows != nil {
				row = int(s.rows[id])
			}
			s.table.add(v, row, weight)
		}
		if err := unit(v); err != nil {
			return nil, locket.Errorf(locket.CodeUnsupported, "the model file %s has values that are no numbers", s.name).Because(err)
		}
		out[i] = v
	}
	return out, nil
}

func readFile(path string, limit int64) (b []byte, err error) {
	info, err := os.Stat(path) // before it is opened: to open a pipe would wait
	if err == nil && (!info.Mode().IsRegular() || info.Size() > limit) {
		return nil, locket.Errorf(locket.CodeTooLarge, "%s is not a file of at most %d MiB", path, limit>>20)
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, locket.Errorf(locket.CodeNotFound, "%s is missing; a static model is a folder with %s and %s", path, tensorsName, tokenizerName).Because(err)
	}
	if err == nil {
		b = make([]byte, info.Size())
		_, err = io.ReadFull(f, b)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "%s cannot be read", path).Because(err)
	}
	return b, nil
}
