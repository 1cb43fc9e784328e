package portable_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/portable"
)

const (
	head = `{"format":"locket-export","version":1,"pod":"0192f3a4-0000-4000-8000-000000000001","time":"2026-11-21T10:00:00Z","locket":"v1","complete":true,"history":true}` + "\n"
	note = `{"item":{"id":"0192f3a4-0000-7000-8000-000000000002","type":"Note","props":{"name":"a"},"created":"2026-11-21T10:00:00Z","updated":"2026-11-21T10:00:00Z","version":1,"trust":"owner"}}` + "\n"
	made = `{"revision":{"author":"x","name":"y","time":"2026-11-21T10:00:00Z","signedBy":"pod","trust":"owner","action":"create","is":["name"]}}` + "\n"
	file = `{"blob":{"id":"0192f3a4-0000-4000-8000-000000000003","size":1,"sha256":"0000000000000000000000000000000000000000000000000000000000000000","path":"blobs/x"}}` + "\n"
	edge = `{"edge":{"source":"0192f3a4-0000-7000-8000-000000000002","name":"x","target":"0192f3a4-0000-7000-8000-000000000002"}}` + "\n"
	end  = `{"end":{"types":0,"principals":0,"blobs":1,"blobBytes":1,"items":1,"deleted":0,"revisions":1,"edges":1,"byType":{"Note":1}}}` + "\n"
)

func read(text string) error {
	r, err := portable.NewReader(strings.NewReader(text))
	for err == nil {
		_, err = r.Next()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func TestReader(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"whole":             {head + file + note + made + edge + end, ""},
		"newer":             {strings.Replace(head, `"version":1`, `"version":2`, 1), "version 2"},
		"another file":      {`{"format":"other"}` + "\n", "not an export"},
		"cut":               {head + file + note + made + edge, "its last line is missing"},
		"cut in a line":     {head + file + note[:40], "middle of a line"},
		"a line is missing": {head + note + made + edge + end, "lines are missing"},
		"out of order":      {head + edge + note, "out of order"},
		"behind the end":    {head + file + note + made + edge + end + note, "out of order"},
		"nobody's revision": {head + made, "without its item"},
		"of a file":         {head + note + file + made, "without its item"},
		"two at once":       {head + strings.Replace(note, `{"item"`, `{"end":{},"item"`, 1), "2 things"},
		"nothing":           {head + "{}\n", "0 things"},
		"unknown":           {head + `{"grant":{}}` + "\n", "unknown field"},
		"no JSON":           {head + "x\n", "can't be read"},
		"more":              {head + strings.TrimSuffix(note, "\n") + "{}\n", "more after its end"},
		"no UTF-8":          {head + strings.Replace(note, `"a"`, "\"\xff\"", 1), "UTF-8"},
		"no id":             {head + strings.Replace(note, "0192", "019", 1), "no UUID"},
		"leads elsewhere":   {head + strings.Replace(file, "blobs/x", "../x", 1), "elsewhere"},
		"leads to the top":  {head + strings.Replace(file, "blobs/x", "/etc/x", 1), "elsewhere"},
		"strange action":    {head + note + strings.Replace(made, "create", "erase", 1), "neither"},
	} {
		err := read(tt.text)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if err := read(strings.Replace(head, `"version":1`, `"version":2`, 1)); locket.CodeOf(err) != locket.CodeNewer {
		t.Errorf("newer: %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(head + file + note + made + edge + end)
	f.Add(head + `{"type":{"name":"Boat","properties":[]}}` + "\n" + end)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := portable.NewReader(strings.NewReader(text))
		var out *portable.Writer
		var again strings.Builder
		for err == nil {
			if out == nil {
				if out, err = portable.NewWriter(&again, r.Header); err != nil {
					t.Fatal(err)
				}
			}
			var l *portable.Line
			if l, err = r.Next(); err == nil && l.End == nil {
				if e := out.Add(l); e != nil {
					t.Fatal(e)
				}
			}
		}
		if !errors.Is(err, io.EOF) {
			return
		}
		// What was read whole can be written, and read again.
		if _, err := out.Close(); err != nil {
			t.Fatal(err)
		}
		if err := read(again.String()); err != nil {
			t.Errorf("%v in %q, read from %q", err, again.String(), text)
		}
	})
}
