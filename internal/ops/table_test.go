package ops_test

import (
	"bufio"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/ops"
)

func parse(t *testing.T, wire io.Reader) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(wire))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var pathParameter = regexp.MustCompile(`\{([a-z]+)\}`)

func TestTable(t *testing.T) {
	names, routes := map[string]bool{}, map[string]bool{}
	for _, o := range ops.Table() {
		route := o.Method + " " + o.Path
		if names[o.Name] || routes[route] {
			t.Errorf("%s (%s) is in the table twice", o.Name, route)
		}
		names[o.Name], routes[route] = true, true
		if !strings.HasSuffix(o.Text, ".") || o.Permission == "" {
			t.Errorf("%s has text %q and permission %q, want a sentence and a permission", o.Name, o.Text, o.Permission)
		}
		var inPath, inFields []string
		for _, m := range pathParameter.FindAllStringSubmatch(o.Path, -1) {
			inPath = append(inPath, m[1])
		}
		for _, f := range o.Fields() {
			if f.Place == ops.InPath {
				inFields = append(inFields, f.Key)
			}
			if f.Help == "" {
				t.Errorf("%s.%s has no help", o.Name, f.Name)
			}
			if o.Upload && f.Place == ops.InBody {
				t.Errorf("%s.%s is in the body, which is an upload", o.Name, f.Name)
			}
		}
		if !slices.Equal(inPath, inFields) {
			t.Errorf("%s: the path has %q, the input %q", o.Name, inPath, inFields)
		}
	}
}
