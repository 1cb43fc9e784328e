package tree

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// clean returns the path by which a file is kept: in NFC, without empty parts and dots.
// It refuses all that might mean something else to somebody who decodes it once more,
// though nothing here does.
func clean(given string) (string, error) {
	if given != root && !strings.HasPrefix(given, root+"/") {
		return "", refuse("Path must start with /memories, got: %s", printable(given))
	}
	parts := []string{""}
	for part := range strings.SplitSeq(norm.NFC.String(given), "/") {
		switch {
		case part == "" || part == ".":
		case part == ".." || strange(part):
			return "", refuse("Path %s would escape /memories directory", printable(given))
		default:
			parts = append(parts, part)
		}
	}
	path := strings.Join(parts, "/")
	return path, checkPath(path)
}

func checkPath(path string) error {
	if len(path) > maxPath {
		return refuse("Path is %d bytes long; at most %d are allowed. Please choose a shorter one.", len(path), maxPath)
	}
	return nil
}

// encoded finds a dot, a slash, a backslash, a NUL or a percent sign in the encoding of URLs.
var encoded = regexp.MustCompile(`(?i)%(?:2e|2f|5c|00|25)`)

// strange finds what is no part of a file's name, or would break the lines of a listing.
func strange(part string) bool {
	return !utf8.ValidString(part) || strings.Contains(part, `\`) || encoded.MatchString(part) || strings.ContainsFunc(part, breaks)
}

func breaks(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) }

// printable is a text as it may be told in one line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if breaks(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// above tells whether a folder has the path in it.
func above(folder, path string) bool { return strings.HasPrefix(path, folder+"/") }
