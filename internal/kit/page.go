package kit

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"

	"rsc.io/qr/coding"
)

const (
	maxSheets  = 256 // 16 groups of 16 members
	maxName    = 60  // characters of a name that are printed
	maxGroup   = 24
	wordColumn = 3
)

// A page is what all renderings of a sheet say.
type page struct {
	Title    string
	Of       string // the group, "" if it has no name
	Pod      string // its name, "" if it has none
	Needs    string
	Facts    []fact
	Checksum string
	Words    [][]word // columns
	Steps    []advice
	Notes    []advice
	Number   string // of the sheet in its kit, "" for a paper key
	QR       *coding.Code
}

type fact struct{ Label, Text string }

// An advice is a sentence or two; a command to type may end it.
type advice struct{ Label, Text, Command string }

type word struct {
	N    int
	Text string
}

func (s Sheet) page() (page, error) {
	code, err := encodeQR(s.Code())
	if err != nil {
		return page{}, err
	}
	p := page{
		Title: s.title(),
		Of:    oneLine(s.Group, maxGroup),
		Pod:   oneLine(s.Name, maxName),
		Needs: s.needs(),
		Facts: []fact{
			{"Pod id", string(s.Pod)},
			{"Slot", hex.EncodeToString(s.Slot[:])},
			{"Made on", s.Made.UTC().Format("2 January 2006")},
			{"Epoch", fmt.Sprint(s.Epoch)},
		},
		Checksum: s.Checksum(),
		Words:    columns(s.Words),
		Steps:    s.steps(),
		Notes:    s.notes(),
		QR:       code,
	}
	return p, nil
}

func (s Sheet) title() string {
	switch {
	case s.paperKey():
		return "Paper key"
	case s.Count == 1:
		return "The only share"
	}
	return fmt.Sprintf("Share %d of %d", s.Member, s.Count)
}

// needs says what opens the pod, this sheet included.
func (s Sheet) needs() string {
	of := ""
	if g := oneLine(s.Group, maxGroup); g != "" {
		of = " of “" + g + "”"
	}
	var parts []string
	switch {
	case s.paperKey() && s.Passphrase:
		parts = append(parts, "this sheet")
	case s.paperKey():
		parts = append(parts, "this sheet alone")
	case s.Count == 1:
		parts = append(parts, "the only share"+of)
	case s.Threshold == s.Count:
		parts = append(parts, fmt.Sprintf("all %d shares%s", s.Count, of))
	default:
		parts = append(parts, fmt.Sprintf("%d of the %d shares%s", s.Threshold, s.Count, of))
	}
	switch others := s.GroupThreshold - 1; {
	case others == 1:
		parts = append(parts, fmt.Sprintf("enough shares of 1 other group (there are %d groups)", s.Groups))
	case others > 1:
		parts = append(parts, fmt.Sprintf("enough shares of %d other groups (there are %d groups)", others, s.Groups))
	}
	if s.Passphrase {
		parts = append(parts, "the passphrase that was chosen with it")
	}
	return listed(parts)
}

func (s Sheet) steps() []advice {
	again := ""
	if !s.paperKey() {
		again = " Do the same with the other shares until it has enough."
	}
	return []advice{
		{Text: "Install Locket on a computer that you trust."},
		{Text: "Have the pod's folder or a backup of it at hand. No server is needed."},
		{Text: "Run:", Command: "locket recovery restore"},
		{Text: "Type the words in their order, or give it a photo of the square code."},
		{Text: "It answers with a checksum, which must be the one on this sheet." + again},
		{Text: "Choose a new password. Then make a new kit:", Command: "locket recovery renew"},
	}
}

func (s Sheet) notes() []advice {
	who := "Whoever has it and a copy of the pod can read everything in the pod."
	switch {
	case !s.paperKey():
		who = "Whoever has enough shares and a copy of the pod can read everything in the pod."
	case s.Passphrase:
		who = "Whoever has it, the passphrase and a copy of the pod can read everything in the pod."
	}
	return []advice{
		{Label: "Keep it on paper", Text: "Put it where you keep a passport. " + who},
		{Label: "Never", Text: "e-mail it, type its words into a web page or a chat, or photograph it with a device that copies its pictures into a cloud."},
		{Label: "Try it", Text: "This says whether the sheet works, and changes nothing:", Command: "locket recovery test"},
		{Label: "Void after a renewal", Text: fmt.Sprintf("A kit of an epoch after %d replaces this one. Destroy this sheet then: it still works with a copy of the pod from before.", s.Epoch)},
	}
}

// paperKey tells whether s is a whole kit.
func (s Sheet) paperKey() bool { return s.Count == 1 && s.Groups == 1 }

// columns numbers the words and lays them out, down each column in turn.
func columns(words []string) [][]word {
	rows := (len(words) + wordColumn - 1) / wordColumn
	cols := make([][]word, wordColumn)
	for i, w := range words {
		cols[i/rows] = append(cols[i/rows], word{i + 1, w})
	}
	return cols
}

// oneLine makes a name of the owner's printable: no control characters and none
// that turn the direction of what follows, one line, n characters at most. Bytes
// that are not UTF-8 become U+FFFD.
func oneLine(name string, n int) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		if unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, name)
	clean = strings.Join(strings.Fields(clean), " ")
	if runes := []rune(clean); len(runes) > n {
		clean = string(runes[:n-1]) + "…"
	}
	return clean
}

// listed joins parts as in "a, b and c".
func listed(parts []string) string {
	last := len(parts) - 1
	if last == 0 {
		return parts[0]
	}
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}

// pages returns what is on each sheet.
func pages(sheets []Sheet) ([]page, error) {
	if err := checkAll(sheets); err != nil {
		return nil, err
	}
	all := make([]page, len(sheets))
	for i, s := range sheets {
		p, err := s.page()
		if err != nil {
			return nil, err
		}
		if len(sheets) > 1 {
			p.Number = fmt.Sprintf("Sheet %d of %d", i+1, len(sheets))
		}
		all[i] = p
	}
	return all, nil
}

func checkAll(sheets []Sheet) error {
	if len(sheets) < 1 || len(sheets) > maxSheets {
		return fmt.Errorf("kit: %d sheets", len(sheets))
	}
	for i, s := range sheets {
		if err := s.Check(); err != nil {
			return fmt.Errorf("sheet %d: %w", i+1, err)
		}
	}
	return nil
}
