package importer

import (
	"net/mail"
	"regexp"
	"strings"
	"time"

	"github.com/jhillyerd/enmime/v2"
)

// discard takes the remarks of a header parser that nobody will read.
type discard struct{}

func (discard) AddError(string, string, ...any)   {}
func (discard) AddWarning(string, string, ...any) {}

// value returns a header, decoded (RFC 2047), on one line, "" if it is absent.
func (m *parsedMail) value(name string) string {
	return strings.Join(strings.Fields(decodeWords(m.header.Get(name))), " ")
}

var encodedWord = regexp.MustCompile(`=\?[^?\s]+\?[bBqQ]\?[^?]*\?=`)

// decodeWords decodes the encoded words of a header one by one, so that a broken
// one spoils only itself.
func decodeWords(s string) string {
	s = toUTF8([]byte(s))
	if !strings.Contains(s, "=?") {
		return s
	}
	decoder := mailWords()
	if out, err := decoder.DecodeHeader(s); err == nil {
		return out
	}
	return encodedWord.ReplaceAllStringFunc(s, func(w string) string {
		if out, err := decoder.Decode(strings.Join(strings.Fields(w), "_")); err == nil {
			return out
		}
		return w
	})
}

// ids returns the message ids of a header, without their angle brackets. A header
// without any bracket is one id if it is one word; what else stands around ids in
// old mail ("your message of Tuesday") is not one.
func (m *parsedMail) ids(name string) []string {
	s := strings.Join(m.header[name], " ")
	if len(s) > 64<<10 {
		m.flaw("%s is too long", name)
		s = s[:64<<10]
	}
	var ids []string
	for _, match := range messageID.FindAllStringSubmatch(s, maxMailRefs) {
		ids = append(ids, cleanText(strings.Join(strings.Fields(match[1]), "")))
	}
	if bare := strings.Fields(s); len(ids) == 0 && len(bare) == 1 && strings.Contains(bare[0], "@") {
		ids = append(ids, cleanText(strings.Trim(bare[0], "<>")))
	}
	return ids
}

var messageID = regexp.MustCompile(`<([^<>]{1,998})>`)

// addresses returns the addresses of a header. A name without an address is kept
// as a name.
func (m *parsedMail) addresses(name string) []mail.Address {
	s := strings.TrimSpace(strings.Join(m.header[name], ", "))
	if s == "" {
		return nil
	}
	list := parseAddresses(s)
	if len(list) > maxMailPeople {
		m.flaw("%s has more than %d addresses; the rest is in the raw message", name, maxMailPeople)
		list = list[:maxMailPeople]
	}
	return list
}

func parseAddresses(s string) []mail.Address {
	s = toUTF8([]byte(s))
	var out []mail.Address
	if len(s) <= 64<<10 {
		if list, err := enmime.ParseAddressList(s); err == nil {
			for _, a := range list {
				out = append(out, mail.Address{Name: oneLine(a.Name), Address: oneLine(a.Address)})
			}
			return out
		}
	}
	for _, piece := range splitAddresses(s) {
		if a, ok := looseAddress(piece); ok {
			out = append(out, a)
		}
		if len(out) > maxMailPeople {
			break
		}
	}
	return out
}

