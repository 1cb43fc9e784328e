package graph

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
)

// Observations are the lines of the item's text. An entity without any has no text; one
// with an empty one has an empty text.

var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)

// encode is observations as the property text; nil is none.
func encode(list []string) any {
	if len(list) == 0 {
		return nil
	}
	lines := make([]string, len(list))
	for i, s := range list {
		lines[i] = escape.Replace(s)
	}
	return strings.Join(lines, "\n")
}

var unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")

// observations is the inverse of encode.
func observations(text string, some bool) []string {
	list := []string{}
	if !some {
		return list
	}
	for line := range strings.SplitSeq(text, "\n") {
		list = append(list, unescape.Replace(line))
	}
	return list
}

const (
	maxEdgeName = 64
	hashDigits  = 16
)

var (
	edgeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)
	hashForm = regexp.MustCompile(`_[0-9a-f]{16}$`)
	notWord  = regexp.MustCompile(`[^A-Za-z0-9]+`)
)

// edgeName is the name of the edge for a relation type: the type itself where an edge may
// have that name, and else its letters and digits with a hash that tells it from others.
func edgeName(relationType string) string {
	if edgeForm.MatchString(relationType) && !hashForm.MatchString(relationType) {
		return relationType
	}
	slug := strings.Trim(notWord.ReplaceAllString(relationType, "_"), "_")
	if slug == "" || slug[0] >= '0' && slug[0] <= '9' {
		slug = "r" + slug
	}
	sum := sha256.Sum256([]byte(relationType))
	return slug[:min(len(slug), maxEdgeName-hashDigits-1)] + "_" + hex.EncodeToString(sum[:])[:hashDigits]
}

// pretty is JSON.stringify(v, null, 2) of ECMAScript.
func pretty(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return separators.Replace(strings.TrimSuffix(b.String(), "\n")), nil
}

// separators are the two characters that encoding/json escapes and ECMAScript doesn't. A
// backslash that is itself escaped is taken as a pair, so that what follows it stays.
var separators = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029")
