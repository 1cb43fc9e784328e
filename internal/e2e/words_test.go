package e2e_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/slip39"
)

const (
	wordPrefix = 4 // letters that tell SLIP-0039 words apart
	wordGap    = 8 // bytes between two words that stand together, at most
)

// A phrasebook finds three or more words of a share that follow each other, however
// they are set apart, in upper or lower case, whole or as their first four letters.
type phrasebook map[[3 * wordPrefix]byte]string // the name of the share

func (p phrasebook) add(share string, words []string) {
	for i := range len(words) - 2 {
		var k [3 * wordPrefix]byte
		for j, w := range words[i : i+3] {
			copy(k[j*wordPrefix:], strings.ToLower(w)[:wordPrefix])
		}
		p[k] = share
	}
}

// find returns the names of the shares.
func (p phrasebook) find(b []byte) (shares []string) {
	var last [3 * wordPrefix]byte
	words, ended := 0, 0 // how many stand together, and where the last one ended
	for at := 0; at < len(b); {
		if !letter(b[at]) {
			at++
			continue
		}
		from := at
		for at < len(b) && letter(b[at]) {
			at++
		}
		if at-from < wordPrefix {
			words = 0
			continue
		}
		if from-ended > wordGap {
			words = 0
		}
		words, ended = words+1, at
		copy(last[:], last[wordPrefix:])
		for i, c := range b[from : from+wordPrefix] {
			last[2*wordPrefix+i] = c | 0x20 // lower case
		}
		if share, ok := p[last]; ok && words > 2 && !slices.Contains(shares, share) {
			shares = append(shares, share)
		}
	}
	return shares
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func TestPhrasebook(t *testing.T) {
	p := phrasebook{}
	p.add("one", strings.Fields("academic acid acne acquire acrobat"))
	for text, found := range map[string]bool{
		"the words academic acid acne":             true,
		"xx acid, acne, acquire":                   true,
		"ACQU\n\n4. ACRO":                          false,
		"ACNE\n\n4. ACQU\n5. ACRO":                 true,
		`["acid","acne","acquire"]`:                true,
		"acid acne acrobat":                        false,
		"acid acne and then there came acquire":    false,
		"acid acne ................... acquire no": false,
		"acid\x00acne\x00acquire":                  true,
	} {
		if got := len(p.find([]byte(text))) > 0; got != found {
			t.Errorf("%q: found: %t", text, got)
		}
	}
}

var (
	textWord = regexp.MustCompile(`(?:^| )([0-9]{1,2})  ([a-z]+)`)
	htmlWord = regexp.MustCompile(`<td>([0-9]{1,2})</td><td class="mono">([a-z]+)</td>`)
)

// readSheets returns the words on each sheet of a kit, from its text or HTML.
func readSheets(t *testing.T, sheets string) (shares [][]string) {
	t.Helper()
	form := textWord
	if strings.Contains(sheets, "<html") {
		form = htmlWord
	}
	for i, sheet := range regexp.MustCompile(`(?i)>the words<|\nthe words\n`).Split(sheets, -1) {
		if i == 0 {
			continue // before the first sheet's words
		}
		words := make([]string, 33)
		for line := range strings.Lines(sheet) {
			for _, m := range form.FindAllStringSubmatch(line, -1) {
				if n, _ := strconv.Atoi(m[1]); n >= 1 && n <= len(words) && words[n-1] == "" {
					words[n-1] = m[2]
				}
			}
		}
		if slices.Contains(words, "") {
			t.Fatalf("words are missing on sheet %d: %q", i, words)
		}
		shares = append(shares, words)
	}
	return shares
}

// combine returns the secret that shares give.
func combine(t *testing.T, passphrase string, shares ...[]string) *secret.Key {
	t.Helper()
	var parsed []slip39.Share
	for _, words := range shares {
		s, err := slip39.Parse(strings.Join(words, " "))
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, s)
	}
	k, err := slip39.Combine(parsed, []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	return k
}
