package graph

import (
	"bytes"
	"encoding/json"
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
