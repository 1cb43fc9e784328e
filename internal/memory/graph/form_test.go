package graph

import (
	"slices"
	"strings"
	"testing"
)

func TestObservations(t *testing.T) {
	for _, list := range [][]string{
		{}, {""}, {"", ""}, {"a"}, {"a", "", "b"}, {"a\nb", `a\nb`, `a\\nb`}, {"\r\n", `\r`, "\\\n"}, {`\`, `\\`}, {"\u2028"},
	} {
		v := encode(list)
		text, some := v.(string)
		if got := observations(text, some); !slices.Equal(got, list) {
			t.Errorf("%q is kept as %q and read as %q", list, v, got)
		}
		if some && strings.Count(text, "\n") != len(list)-1 {
			t.Errorf("%q is kept as %q", list, v)
		}
	}
	// What somebody wrote into the item by hand is read all the same.
	if got := observations(`C:\temp`+"\n"+`end\`, true); !slices.Equal(got, []string{`C:\temp`, `end\`}) {
		t.Errorf("got %q", got)
	}
}

func TestPretty(t *testing.T) {
	got, err := pretty([]string{"<&>", "\u2028\u2029", `\u2028`, `\\u2029`, "\b\f\x01\x7f", "é𝒳\""})
	// From JSON.stringify(…, null, 2).
	want := "[\n  \"<&>\",\n  \"\u2028\u2029\",\n  \"\\\\u2028\",\n  \"\\\\\\\\u2029\",\n  \"\\b\\f\\u0001\x7f\",\n  \"é𝒳\\\"\"\n]"
	if err != nil || got != want {
		t.Errorf("got  %q (%v)\nwant %q", got, err, want)
	}
}
