package memory

import (
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// A Draft is what is to be remembered, of which only Text must be set; or what is to be
// changed of a memory. A zero part says nothing.
type Draft struct {
	Text       string
	Name       string // a title
	Kind       string // of Kinds
	Namespace  string // "": the writer's own
	Tags       []string
	Importance float64 // up to 1
	Confidence float64 // up to 1

	Time         time.Time // when it was said or happened; zero: now
	ValidFrom    time.Time
	ValidThrough time.Time
	Tier         string    // "": long
	Expires      time.Time // zero: as its tier says

	Sender   string // who said it
	Thread   string // the conversation or session it is part of
	Position int64  // its place there, from 1
	Source   string // what it was taken from, in words or as a URL

	From, About, Supersedes, Contradicts []locket.ItemID

	Force bool // keep it though there is one nearly like it
}

// complete gives the draft of a new memory what it does not say.
func (d *Draft) complete(who locket.Principal, now time.Time) error {
	if d.Text = strings.TrimSpace(d.Text); d.Text == "" {
		return invalid("text is empty; say what is to be remembered")
	}
	if d.Namespace == "" {
		d.Namespace = who.Namespace()
	}
	if d.Kind == "" {
		d.Kind = Kinds()[0]
	}
	if d.Tier == "" {
		d.Tier = "long"
	}
	if d.Time.IsZero() {
		d.Time = now
	}
	if t, err := tierOf(d.Tier); err == nil && d.Expires.IsZero() && t.life > 0 {
		d.Expires = now.Add(t.life)
	}
	return d.check(now)
}

// check refuses what is out of bounds.
func (d *Draft) check(now time.Time) error {
	for _, err := range []error{
		checkShort("text", d.Text, maxText), checkShort("name", d.Name, maxName),
		checkShort("sender", d.Sender, maxShort), checkShort("thread", d.Thread, maxShort), checkShort("source", d.Source, maxShort),
		optional(d.Namespace, checkNamespace), optional(d.Kind, checkKind), optional(d.Tier, checkTier), checkTags(d.Tags),
		checkShare("importance", d.Importance), checkShare("confidence", d.Confidence),
		d.checkLinks(), d.checkTimes(now),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func optional(s string, check func(string) error) error {
	if s == "" {
		return nil
	}
	return check(s)
}

func checkTags(tags []string) error {
	if len(tags) > maxTags {
		return locket.Errorf(locket.CodeTooLarge, "a memory has at most %d tags", maxTags)
	}
	for _, t := range tags {
		if t == "" || len(t) > maxTag {
			return invalid("a tag has 1 to %d bytes", maxTag)
		}
	}
	return nil
}

func (d *Draft) checkLinks() error {
	if n := len(d.From) + len(d.About) + len(d.Supersedes) + len(d.Contradicts); n > maxLinks {
		return locket.Errorf(locket.CodeTooLarge, "a memory is linked with at most %d items at once", maxLinks)
	}
	return nil
}

func (d *Draft) checkTimes(now time.Time) error {
	switch {
	case !d.ValidFrom.IsZero() && !d.ValidThrough.IsZero() && d.ValidThrough.Before(d.ValidFrom):
		return invalid("validThrough is before validFrom")
	case !d.Expires.IsZero() && !d.Expires.After(now):
		return invalid("expires is in the past")
	}
	return nil
}

// props are the properties that the draft says something of.
func (d *Draft) props() map[string]any {
	p := make(map[string]any)
	for name, s := range map[string]string{
		"text": d.Text, "name": d.Name, "kind": d.Kind, "namespace": d.Namespace, "tier": d.Tier,
		"sender": d.Sender, "thread": d.Thread, "source": d.Source,
	} {
		if s != "" {
			p[name] = s
		}
	}
	for name, t := range map[string]time.Time{"dateCreated": d.Time, "validFrom": d.ValidFrom, "validThrough": d.ValidThrough, "expires": d.Expires} {
		if !t.IsZero() {
			p[name] = t
		}
	}
	for name, x := range map[string]float64{"importance": d.Importance, "confidence": d.Confidence} {
		if x != 0 {
			p[name] = x
		}
	}
	if d.Text != "" {
		p["sha256"] = locket.TextHash(d.Text)
	}
	if d.Position != 0 {
		p["position"] = d.Position
	}
	if len(d.Tags) > 0 {
		tags := make([]any, len(d.Tags))
		for i, t := range d.Tags {
			tags[i] = t
		}
		p["keywords"] = tags
	}
	return p
}

// edges are the links of the item of an id.
func (d *Draft) edges(id locket.ItemID) []locket.Edge {
	var out []locket.Edge
	for _, l := range []struct {
		name string
		to   []locket.ItemID
	}{{EdgeDerivedFrom, d.From}, {EdgeAbout, d.About}, {EdgeSupersedes, d.Supersedes}, {EdgeContradicts, d.Contradicts}} {
		for _, target := range l.to {
			out = append(out, locket.Edge{Source: id, Name: l.name, Target: target})
		}
	}
	return out
}
