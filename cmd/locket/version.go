package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versions says what this program was built from.
type versions struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // the source was not as committed
	SQLite   string `json:"sqlite,omitempty"`   // version of its Go translation
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readVersion() versions {
	v := versions{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	for _, m := range info.Deps {
		if m.Path == "modernc.org/sqlite" {
			v.SQLite = m.Version
		}
	}
	return v
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is",
		Example: "  locket version\n  locket version --json",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			v := readVersion()
			return c.print(v, func(p *printer) {
				p.line("locket %s %s", v.Version, v.Platform)
				if v.Revision != "" {
					p.line("revision %s%s", v.Revision, map[bool]string{true: ", modified"}[v.Modified])
				}
				p.line("%s, modernc.org/sqlite %s", v.Go, v.SQLite)
			})
		},
	}
}
