package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/locketpod/locket"
)

// maxSentence bounds a sentence of an explanation, in characters.
const maxSentence = 200

// Explain says what p permits: a sentence for each rule, limit and end. Lists are
// shortened until it fits a line; actions never are.
func Explain(p locket.Policy) []string {
	var out []string
	for i := range p.Rules {
		out = append(out, explainRule(&p.Rules[i]))
	}
	if len(out) == 0 {
		return []string{"May do nothing."}
	}
	for _, l := range p.Limits {
		s := explainLimit(l)
		out = append(out, strings.ToUpper(s[:1])+s[1:]+".")
	}
	if !p.Expires.IsZero() {
		out = append(out, "All of this ends on "+when(p.Expires)+".")
	}
	return out
}

func explainRule(r *locket.Rule) string {
	for n := 4; n > 1; n-- {
		if s := ruleSentence(r, n); utf8.RuneCountInString(s) <= maxSentence {
			return s
		}
	}
	// What goes missing here are bounds: the rule seems to permit more than it does.
	return clip(ruleSentence(r, 1), maxSentence)
}

// ruleSentence names at most n elements of each list.
func ruleSentence(r *locket.Rule, n int) string {
	var b strings.Builder
	list := actionsOf(r.Actions).list()
	b.WriteString("May")
	if r.Review {
		b.WriteString(", once the owner approves it,") // in front, so that it is not cut off
	}
	b.WriteString(" ")
	b.WriteString(and(words(list), len(list)) + " " + things(r, n))
	if len(r.Where) > 0 {
		var tests []string
		for _, name := range slices.Sorted(maps.Keys(r.Where)) {
			tests = append(tests, explainMatch(name, r.Where[name], n))
		}
		if len(tests) > n {
			tests = append(tests[:n:n], counted(len(tests)-n, "more test"))
		}
		b.WriteString(" where " + strings.Join(tests, " and "))
	}
	switch {
	case !r.After.IsZero() && !r.Before.IsZero():
		b.WriteString(", dated from " + when(r.After) + " until " + when(r.Before))
	case !r.After.IsZero():
		b.WriteString(", dated from " + when(r.After) + " on")
	case !r.Before.IsZero():
		b.WriteString(", dated before " + when(r.Before))
	}
	if len(r.Properties) > 0 {
		b.WriteString(", only their " + and(plain(r.Properties, 10*n), n))
	}
	if !r.Expires.IsZero() {
		b.WriteString(", until " + when(r.Expires))
	}
	return b.String() + "."
}

// things names the items of a rule by their types and ids.
func things(r *locket.Rule, n int) string {
	types := make([]string, len(r.Types))
	for i, t := range r.Types {
		if types[i] = plurals()[t]; types[i] == "" {
			types[i] = plain([]string{t}, 10*n)[0] + " items"
		}
	}
	if len(types) > n {
		types = append(types[:n:n], counted(len(types)-n, "more type"))
	}
	what := and(types, len(types))
	switch {
	case len(r.Items) == 1:
		which := "the item " + quote(string(r.Items[0]), 36)
		if what == "" {
			return which
		}
		return what + ", if it is " + which
	case len(r.Items) > 1 && what == "":
		return fmt.Sprintf("%d chosen items", len(r.Items))
	case len(r.Items) > 1:
		return what + fmt.Sprintf(" among %d chosen items", len(r.Items))
	case what == "":
		return "items of every type"
	}
	return what
}

func plurals() map[string]string {
	return map[string]string{
		"Note": "notes", "Message": "messages", "Person": "people", "Event": "events", "Photo": "photos", "File": "files",
		"Bookmark": "bookmarks", "Place": "places", "Conversation": "conversations", "Memory": "memories",
	}
}

func explainMatch(name string, m locket.Match, n int) string {
	name = plain([]string{name}, 10*n)[0]
	if len(m.In) == 0 {
		return name + " begins with " + quote(m.Prefix, 10*n)
	}
	values := make([]string, len(m.In))
	for i, v := range m.In {
		switch v := v.(type) {
		case string:
			values[i] = quote(v, 10*n)
		case json.Number:
			values[i] = clip(v.String(), 10*n)
		default:
			values[i] = fmt.Sprint(v)
		}
	}
	return name + " is " + enumerate(values, "or", n)
}

func explainLimit(l locket.Limit) string {
	s := "at most " + counted(l.Count, "request") + " per " + l.Per
	if set := limited(l); set != actionsOf(locket.Permissions()) {
		s += " to " + enumerate(words(set.list()), "or", 9)
	}
	return s
}

func counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func and(list []string, n int) string { return enumerate(list, "and", n) }

// enumerate joins the first n elements as in "a, b and c", or "a, b and 3 more".
func enumerate(list []string, word string, n int) string {
	if len(list) > n {
		list = append(list[:n:n], fmt.Sprintf("%d more", len(list)-n))
	}
	last := len(list) - 1
	if last < 1 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:last], ", ") + " " + word + " " + list[last]
}

// plain gives names as they are if they are made of letters, digits and _, and
// otherwise in quotes.
func plain(names []string, n int) []string {
	out := make([]string, len(names))
	for i, s := range names {
		out[i] = clip(s, n)
		if strings.ContainsFunc(s, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
			out[i] = quote(s, n)
		}
	}
	return out
}

// quote shortens s to n characters and shows those that can't be seen as escapes, so
// that a text can't pose as a part of the sentence.
func quote(s string, n int) string { return strconv.Quote(clip(s, n)) }

// when gives a time in UTC, as short as it is.
func when(t time.Time) string {
	t = t.UTC()
	switch {
	case t.Nanosecond() != 0:
		return t.Format("2006-01-02 15:04:05.999999999 UTC")
	case t.Second() != 0:
		return t.Format("2006-01-02 15:04:05 UTC")
	case t.Hour() != 0 || t.Minute() != 0:
		return t.Format("2006-01-02 15:04 UTC")
	}
	return t.Format(time.DateOnly)
}
