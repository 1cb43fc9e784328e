// Package memory keeps what agents remember: items of type Memory, each with what it
// says, when that was so, how far it is to be relied on and what it came of. It sees
// and writes through a view only, so that policy, history and journal are those of every
// item. See docs/design/memory.md.
package memory

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// Type is the type of the items.
const Type = "Memory"

// The edges of memories.
const (
	EdgeSupersedes  = "supersedes"  // from the new one to the old
	EdgeContradicts = "contradicts" // between two of which only one can be so
	EdgeDerivedFrom = "derivedFrom" // to the item that it was taken from
	EdgeAbout       = "about"       // to what it tells of
)

// Kinds lists what a memory may be; the first is the default. File and entity are for the
// memory tool and the knowledge graph.
func Kinds() []string {
	return []string{
		"fact", "preference", "event", "decision", "procedure", "reflection", "observation",
		"turn", "goal", "summary", "note", "file", "entity",
	}
}

// A tier says how long a memory is meant to live: it begins with a life, and moves up
// when it is recalled often enough.
type tier struct {
	name string
	life time.Duration // 0: for ever
	uses int64         // with which it moves up
}

var tiers = [...]tier{
	{name: "working", life: 6 * time.Hour, uses: 2},
	{name: "session", life: 7 * 24 * time.Hour, uses: 5},
	{name: "long"},
}

// An Embedder turns texts into vectors of unit length.
type Embedder interface {
	Model() string // vectors of different models are not compared
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

// Bounds on a memory.
const (
	maxText      = 64 << 10
	maxName      = 512
	maxNamespace = 512
	maxSteps     = 8
	maxTags      = 50
	maxTag       = 128
	maxShort     = 1024 // sender, thread, source, reason
	maxLinks     = 50
)

func invalid(format string, args ...any) error {
	return locket.Errorf(locket.CodeInvalid, format, args...)
}

func checkNamespace(ns string) error {
	steps := strings.Split(ns, "/")
	if len(ns) > maxNamespace || len(steps) > maxSteps {
		return invalid("namespace: at most %d bytes and %d steps", maxNamespace, maxSteps)
	}
	for _, s := range steps {
		if s == "" || s == "." || s == ".." || s != strings.TrimSpace(s) || strings.ContainsFunc(s, unicode.IsControl) {
			return invalid("namespace: steps with / between them, such as agents/scribe or shared/home")
		}
	}
	return nil
}

func checkKind(kind string) error {
	if slices.Contains(Kinds(), kind) {
		return nil
	}
	return invalid("kind %q: kinds are %s", clip(kind, 40), strings.Join(Kinds(), ", "))
}

func tierOf(name string) (tier, error) {
	for _, t := range tiers {
		if t.name == name {
			return t, nil
		}
	}
	return tier{}, invalid("tier %q: tiers are working (%d hours), session (%d days) and long", clip(name, 40),
		int(tiers[0].life.Hours()), int(tiers[1].life.Hours()/24))
}

func checkTier(name string) error {
	_, err := tierOf(name)
	return err
}

func checkShort(name, s string, most int) error {
	if len(s) > most {
		return locket.Errorf(locket.CodeTooLarge, "%s has %d bytes; it may have %d", name, len(s), most)
	}
	return nil
}

func checkShare(name string, x float64) error {
	if !(x >= 0 && x <= 1) {
		return invalid("%s is a number from 0 to 1", name)
	}
	return nil
}

// clip shortens s to at most n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// known reports whether the principal may know of memories at all. Who may not has looked
// and found none, which is in the journal like any other look.
func known(ctx context.Context, v *store.View) (bool, error) {
	types, err := v.Types(ctx)
	ok := slices.ContainsFunc(types, func(t locket.Type) bool { return t.Name == Type })
	if err == nil && !ok {
		err = v.Used(ctx, nil)
	}
	return ok, err
}
