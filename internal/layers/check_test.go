package layers

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestCheckSeesViolations(t *testing.T) {
	tree := fstest.MapFS{
		"root.go":             {Data: []byte("package locket\nimport \"example.org/x\"\n")},
		"low/low.go":          {Data: []byte("package low\nimport \"" + module + "/high\"\n")},
		"high/high.go":        {Data: []byte("package high\nimport \"" + module + "/twin\"\n")},
		"twin/twin.go":        {Data: []byte("package twin\nimport _ \"" + module + "/low\"\n")},
		"extra/extra.go":      {Data: []byte("package extra\n")},
		"low/low_test.go":     {Data: []byte("package low\nimport \"" + module + "/twin\"\n")},
		"low/testdata/bad.go": {Data: []byte("not Go")},
		"tools/go.mod":        {Data: []byte("module tools\n")},
		"tools/tool.go":       {Data: []byte("package tools\n")},
	}
	got, err := check(tree, [][]string{{"."}, {"low"}, {"high", "twin"}, {"gone"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"extra is in no layer: add it to the table",
		"gone is in the table but not in the tree",
		"high (rung 3) imports twin (rung 3)",
		"low (rung 2) imports high (rung 3)",
		"the root package imports example.org/x: it may use only the standard library",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
