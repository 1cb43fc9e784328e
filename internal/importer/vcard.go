package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/emersion/go-vcard"
)

// vcardFormat reads address books: vCard 2.1, 3.0 (RFC 2426) and 4.0 (RFC 6350), any
// number of cards in a file, each read on its own.
func vcardFormat() Format {
	return Format{Name: "vcard", Title: "Address book (vCard)", Recognise: recogniseVCard, Read: readVCard}
}

func recogniseVCard(name string, head []byte) int {
	text := bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
	first, _, _ := bytes.Cut(text, []byte("\n"))
	verb, block := blockLine(first)
	ext := strings.ToLower(path.Ext(name))
	switch {
	case verb == "BEGIN" && block == "VCARD":
		return 95
	case ext == ".vcf" || ext == ".vcard":
		return 60
	}
	return 0
}

// readVCard goes through the file twice: first to see which addresses belong to
// several people, see [cardReader].
func readVCard(ctx context.Context, f *File, emit func(Record) error) error {
	f, err := rereadable(f)
	if err != nil {
		return err
	}
	cards := cardReader{owner: map[string]string{}, shared: map[string]bool{}}
	if err := eachComponent(ctx, f, "", isCard, func(c component) error {
		if card, _, err := parseCard(c.raw); err == nil && isCard(c.name) {
			cards.note(card)
		}
		return nil
	}); err != nil {
		return err
	}
	emitted := false
	err = eachComponent(ctx, f, "", isCard, func(c component) error {
		if c.name == "" && c.raw != nil && len(bytes.TrimSpace(c.raw)) == 0 {
			return nil
		}
		emitted = true
		return emit(located(f, c, cards.record(c)))
	})
	if err != nil || emitted {
		return err
	}
	return emit(Record{Err: errors.New("no card in the file"), Raw: f.Open, Done: f.Size})
}

func isCard(name string) bool { return name == "VCARD" }

// parseCard decodes one card. Values keep their escapes, so that they can be cut
// into their components; see [unescape]. lost counts the lines that could not be
// read.
func parseCard(raw []byte) (card vcard.Card, lost int, err error) {
	var b strings.Builder
	b.WriteString("BEGIN:VCARD\r\n")
	depth, written := 0, 0
	for _, line := range contentLines(raw) {
		switch verb, _ := blockLine([]byte(line)); {
		case verb == "BEGIN":
			depth++
			continue
		case verb == "END":
			depth--
			continue
		case depth > 1:
			continue // the card of an agent
		}
		modern, ok := modernLine(line)
		if !ok {
			lost++
			continue
		}
		// The decoder undoes escapes; doubled they come out as they were.
		b.WriteString(strings.ReplaceAll(modern, `\`, `\\`) + "\r\n")
		written++
	}
	if written == 0 {
		return nil, lost, errors.New("the card is empty")
	}
	b.WriteString("END:VCARD\r\n")
	card, err = vcard.NewDecoder(strings.NewReader(b.String())).Decode()
	if err != nil {
		return nil, lost, fmt.Errorf("the card could not be read: %w", err)
	}
	for _, fields := range card {
		written -= len(fields)
	}
	return card, lost + written, nil
}
