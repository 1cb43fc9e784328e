package agentcfg_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/locketpod/locket/internal/agentcfg"
)

type entry struct {
	Command string   `json:"command"`
	Args    []string `json:"args"`
}

func TestJSONIsSetInPlace(t *testing.T) {
	small := func(d *agentcfg.JSON) error { return d.Set("v", "servers", "locket") }
	for _, tt := range []struct {
		name, in string
		do       func(*agentcfg.JSON) error
		want     string
	}{
		{"empty", "", small, "{\n  \"servers\": {\n    \"locket\": \"v\"\n  }\n}\n"},
		{"empty object", "{}", small, "{\n  \"servers\": {\n    \"locket\": \"v\"\n  }\n}"},
		{
			"others, tabs, no order", "{\n\t\"z\": 1,\n\t\"servers\": {\n\t\t\"b\": {},\n\t\t\"a\": 1.50\n\t},\n\t\"c\": [ 1,2 ]\n}\n", small,
			"{\n\t\"z\": 1,\n\t\"servers\": {\n\t\t\"b\": {},\n\t\t\"a\": 1.50,\n\t\t\"locket\": \"v\"\n\t},\n\t\"c\": [ 1,2 ]\n}\n",
		},
		{"line ends of Windows", "{\r\n  \"a\": 1\r\n}\r\n", small, "{\r\n  \"a\": 1,\r\n  \"servers\": {\r\n    \"locket\": \"v\"\r\n  }\r\n}\r\n"},
		{"one line", `{"a": 1, "servers": {"b": 2}}`, small, `{"a": 1, "servers": {"b": 2, "locket": "v"}}`},
		{"one line, no spaces", `{"a":1,"servers":{}}`, small, `{"a":1,"servers":{"locket":"v"}}`},
		{"empty servers", "{\n    \"servers\": {}\n}", small, "{\n    \"servers\": {\n        \"locket\": \"v\"\n    }\n}"},
		{"there already", "{\"servers\":{\"locket\": \"v\"}}", small, "{\"servers\":{\"locket\": \"v\"}}"},
		{"replaced", "{\"servers\":{\"locket\": [1], \"x\":2}}", small, "{\"servers\":{\"locket\": \"v\", \"x\":2}}"},
		{"byte order mark", "\ufeff{}", small, "\ufeff{\n  \"servers\": {\n    \"locket\": \"v\"\n  }\n}"},
		{
			"comment after the last", "{\n  // top\n  \"a\": 1 // one\n  // end\n}", small,
			"{\n  // top\n  \"a\": 1, // one\n  \"servers\": {\n    \"locket\": \"v\"\n  }\n  // end\n}",
		},
		{"comma after the last", "{\n  \"a\": 1, /* one */\n}", small, "{\n  \"a\": 1, /* one */\n  \"servers\": {\n    \"locket\": \"v\"\n  },\n}"},
		{"nothing but a comment", "{\n  // none yet\n}", small, "{\n  \"servers\": {\n    \"locket\": \"v\"\n  }\n  // none yet\n}"},
		{"objects", "{\n  \"a\": 1\n}", func(d *agentcfg.JSON) error {
			return d.Set(entry{"/x <y>", []string{"mcp", "a\"b"}}, "servers", "locket")
		}, "{\n  \"a\": 1,\n  \"servers\": {\n    \"locket\": {\n      \"command\": \"/x <y>\",\n      \"args\": [\n        \"mcp\",\n        \"a\\\"b\"\n      ]\n    }\n  }\n}"},
		{"append", "{\n  \"l\": [\n    1\n  ]\n}", func(d *agentcfg.JSON) error { return d.Append(2, "l") }, "{\n  \"l\": [\n    1,\n    2\n  ]\n}"},
		{"append to none", "{}", func(d *agentcfg.JSON) error { return d.Append(2, "h", "l") }, "{\n  \"h\": {\n    \"l\": [\n      2\n    ]\n  }\n}"},
	} {
		d, err := agentcfg.ParseJSON([]byte(tt.in), true)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if err := tt.do(d); err != nil || string(d.Text()) != tt.want {
			t.Errorf("%s: %v\n got %q\nwant %q", tt.name, err, d.Text(), tt.want)
		}
		if (len(d.Edits()) == 0) != (tt.in == tt.want) {
			t.Errorf("%s: edits %v", tt.name, d.Edits())
		}
	}
}

func TestJSONIsRemovedInPlace(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"last", "{\n  \"a\": 1,\n  \"servers\": {\n    \"x\": 1,\n    \"locket\": 2\n  }\n}", "{\n  \"a\": 1,\n  \"servers\": {\n    \"x\": 1\n  }\n}"},
		{"first", "{\n  \"servers\": {\n    \"locket\": 2,\n    \"x\": 1\n  }\n}", "{\n  \"servers\": {\n    \"x\": 1\n  }\n}"},
		{"only", "{\n  \"a\": 1,\n  \"servers\": {\n    \"locket\": 2\n  }\n}", "{\n  \"a\": 1\n}"},
		{"all", "{\n  \"servers\": {\n    \"locket\": 2\n  }\n}\n", "{}\n"},
		{"one line", `{"servers": {"locket": 1, "b": 2}}`, `{"servers": {"b": 2}}`},
		{"absent", `{"servers": {"b": 2}}`, `{"servers": {"b": 2}}`},
		{
			"comments", "{\n  \"servers\": {\n    \"x\": 1, // ex\n    // of locket\n    \"locket\": 2 // here\n    // end\n  }\n}",
			"{\n  \"servers\": {\n    \"x\": 1 // ex\n    // of locket // here\n    // end\n  }\n}",
		},
		{
			"comments after", "{\n  \"servers\": {\n    \"locket\": 2, // here\n    // of x\n    \"x\": 1\n  }\n}",
			"{\n  \"servers\": {\n    // of x\n    \"x\": 1\n  }\n}",
		},
	} {
		d, err := agentcfg.ParseJSON([]byte(tt.in), true)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Remove("servers", "locket"); err != nil || string(d.Text()) != tt.want {
			t.Errorf("%s: %v\n got %q\nwant %q", tt.name, err, d.Text(), tt.want)
		}
	}
}

