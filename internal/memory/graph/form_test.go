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

func TestEdgeName(t *testing.T) {
	names := make(map[string]string)
	for typ, want := range map[string]string{ // the hashes are those of sha256sum
		"knows":                     "knows",
		"works_at":                  "works_at",
		"works at":                  "works_at_754f97a6ccfa3538",
		"works-at":                  "works_at_328799323546ac21",
		"works_at_754f97a6ccfa3538": "works_at_754f97a6ccfa3538_cf8a21be8f944c6e",
		"":                          "r_e3b0c44298fc1c14",
		"結婚":                        "r_69a2d84ae7bb6c30",
		"1st":                       "r1st_e01ddf6594a4387b",
		"_x":                        "x_a01e47cb4cec0963",
		strings.Repeat("a", 64):     strings.Repeat("a", 64),
		strings.Repeat("a", 65):     strings.Repeat("a", 47) + "_635361c48bb9eab1",
	} {
		got := edgeName(typ)
		if got != want {
			t.Errorf("%q: got %s, want %s", typ, got, want)
		}
		if !edgeForm.MatchString(got) {
			t.Errorf("%q: %s is no name of an edge", typ, got)
		}
		if other, ok := names[got]; ok {
			t.Errorf("%q and %q are both %s", typ, other, got)
		}
		names[got] = typ
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
