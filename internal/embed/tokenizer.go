package embed

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxVocab = 4 << 20
	maxSteps = 32 // of a normaliser
)

var errTokenizer = errors.New("embed: a tokenizer that is not known here")

// A tokenizer splits a text into the tokens of a model. What is in no vocabulary gives no
// token.
type tokenizer struct {
	steps []func(string) string
	words func(string) []string
	model interface {
		// tokens appends those of one word.
		tokens(dst []int32, word string) []int32
	}
	most int32 // the highest token
}

// split returns the first tokens of a text.
func (t *tokenizer) split(text string, limit int) []int32 {
	for _, step := range t.steps {
		text = step(text)
	}
	var ids []int32
	for _, w := range t.words(text) {
		if ids = t.model.tokens(ids, w); len(ids) >= limit {
			return ids[:limit]
		}
	}
	return ids
}

// A part is a normaliser or a pre-tokenizer of a tokenizer.json. Which fields it has
// depends on its type.
type part struct {
	Type string `json:"type"`

	Normalizers   []part `json:"normalizers"`
	Pretokenizers []part `json:"pretokenizers"`

	CleanText   *bool `json:"clean_text"`
	ChineseChar *bool `json:"handle_chinese_chars"`
	Strip       *bool `json:"strip_accents"`
	Lowercase   *bool `json:"lowercase"`

	Replacement string `json:"replacement"`
	Pattern     struct{ String, Regex string }
	Content     string `json:"content"`
}

// flat returns the parts of nested sequences one after the other.
func flat(p *part, dst []part) []part {
	if p == nil || len(dst) > maxSteps {
		return dst
	}
	if p.Type != "Sequence" {
		return append(dst, *p)
	}
	for i := range p.Normalizers {
		dst = flat(&p.Normalizers[i], dst)
	}
	for i := range p.Pretokenizers {
		dst = flat(&p.Pretokenizers[i], dst)
	}
	return dst
}

// readTokenizer reads a tokenizer.json of the kinds that static models have.
func readTokenizer(b []byte) (*tokenizer, error) {
	var file struct {
		Normalizer   *part           `json:"normalizer"`
		PreTokenizer *part           `json:"pre_tokenizer"`
		Model        json.RawMessage `json:"model"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("%w: %w", errTokenizer, err)
	}
	var kind struct{ Type string }
	if err := json.Unmarshal(file.Model, &kind); err != nil {
		return nil, fmt.Errorf("%w: %w", errTokenizer, err)
	}
	var t tokenizer
	parts := flat(file.Normalizer, nil)
	if len(parts) > maxSteps {
		return nil, fmt.Errorf("%w: %d normalisers", errTokenizer, len(parts))
	}
	for _, p := range parts {
		step, err := normaliser(p)
		if err != nil {
			return nil, err
		}
		t.steps = append(t.steps, step)
	}
	parts = flat(file.PreTokenizer, nil)
	var err error
	switch kind.Type {
	case "WordPiece":
		t.words = strings.Fields
		for _, p := range parts {
			if p.Type == "BertPreTokenizer" {
				t.words = bertWords
			} else if p.Type != "WhitespaceSplit" {
				return nil, fmt.Errorf("%w: WordPiece after %q", errTokenizer, p.Type)
			}
		}
		t.model, t.most, err = readWordPiece(file.Model)
	case "Unigram":
		t.words = metaspaceWords
		for _, p := range parts {
			if p.Type != "WhitespaceSplit" && (p.Type != "Metaspace" || p.Replacement != metaspace) {
				return nil, fmt.Errorf("%w: Unigram after %q", errTokenizer, p.Type)
			}
		}
		t.model, t.most, err = readUnigram(file.Model)
	default:
		return nil, fmt.Errorf("%w: the model %q", errTokenizer, kind.Type)
	}
	return &t, err
}

// wordPiece takes the longest token that a word begins with, and so on with the rest
// (BERT). A word with a rest that is no token is not known at all.
type wordPiece struct {
	vocab   map[string]int32
	unknown string
	prefix  string // of tokens inside a word
	longest int    // token, in bytes
	maxWord int    // in runes; longer ones are not known
}

func readWordPiece(b []byte) (*wordPiece, int32, error) {
	var m struct {
		Unknown string           `json:"unk_token"`
		Prefix  *string          `json:"continuing_subword_prefix"`
		MaxWord int              `json:"max_input_chars_per_word"`
		Vocab   map[string]int32 `json:"vocab"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errTokenizer, err)
	}
	if len(m.Vocab) == 0 || len(m.Vocab) > maxVocab || m.MaxWord < 0 {
		return nil, 0, fmt.Errorf("%w: a vocabulary of %d tokens", errTokenizer, len(m.Vocab))
	}
	w := &wordPiece{vocab: m.Vocab, unknown: m.Unknown, prefix: "##", maxWord: m.MaxWord}
	if m.Prefix != nil {
		w.prefix = *m.Prefix
	}
	if w.maxWord == 0 || w.maxWord > 100 {
		w.maxWord = 100
	}
	var most int32
	for token, id := range m.Vocab {
		if id < 0 {
			return nil, 0, fmt.Errorf("%w: token number %d", errTokenizer, id)
		}
		w.longest, most = max(w.longest, len(token)), max(most, id)
	}
	return w, most, nil
}

func (w *wordPiece) tokens(dst []int32, word string) []int32 {
	if utf8.RuneCountInString(word) > w.maxWord {
		return dst
	}
	start := len(dst)
	key := make([]byte, 0, len(w.prefix)+len(word))
	for at := 0; at < len(word); {
		key = key[:0]
		if at > 0 {
			key = append(key, w.prefix...)
		}
		before := len(key)
		key = append(key, word[at:min(len(word), at+w.longest)]...)
		id, ok := w.vocab[string(key)]
		for !ok && len(key) > before {
			_, n := utf8.DecodeLastRune(key[before:])
			key = key[:len(key)-n]
			id, ok = w.vocab[string(key)]
		}
		if len(key) == before {
			return dst[:start]
		}
		if string(key) != w.unknown {
			dst = append(dst, id)
		}
		at += len(key) - before
	}
	return dst
}
