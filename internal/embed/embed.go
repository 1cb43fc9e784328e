// Package embed turns texts into vectors, by a model server or by a file of word vectors.
//
// No model comes with Locket, and none is asked unless the owner names it: to a server
// that is not on this machine every text goes in the clear.
package embed

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

// An Embedder makes vectors of texts. It is safe for concurrent use.
type Embedder interface {
	// Model names the model and its dimensions, "name/384". Vectors of different
	// names are not compared.
	Model() string
	// Embed returns one vector for each text, of unit length, or all zeros for a text
	// of which the model knows nothing. The end of a long text may be left out.
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

// The kinds of models.
const (
	OpenAI = "openai" // a server that answers POST /v1/embeddings
	Ollama = "ollama" // a server that answers POST /api/embed
	File   = "file"   // Model2Vec: model.safetensors with tokenizer.json
)

const (
	maxDims = 8192
	maxText = 8 << 10 // bytes of a text that count
)

// A Config names a model.
type Config struct {
	Kind       string      // empty: after URL and File
	URL        string      // of a server, with or without the path of its interface
	Model      string      // its name for the server; of a file: what it is to be called, if not as its folder
	File       string      // model.safetensors or its folder
	Dims       int         // of a server's vectors; 0: Open asks for one to count them
	AllowLocal bool        // the server may be on this machine or in its network, without https
	Key        *secret.Key // for the server, if it wants one; it stays the caller's, who wipes it after the last Embed
}

// Open returns the model that c names.
func Open(ctx context.Context, c Config) (Embedder, error) {
	if c.Dims < 0 || c.Dims > maxDims {
		return nil, locket.Errorf(locket.CodeInvalid, "vectors have 1 to %d dimensions, not %d", maxDims, c.Dims)
	}
	switch {
	case c.URL != "" && c.File != "":
		return nil, locket.Errorf(locket.CodeInvalid, "name a model server or a model file, not both")
	case c.File != "" && (c.Kind == "" || c.Kind == File):
		return openStatic(c.File, c.Model)
	case c.URL != "" && c.Kind != File:
		return openEndpoint(ctx, c)
	}
	return nil, locket.Errorf(locket.CodeInvalid, "name the address of a model server, or a model file")
}

func named(model string, dims int) string { return model + "/" + strconv.Itoa(dims) }

// head returns the beginning of a text that counts, of whole and valid runes.
func head(s string) string {
	if n := maxText; len(s) > n {
		for n > maxText-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

var errNotFinite = errors.New("embed: a vector has a value that is no number")

// unit gives v the length one in place. Zeros stay.
func unit(v []float32) error {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return errNotFinite
	}
	if sum == 0 {
		return nil
	}
	scale := 1 / math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) * scale)
	}
	return nil
}
