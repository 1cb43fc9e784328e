package ops_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

// FuzzDecode: any body is either refused with a code or means the same after it
// has been encoded again.
func FuzzDecode(f *testing.F) {
	seeds, err := filepath.Glob("testdata/bodies/*.json")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in testdata/bodies (%v)", err)
	}
	for _, s := range seeds {
		data, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, name := range []string{"items.create", "items.query", "bulk.run"} {
			o, _ := ops.Find(name)
			in, err := decode(o, jsonRequest(o.Method, o.Path, string(body)))
			if err != nil {
				if locket.CodeOf(err) == locket.CodeInternal {
					t.Fatalf("%s: an error without a code: %v", name, err)
				}
				continue
			}
			if !json.Valid(body) && len(body) > 0 {
				t.Fatalf("%s: accepted %q, which is no JSON", name, body)
			}
			again := reencode(t, o, in)
			if again != nil && !reflect.DeepEqual(again, in) {
				t.Errorf("%s: got %+v after encoding, want %+v", name, again, in)
			}
		}
	})
}

// reencode encodes and decodes in; nil if in lacks what a request needs.
func reencode(t *testing.T, o ops.Op, in any) any {
	t.Helper()
	r, err := o.Encode(t.Context(), in, nil)
	if err != nil {
		return nil
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	again, err := decode(o, r)
	if err != nil {
		t.Fatalf("%s: its own encoding is refused: %v", o.Name, err)
	}
	return again
}
