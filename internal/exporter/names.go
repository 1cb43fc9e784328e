package exporter

import (
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxName bounds a name in bytes, so that paths fit into those of Windows.
const maxName = 100

// names gives files names that are unique on every system: without regard to case and
// to how accents are encoded. The same pod gets the same names each time.
type names map[string]bool

// unique returns a path in dir like name with ext. Where that is taken, the end of
// the item's id tells them apart.
func (n names) unique(dir, name, ext, id string) string {
	if ext == "" {
		ext = path.Ext(name)
		name = strings.TrimSuffix(name, ext)
		if len(ext) > 12 {
			name, ext = name+ext, ""
		}
	}
	ext = strings.TrimRight(legal(ext), ". ")
	name = safe(name)
	for i := 0; ; i++ {
		mark := ""
		switch {
		case i == 1:
			mark = " (" + id[max(0, len(id)-8):] + ")"
		case i > 1:
			mark = " (" + id[max(0, len(id)-8):] + "-" + strconv.Itoa(i) + ")"
		}
		p := path.Join(dir, name+mark+ext)
		if key := strings.ToLower(norm.NFC.String(p)); !n[key] {
			n[key] = true
			return p
		}
	}
}

// safe makes a text the name of a file or folder, without an ending, that Windows,
// macOS and Linux take and the importer does not leave out.
func safe(s string) string {
	s = strings.TrimRight(clip(strings.TrimSpace(legal(norm.NFC.String(s))), maxName), ". ")
	if s == "" {
		return "untitled"
	}
	stem, _, _ := strings.Cut(s, ".")
	if s[0] == '.' || reserved(strings.ToUpper(strings.TrimSpace(stem))) {
		s = "_" + s
	}
	return s
}

// legal replaces what is not permitted in names.
func legal(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>:"/\|?*`, r) || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, s)
}

// reserved tells the names of devices on Windows.
func reserved(s string) bool {
	switch s {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$",
		"__MACOSX", "$RECYCLE", "SYSTEM VOLUME INFORMATION", "@EADIR": // left out by the importer
		return true
	}
	port := strings.TrimPrefix(strings.TrimPrefix(s, "COM"), "LPT")
	return len(s) > 3 && port != s && (len(port) == 1 && port[0] >= '0' && port[0] <= '9' || port == "¹" || port == "²" || port == "³")
}

// clip shortens s to at most n bytes without breaking a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
