// Package layers keeps the picture of the packages true: imports run down only.
package layers

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/locketpod/locket"

// The layers from the bottom up. Packages on one rung do not know each other; a
// package may import those on lower rungs, and everything may import the
// vocabulary except the bytes, which know nothing of pods.
var rungs = [][]string{
	{"internal/secret", "internal/durable", "internal/canon", "internal/jsontext", "internal/harden", "internal/safehttp", "internal/agentcfg"}, // bytes
	{"internal/seal", "internal/sqlcipher", "internal/agekey", "internal/slip39"},
	{"."}, // the vocabulary: standard library only
	{"internal/keyring", "internal/policy", "internal/blob", "internal/keystore", "internal/kit", "internal/foreign", "internal/embed"}, // keys and rules
	{"internal/policy/policytest"},
	{"internal/journal", "internal/portable"}, // state, a ladder
	{"internal/store"},
	{"internal/podtest"},
	{"internal/pods"},
	{"internal/importer", "internal/demo", "internal/backup", "internal/exporter", "internal/memory", "internal/memory/recall", "internal/memory/tree", "internal/memory/graph"}, // services, over Views and files
	{"internal/ops"}, // faces, a ladder
	{"client"},
	{"internal/api", "internal/mcp", "internal/oauth"},
	{"internal/daemon"}, // whole
	{"cmd/locket", "bench/locomo"},
	{"internal/powerloss"}, // tests of the program
	{"internal/e2e"},
}

func TestLayers(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	problems, err := check(os.DirFS(root), rungs)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// check parses the imports of every non-test file of the module. It does so
// itself, since what a child process reads is not seen by the test cache.
func check(tree fs.FS, rungs [][]string) ([]string, error) {
	rank := make(map[string]int)
	for i, pkgs := range rungs {
		for _, p := range pkgs {
			rank[p] = i
		}
	}
	imports, err := importsOf(tree)
	if err != nil {
		return nil, err
	}
	var problems []string
	for pkg, deps := range imports {
		r, ok := rank[pkg]
		if !ok {
			problems = append(problems, fmt.Sprintf("%s is in no layer: add it to the table", pkg))
			continue
		}
		for _, dep := range deps {
			if pkg == "." && strings.Contains(dep, ".") {
				problems = append(problems, fmt.Sprintf("the root package imports %s: it may use only the standard library", dep))
			}
			own, ok := strings.CutPrefix(dep, module)
			if !ok {
				continue
			}
			own = strings.TrimPrefix(own, "/")
			if own == "" {
				own = "."
			}
			if d, ok := rank[own]; ok && d >= r {
				problems = append(problems, fmt.Sprintf("%s (rung %d) imports %s (rung %d)", pkg, r+1, own, d+1))
			}
		}
	}
	for p := range rank {
		if _, ok := imports[p]; !ok {
			problems = append(problems, fmt.Sprintf("%s is in the table but not in the tree", p))
		}
	}
	slices.Sort(problems)
	return problems, nil
}

// importsOf maps each package folder to what its non-test files import. Folders
// with a go.mod of their own are other modules.
func importsOf(tree fs.FS) (map[string][]string, error) {
	imports := make(map[string][]string)
	err := fs.WalkDir(tree, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" || len(d.Name()) > 1 && d.Name()[0] == '.' {
				return fs.SkipDir
			}
			if _, err := fs.Stat(tree, path.Join(file, "go.mod")); err == nil && file != "." {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		src, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := path.Dir(file)
		imports[dir] = append(imports[dir], []string{}...)
		for _, s := range f.Imports {
			p, err := strconv.Unquote(s.Path.Value)
			if err != nil {
				return err
			}
			imports[dir] = append(imports[dir], p)
		}
		return nil
	})
	return imports, err
}
