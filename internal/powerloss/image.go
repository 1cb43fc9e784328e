package powerloss

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// An image is the content of a folder by paths below it. A folder has none: nil, and
// its path ends in a slash.
type image map[string][]byte

// read reads a folder, without files of shared memory.
func read(dir string) (image, error) {
	img := make(image)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		switch {
		case err != nil:
			return err
		case d.IsDir():
			img[rel+"/"] = nil
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("powerloss: %s is no regular file", name)
		case shared(rel):
			return nil
		}
		img[rel], err = os.ReadFile(name)
		return err
	})
	return img, err
}

// disk returns a disk on which the image is for sure.
func (img image) disk() *node {
	root := newFolder()
	for _, name := range slices.Sorted(maps.Keys(img)) { // folders come before what is in them
		n := newFile(img[name])
		trimmed, folder := strings.CutSuffix(name, "/")
		if folder {
			n = newFolder()
		}
		dir, base := root.holder(trimmed)
		dir.names[base], dir.lasting[base] = n, n
	}
	return root
}

// image is what is on the disk after the loss.
func (l *loss) image(disk *node) image {
	img := make(image)
	l.add(img, "", disk)
	return img
}

func (l *loss) add(img image, prefix string, n *node) {
	names := maps.Clone(n.lasting)
	for _, r := range n.renames {
		if l.keeps(r) {
			r.apply(names)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		child, full := names[name], path.Join(prefix, name)
		switch {
		case child.names != nil:
			img[full+"/"] = nil
			l.add(img, full, child)
		case !shared(name):
			img[full] = l.content(child)
		}
	}
}

// write puts the image into an empty folder.
func (img image) write(dir string) error {
	for _, name := range slices.Sorted(maps.Keys(img)) {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			if err := os.Mkdir(full, 0o700); err != nil {
				return err
			}
		} else if err := os.WriteFile(full, img[name], 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (img image) equal(other image) bool { return maps.EqualFunc(img, other, bytes.Equal) }

func (img image) difference(other image) string {
	all := maps.Clone(img)
	maps.Copy(all, other)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a, inA := img[name]
		b, inB := other[name]
		if inA != inB || !bytes.Equal(a, b) {
			return fmt.Sprintf("%s: there %t with %d bytes, and %t with %d", name, inA, len(a), inB, len(b))
		}
	}
	return "nothing"
}

func (img image) hash() [sha256.Size]byte {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(img)) {
		fmt.Fprintf(h, "%q %d\n", name, len(img[name]))
		h.Write(img[name])
	}
	return [sha256.Size]byte(h.Sum(nil))
}
