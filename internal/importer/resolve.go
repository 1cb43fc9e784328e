package importer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// A pathIndex finds files of a tree by what a link calls them. Its keys are
// folded file names. It is made by a walk of its own when first needed.
type pathIndex map[string][]place

// A place is a file as far as a link needs to know it.
type place struct {
	path string
	key  string // alias of whatever the file becomes
}

// sameName bounds how many files of one name are told apart by links.
const sameName = 1000

// fold makes names comparable as Obsidian compares them: without regard to case,
// and to how accents are encoded, which differs between systems.
func fold(s string) string { return strings.ToLower(norm.NFC.String(s)) }

// resolve returns the file that a link in the file from leads to, in the way of
// Obsidian: the target may lack folders and, for notes, the extension; case does
// not matter; of several files the one nearest to from is meant. The first call
// walks the whole tree.
func (t *Tree) resolve(ctx context.Context, from, target string) (place, bool, error) {
	if t.index == nil {
		if err := t.buildIndex(ctx); err != nil {
			return place{}, false, err
		}
	}
	target = strings.TrimPrefix(path.Clean(target), "/")
	for _, name := range []string{target + ".md", target + ".markdown", target} {
		if p, ok := t.index.nearest(from, fold(name)); ok {
			return p, true, nil
		}
	}
	return place{}, false, nil
}

func (t *Tree) buildIndex(ctx context.Context) error {
	index := make(pathIndex)
	err := t.Walk(ctx, func(f *File) error {
		name := fold(path.Base(f.Path))
		if f.refused == "" && !f.ignored && len(index[name]) < sameName {
			index[name] = append(index[name], place{path: f.Path, key: f.pathKey()})
		}
		return nil
	})
	if err == nil {
		t.index = index
	}
	return err
}

// nearest picks among the files whose paths end with name: the one that name
// leads to from the folder of from, else the one that it leads to from the top,
// else the one that shares most folders with from, else the one with the shortest
// path.
func (x pathIndex) nearest(from, name string) (place, bool) {
	folder := path.Dir(from)
	relative := path.Join(fold(folder), name)
	var top, fit []place
	for _, p := range x[path.Base(name)] {
		switch folded := fold(p.path); {
		case folded == relative:
			return p, true
		case folded == name:
			top = append(top, p)
		case strings.HasSuffix(folded, "/"+name):
			fit = append(fit, p)
		}
	}
	if len(top) > 0 {
		fit = top
	}
	if len(fit) == 0 {
		return place{}, false
	}
	return slices.MinFunc(fit, func(a, b place) int {
		return cmp.Or(
			cmp.Compare(shared(folder, b.path), shared(folder, a.path)),
			cmp.Compare(len(a.path), len(b.path)),
			strings.Compare(a.path, b.path),
		)
	}), true
}

// shared counts the leading folders that a folder and the path of a file have in
// common.
func shared(folder, p string) int {
	a, b := strings.Split(folder, "/"), strings.Split(path.Dir(p), "/")
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// pathKey is the alias under which links find what f becomes. Size and time are
// part of it, so that a file that was replaced between two imports is not taken
// for the one that stood at its path before.
func (f *File) pathKey() string {
	return "path:" + f.Tree.hash(f.Path, strconv.FormatInt(f.Size, 10), strconv.FormatInt(f.ModTime, 10))
}

// hash names something of this source in bounded length.
func (t *Tree) hash(parts ...string) string {
	h := sha256.New()
	for _, p := range append([]string{t.base()}, parts...) {
		h.Write([]byte(p + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil))
}
