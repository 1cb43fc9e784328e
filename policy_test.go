package locket_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/locketpod/locket"
)

func TestMatchJSON(t *testing.T) {
	for text, want := range map[string]locket.Match{
		`"work"`:                    {In: []any{"work"}},
		`["work"]`:                  {In: []any{"work"}},
		`["a",true,12345678901234]`: {In: []any{"a", true, json.Number("12345678901234")}},
		` {"prefix" : "proj/"} `:    {Prefix: "proj/"},
	} {
		var got locket.Match
		if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %v, %v", text, got, err)
		}
		again, err := json.Marshal(got)
		var back locket.Match
		if err != nil || json.Unmarshal(again, &back) != nil || !reflect.DeepEqual(back, want) {
			t.Errorf("%s is written as %s, %v", text, again, err)
		}
	}
	for _, text := range []string{
		`null`, `[]`, `[null]`, `[["a"]]`, `{}`, `{"prefix":""}`, `{"prefix":1}`, `{"Prefix":"a"}`,
		`{"prefix":"a","prefix":"b"}`, `{"prefix":"a","other":"b"}`,
	} {
		var got locket.Match
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is read as %v", text, got)
		}
	}
	if text, err := json.Marshal(locket.Match{}); err == nil {
		t.Errorf("a test of nothing is written as %s", text)
	}
}
