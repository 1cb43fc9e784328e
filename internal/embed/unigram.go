package embed

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

const (
	metaspace = "▁"
	maxPiece  = 96 // bytes; no longer piece is looked for
)

// unigram splits a word into the pieces of the highest sum of scores (SentencePiece).
type unigram struct {
	vocab   map[string]piece
	longest int     // piece, in bytes
	unknown float64 // the score of a rune that is in no piece
}

type piece struct {
	id    int32
	score float64
}

func readUnigram(b []byte) (*unigram, int32, error) {
	var m struct {
		Vocab        [][2]any `json:"vocab"`
		ByteFallback bool     `json:"byte_fallback"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errTokenizer, err)
	}
	if len(m.Vocab) == 0 || len(m.Vocab) > maxVocab || m.ByteFallback {
		return nil, 0, fmt.Errorf("%w: a vocabulary of %d pieces, with fallback to bytes: %t", errTokenizer, len(m.Vocab), m.ByteFallback)
	}
	u := &unigram{vocab: make(map[string]piece, len(m.Vocab))}
	for i, v := range m.Vocab {
		text, isText := v[0].(string)
		score, isScore := v[1].(float64)
		if !isText || !isScore {
			return nil, 0, fmt.Errorf("%w: piece %d has no text or no score", errTokenizer, i)
		}
		u.unknown = min(u.unknown, score)
		if text != "" && len(text) <= maxPiece {
			u.vocab[text] = piece{id: int32(i), score: score}
			u.longest = max(u.longest, len(text))
		}
	}
	u.unknown -= 10 // as the makers of the format have it
	return u, int32(len(m.Vocab) - 1), nil
}

// tokens goes through the word from left to right (Viterbi): best[i] is the best way to
// split the first i bytes.
func (u *unigram) tokens(dst []int32, word string) []int32 {
	type way struct {
		score float64
		from  int
		id    int32 // -1: a rune that is not known
	}
	best := make([]way, len(word)+1)
	for i := range best {
		best[i].score = math.Inf(-1)
	}
	best[0].score = 0
	for at := range word {
		here := best[at].score
		_, n := utf8.DecodeRuneInString(word[at:])
		if s := here + u.unknown; s > best[at+n].score {
			best[at+n] = way{s, at, -1}
		}
		for end := at + n; end <= len(word) && end-at <= u.longest; {
			if p, ok := u.vocab[word[at:end]]; ok && here+p.score > best[end].score {
				best[end] = way{here + p.score, at, p.id}
			}
			if end == len(word) {
				break
			}
			_, n := utf8.DecodeRuneInString(word[end:])
			end += n
		}
	}
	start := len(dst)
	for at := len(word); at > 0; at = best[at].from {
		if best[at].id >= 0 {
			dst = append(dst, best[at].id)
		}
	}
	for i, j := start, len(dst)-1; i < j; i, j = i+1, j-1 {
		dst[i], dst[j] = dst[j], dst[i]
	}
	return dst
}

// metaspaceWords marks the beginning of each word.
func metaspaceWords(s string) []string {
	ws := strings.Fields(strings.ReplaceAll(s, metaspace, " "))
	for i, w := range ws {
		ws[i] = metaspace + w
	}
	return ws
}