// TestSetAndRemoveLeaveNothing checks that what a client's file was before comes back.
func TestSetAndRemoveLeaveNothing(t *testing.T) {
	for _, in := range []string{
		"{\n  \"a\": 1,\n  \"servers\": {\n    \"x\": 1\n  },\n  \"b\": [\n    {\n      \"h\": 1\n    }\n  ]\n}\n",
		`{"a": 1, "servers": {"x": 1}, "b": [1]}`, "{\r\n\t\"servers\": {\"x\": {}},\r\n\t\"b\": [1]\r\n}",
	} {
		d, err := agentcfg.ParseJSON([]byte(in), false)
		if err != nil {
			t.Fatal(err)
		}
		mine := map[string]int{"mine": 1}
		for _, err := range []error{
			d.Set(mine, "servers", "locket"), d.Append(mine, "b"), d.Append(mine, "c", "d"),
			d.Remove("servers", "locket"),
			d.RemoveElements(func(e json.RawMessage) bool { return strings.Contains(string(e), "mine") }, "b"),
			d.RemoveElements(func(json.RawMessage) bool { return true }, "c", "d"),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if string(d.Text()) != in {
			t.Errorf("\n got %q\nwant %q", d.Text(), in)
		}
	}
}

func TestMalformedJSONIsRefused(t *testing.T) {
	for _, tt := range []struct {
		in       string
		comments bool
		want     error
	}{
		{"{", true, agentcfg.ErrMalformed},
		{"[]", true, agentcfg.ErrMalformed},
		{"{} x", true, agentcfg.ErrMalformed},
		{`{"a": 1,}`, false, agentcfg.ErrMalformed},
		{"{} // x", false, agentcfg.ErrMalformed},
		{"{/* x", true, agentcfg.ErrMalformed},
		{`{"a": 01}`, true, agentcfg.ErrMalformed},
		{`{"a": nul}`, true, agentcfg.ErrMalformed},
		{`{"a": "x` + "\n" + `"}`, true, agentcfg.ErrMalformed},
		{`{"a" 1}`, true, agentcfg.ErrMalformed},
		{`{a: 1}`, true, agentcfg.ErrMalformed},
		{`{"a": "\q"}`, true, agentcfg.ErrMalformed},
		{"{\"a\": \"\xff\"}", true, agentcfg.ErrMalformed},
		{`{"a": [1 2]}`, true, agentcfg.ErrMalformed},
		{"{\"a\": \"\x01\"}", true, agentcfg.ErrMalformed},
		{strings.Repeat(`{"a":`, 300), true, agentcfg.ErrMalformed},
		{`{"servers": {}, "servers": {}}`, true, agentcfg.ErrMalformed},
		{`{"servers": []}`, true, agentcfg.ErrForm},
		{`{"servers": null}`, true, agentcfg.ErrForm},
	} {
		d, err := agentcfg.ParseJSON([]byte(tt.in), tt.comments)
		if err == nil {
			err = d.Set(1, "servers", "locket")
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%.40q: %v, want %v", tt.in, err, tt.want)
		}
	}
}

func TestDiffShowsOnlyWhatChanges(t *testing.T) {
	d, err := agentcfg.ParseJSON([]byte("{\n  \"servers\": {\n    \"x\": {\"env\": {\"KEY\": \"hidden\"}}\n  }\n}\n"), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Set(entry{"c", []string{}}, "servers", "locket"); err != nil {
		t.Fatal(err)
	}
	want := "@@ line 4 @@\n+    \"locket\": {\n+      \"command\": \"c\",\n+      \"args\": []\n+    }\n"
	if got := agentcfg.Diff(d.Edits()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add("{\n  \"servers\": {\"x\": [1, {\"a\": null}]} // c\n}", true)
	f.Add(`{"servers":{"locket":1,},}`, true)
	f.Fuzz(func(t *testing.T, in string, comments bool) {
		d, err := agentcfg.ParseJSON([]byte(in), comments)
		if !comments && strings.TrimSpace(in) != "" && json.Valid([]byte(in)) && utf8.ValidString(in) && strings.HasPrefix(strings.TrimSpace(in), "{") && err != nil && len(in) < 400 {
			t.Fatalf("refused what is valid: %v", err)
		}
		if err != nil {
			return
		}
		if !comments && !json.Valid(d.Text()) && !strings.HasPrefix(in, "\ufeff") {
			t.Fatalf("took what is not valid")
		}
		if d.Set("v", "servers", "locket") != nil {
			return
		}
		if got, ok, err := d.Get("servers", "locket"); err != nil || !ok || string(got) != `"v"` {
			t.Fatalf("set, and got %s, %v, %v of %q", got, ok, err, d.Text())
		}
		if err := d.Remove("servers", "locket"); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := d.Get("servers", "locket"); err != nil || ok {
			t.Fatalf("not removed: %v %q", err, d.Text())
		}
	})
}
