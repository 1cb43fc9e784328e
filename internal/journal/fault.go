package journal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/locketpod/locket"
)

// A Fault is the first thing that is wrong with a journal. To users it is an error of
// code tampered or, where it is ErrRolledBack, rolled_back.
type Fault struct {
	N    int64  // the entry, from 1
	What string // a whole sentence, safe to show
	err  error  // the cause; may be nil
}

func fault(n int64, format string, args ...any) *Fault {
	return &Fault{N: n, What: fmt.Sprintf("entry %d: "+format, append([]any{n}, args...)...)}
}

func (f *Fault) because(err error) *Fault {
	f.err = err
	return f
}

func (f *Fault) Error() string { return f.What }

// Unwrap returns what users see of it, a *locket.Error with the cause.
func (f *Fault) Unwrap() error {
	code := locket.CodeTampered
	if errors.Is(f.err, ErrRolledBack) {
		code = locket.CodeRolledBack
	}
	return locket.Errorf(code, "%s", f.What).Because(f.err)
}

// describe names an action that may be anybody's invention.
func describe(l *Leaf) string {
	text := plain(l.Action)
	if l.Item != [16]byte{} {
		text += " of " + plain(l.Type) + " " + locket.FormatUUID(l.Item)
	}
	return text
}

// plain returns a word that can be shown on a terminal.
func plain(s string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if s == "" || len(s) > 64 || strings.ContainsFunc(s, odd) {
		return "?"
	}
	return s
}

func ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
