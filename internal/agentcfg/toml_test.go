package agentcfg_test

import (
	"errors"
	"testing"

	"github.com/locketpod/locket/internal/agentcfg"
)

var mine = []agentcfg.Pair{{Key: "command", Value: "/bin/locket"}, {Key: "args", Value: []string{"mcp", `a"b`}}}

const codex = `# my configuration
model = "o3"   # the good one
notify = [
  "a", # first
  'b',
]

[mcp_servers.docs]
command = "npx"
env = { TOKEN = "hidden", "a b" = 1 }

[[profiles]]
date = 1979-05-27 07:32:00
text = """
[mcp_servers.locket]
not a table"""

[tui]
x = 1_000.5e3
`

func TestTOMLIsSetInPlace(t *testing.T) {
	added := "\n[mcp_servers.locket]\ncommand = \"/bin/locket\"\nargs = [\"mcp\", \"a\\\"b\"]\n"
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", added[1:]},
		{"others", codex, codex + added},
		{"no line end", "a = 1", "a = 1\n" + added},
		{
			"changed", "[mcp_servers.locket]\ncommand = 'old' # mine\nurl = \"x\"\ntimeout = 5\n\n[z]\n",
			"[mcp_servers.locket]\nargs = [\"mcp\", \"a\\\"b\"]\ncommand = \"/bin/locket\" # mine\ntimeout = 5\n\n[z]\n",
		},
		{"there already", "[ mcp_servers . \"locket\" ]\nargs = [ 'mcp',\n 'a\"b' ]\ncommand = '''/bin/locket'''", "[ mcp_servers . \"locket\" ]\nargs = [ 'mcp',\n 'a\"b' ]\ncommand = '''/bin/locket'''"},
	} {
		d, err := agentcfg.ParseTOML([]byte(tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if err := d.Set(mine, []string{"url"}, "mcp_servers", "locket"); err != nil || string(d.Text()) != tt.want {
			t.Errorf("%s: %v\n got %q\nwant %q", tt.name, err, d.Text(), tt.want)
		}
		if (len(d.Edits()) == 0) != (tt.in == tt.want) {
			t.Errorf("%s: edits %v", tt.name, d.Edits())
		}
	}
}

func TestTOMLIsRemovedInPlace(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"only", "[mcp_servers.locket]\ncommand = 1\n", ""},
		{"at the end", "a = 1\n\n[mcp_servers.locket]\ncommand = 1\n", "a = 1\n"},
		{"between", "[a]\n\n[mcp_servers.locket]\nc = 1 # x\n[mcp_servers.locket.env]\nA = 'b'\n\n# of z\n[z]\n", "[a]\n\n# of z\n[z]\n"},
		{"absent", codex, codex},
	} {
		d, err := agentcfg.ParseTOML([]byte(tt.in))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Remove("mcp_servers", "locket"); err != nil || string(d.Text()) != tt.want {
			t.Errorf("%s: %v\n got %q\nwant %q", tt.name, err, d.Text(), tt.want)
		}
	}
	d, err := agentcfg.ParseTOML([]byte(codex))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Set(mine, nil, "mcp_servers", "locket"), d.Remove("mcp_servers", "locket")); err != nil || string(d.Text()) != codex {
		t.Errorf("set and removed: %v, %q", err, d.Text())
	}
}

func TestMalformedTOMLIsRefused(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want error
	}{
		{"a", agentcfg.ErrMalformed},
		{"a = ", agentcfg.ErrMalformed},
		{"a = b", agentcfg.ErrMalformed},
		{"a = 1 b = 2", agentcfg.ErrMalformed},
		{"[a", agentcfg.ErrMalformed},
		{"[a] b = 1", agentcfg.ErrMalformed},
		{"[a]\n[a]\n", agentcfg.ErrMalformed},
		{"a = 1\na = 2", agentcfg.ErrMalformed},
		{`a = "x`, agentcfg.ErrMalformed},
		{`a = """x`, agentcfg.ErrMalformed},
		{"a = 'x\n'", agentcfg.ErrMalformed},
		{`a = "\q"`, agentcfg.ErrMalformed},
		{"a = [1", agentcfg.ErrMalformed},
		{"a = [1 2]", agentcfg.ErrMalformed},
		{"a = {b = 1", agentcfg.ErrMalformed},
		{"a = {b = 1,\n}", agentcfg.ErrMalformed},
		{"= 1", agentcfg.ErrMalformed},
		{"a = 'b\xff'", agentcfg.ErrMalformed},
		{"{\"json\": 1}", agentcfg.ErrMalformed},
		{"mcp_servers = {}", agentcfg.ErrForm},
		{"mcp_servers.locket.command = 'x'", agentcfg.ErrForm},
		{"[mcp_servers]\nlocket = {command = 'x'}", agentcfg.ErrForm},
		{"[[mcp_servers.locket]]\n", agentcfg.ErrForm},
	} {
		d, err := agentcfg.ParseTOML([]byte(tt.in))
		if err == nil {
			err = d.Set(mine, nil, "mcp_servers", "locket")
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.in, err, tt.want)
		}
	}
}

func FuzzTOML(f *testing.F) {
	f.Add(codex)
	f.Add("\"\\")
	f.Add("a.b = [ {c = 'd'} ]\n[mcp_servers.locket]\ncommand=1")
	f.Fuzz(func(t *testing.T, in string) {
		d, err := agentcfg.ParseTOML([]byte(in))
		if err != nil || d.Set(mine, []string{"url"}, "mcp_servers", "locket") != nil {
			return
		}
		if got, ok, err := d.Get("mcp_servers", "locket"); err != nil || !ok || got["command"] != "/bin/locket" {
			t.Fatalf("set, and got %v, %v, %v of %q", got, ok, err, d.Text())
		}
		if err := d.Remove("mcp_servers", "locket"); err != nil {
			t.Fatalf("%v of %q", err, d.Text())
		}
		if _, ok, err := d.Get("mcp_servers", "locket"); err != nil || ok {
			t.Fatalf("not removed: %v %q", err, d.Text())
		}
	})
}