// splitAddresses cuts a list at its commas and semicolons, not at those within
// quotes, brackets or comments.
func splitAddresses(s string) []string {
	var out []string
	quoted, depth, start := false, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<' || c == '(':
			depth++
		case (c == '>' || c == ')') && depth > 0:
			depth--
		case (c == ',' || c == ';') && depth == 0:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

var (
	bracketed = regexp.MustCompile(`<\s*([^<>\s]+@[^<>\s]+?)\s*>`)
	bareAddr  = regexp.MustCompile(`[^\s<>()",;:]+@[^\s<>()",;:]+`)
	atAddr    = regexp.MustCompile(`^\s*<?([^\s<>()@]+) at ([^\s<>()@]+\.[^\s<>()@]+)>?`)
	comment   = regexp.MustCompile(`\(([^()]*)\)`)
)

// looseAddress reads one address that is against the grammar: unquoted names, raw
// bytes, "user at host (Name)" of Mailman's archives, or a name alone.
func looseAddress(s string) (mail.Address, bool) {
	if i := strings.IndexByte(s, ':'); i >= 0 && !strings.ContainsAny(s[:i], `@<"`) {
		s = s[i+1:] // the name of a group, as in "undisclosed recipients: ;"
	}
	s = clip(s, 4096)
	var a mail.Address
	rest := s
	if loc := bracketed.FindStringSubmatchIndex(s); loc != nil {
		a.Address, rest = s[loc[2]:loc[3]], s[:loc[0]]+s[loc[1]:]
	} else if loc := atAddr.FindStringSubmatchIndex(s); loc != nil {
		a.Address, rest = s[loc[2]:loc[3]]+"@"+s[loc[4]:loc[5]], s[loc[1]:]
	} else if loc := bareAddr.FindStringIndex(s); loc != nil {
		a.Address, rest = s[loc[0]:loc[1]], s[:loc[0]]+s[loc[1]:]
	}
	if c := comment.FindStringSubmatch(rest); c != nil && strings.TrimSpace(comment.ReplaceAllString(rest, "")) == "" {
		rest = c[1]
	}
	a.Name = strings.Trim(oneLine(decodeWords(rest)), `"'<> `)
	a.Address = strings.Trim(cleanText(a.Address), `.'`)
	return a, a.Name != "" || a.Address != ""
}

// addressText is how an address stands in a property: "Name <address>", or the one
// of both that there is.
func addressText(a mail.Address) string {
	switch {
	case a.Address == "":
		return a.Name
	case a.Name == "" || strings.EqualFold(a.Name, a.Address):
		return a.Address
	}
	return a.Name + " <" + a.Address + ">"
}

// dates sets dateSent, and dateReceived from the topmost Received.
func (m *parsedMail) dates(props map[string]any) {
	if s := m.value("Date"); s != "" {
		if t, ok := parseMailDate(s); ok {
			props["dateSent"] = t
		} else {
			m.flaw("the date %q cannot be right", clip(s, 60))
		}
	} else {
		m.flaw("no date")
	}
	received := m.value("Received")
	if i := strings.LastIndexByte(received, ';'); i >= 0 {
		if t, ok := parseMailDate(received[i+1:]); ok {
			props["dateReceived"] = t
		}
	}
}

var dateLayouts = []string{
	"2 Jan 2006 15:04:05 -0700",
	"2 Jan 2006 15:04 -0700",
	"2 Jan 2006 15:04:05",
	"2 Jan 2006 15:04",
	"2 Jan 06 15:04:05",
	"2 January 2006 15:04:05 -0700",
	"Mon Jan 2 15:04:05 2006",
	"Mon Jan 2 15:04:05 -0700 2006",
	"2 Jan 2006",
	time.RFC3339,
	"2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04:05",
}

// parseMailDate reads the date of a message, also in forms of before and beside
// RFC 5322. A zone that cannot be read is taken for UTC. Years before 1971, which
// are clocks that were never set, and after 2099 are no dates.
func parseMailDate(s string) (time.Time, bool) {
	s = strings.Join(strings.Fields(comment.ReplaceAllString(clip(s, 200), " ")), " ")
	t, err := mail.ParseDate(s)
	if err != nil {
		t, err = looseDate(s)
	}
	if err != nil || t.Year() < 1971 || t.Year() > 2099 {
		return time.Time{}, false
	}
	return t.UTC(), true
}

func looseDate(s string) (t time.Time, err error) {
	if i := strings.IndexByte(s, ','); i >= 0 {
		s = strings.TrimSpace(s[i+1:])
	}
	for range 3 { // with all words, then without the last, then without the last two
		for _, layout := range dateLayouts {
			if t, err = time.Parse(layout, s); err == nil {
				return t, nil
			}
		}
		i := strings.LastIndexByte(s, ' ')
		if i < 0 {
			break
		}
		s = s[:i]
	}
	return t, err
}

var replyPrefix = regexp.MustCompile(`(?i)^(\[[^\[\]]{1,40}\]\s*)?(re|fwd?|aw|wg|antw|sv|vs|tr|rif|odp)\s*(\[\d+\]|\(\d+\))?\s*:\s*`)

// baseSubject is a subject without the marks of replying and forwarding. The tag of
// a mailing list stays.
func baseSubject(s string) string {
	for {
		cut := strings.TrimSpace(replyPrefix.ReplaceAllString(s, "$1"))
		if cut == s || cut == "" {
			return s
		}
		s = cut
	}
}
