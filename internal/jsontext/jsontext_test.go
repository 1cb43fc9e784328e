package jsontext_test

import (
	"testing"

	"github.com/locketpod/locket/internal/jsontext"
)

func TestValid(t *testing.T) {
	for text, want := range map[string]bool{
		`"plain"`: true, `"\\ud800"`: true, `"\ud83d\ude00"`: true, `"\u00e9"`: true, "\"\xff\"": false,
		`"\ud800"`: false, `"\ud800x"`: false, `"\ude00\ud83d"`: false, `"\ud83d\u0041"`: false, `"\`: true,
	} {
		if got := jsontext.Valid([]byte(text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
