package exporter

import (
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// contact writes a Person as a vCard 4.0 (RFC 6350).
func (r *run) contact(it *locket.Item) error {
	name := it.Text("name")
	if emails := textsIn(it, "email"); name == "" && len(emails) > 0 {
		name = emails[0]
	}
	var l contentLines
	l.raw("BEGIN:VCARD")
	l.raw("VERSION:4.0")
	l.raw("FN:" + escaped(name)) // must be there
	if family, given := it.Text("familyName"), it.Text("givenName"); family+given != "" {
		l.raw("N:" + escaped(family) + ";" + escaped(given) + ";;;")
	}
	l.list("NICKNAME", without(textsIn(it, "alternateName"), name))
	for _, v := range textsIn(it, "email") {
		l.text("EMAIL", v)
	}
	for _, v := range textsIn(it, "telephone") {
		l.text("TEL", v)
	}
	for _, v := range textsIn(it, "address") {
		l.raw("ADR:;;" + escaped(v) + ";;;;")
	}
	l.text("ORG", it.Text("worksFor"))
	l.text("TITLE", it.Text("jobTitle"))
	l.text("BDAY", strings.ReplaceAll(it.Text("birthDate"), "-", ""))
	l.text("NOTE", it.Text("description"))
	for _, v := range append(nonEmpty(it.Text("url")), textsIn(it, "sameAs")...) {
		l.raw("URL:" + v)
	}
	l.list("CATEGORIES", textsIn(it, "keywords"))
	l.text("UID", uidOf(it))
	l.raw("REV:" + it.Updated.UTC().Format("20060102T150405Z"))
	l.raw("END:VCARD")
	return r.small(r.names.unique("contacts", name, ".vcf", string(it.ID)), it.Updated, []byte(l.b.String()))
}

// uidOf is the source's own id of an item, else that of the pod.
func uidOf(it *locket.Item) string {
	if id := it.Text("identifier"); id != "" {
		return id
	}
	return "urn:uuid:" + string(it.ID)
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func without(list []string, s string) []string {
	var out []string
	for _, v := range list {
		if v != s {
			out = append(out, v)
		}
	}
	return out
}

// utc is a time of iCalendar.
func utc(t time.Time) string { return t.UTC().Format("20060102T150405Z") }
