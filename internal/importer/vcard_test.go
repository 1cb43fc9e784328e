package importer

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
)

func typeNamed(name string) (locket.Type, bool) {
	types := locket.BuiltinTypes()
	i := slices.IndexFunc(types, func(t locket.Type) bool { return t.Name == name })
	if i < 0 {
		return locket.Type{}, false
	}
	return types[i], true
}

func TestVCard(t *testing.T) {
	raw := readFixture(t, "vcard/mixed.vcf")
	recs := readAll(t, vcardFormat(), "contacts.vcf", raw)
	if len(recs) != 5 {
		t.Fatalf("%d records, want 5", len(recs))
	}
	for _, r := range recs {
		checkRecord(t, r, raw)
	}
	for i, want := range []map[string]any{
		{
			"name": "René Dupont", "givenName": "René", "familyName": "Dupont",
			"telephone": []any{"+33612345678"}, "email": []any{"rene@example.com", "family@example.com"},
			"address": []any{"1 Rue; Longue, Paris, 75001, France"}, "description": "one\ntwo",
			"alternateName": []any{"René Dupont"},
		},
		{
			"name": "Marie Dupont", "givenName": "Marie", "familyName": "Dupont", "alternateName": []any{"Marie Dupont"},
			"email": []any{"family@example.com"}, "identifier": "marie-1", "birthDate": "1980-03-21",
		},
		{
			"name": "Only Name", "givenName": "Only", "familyName": "Name", "alternateName": []any{"Only Name"},
			"telephone": []any{"+1-418-656-9254;ext=102"}, "birthDate": "--0203", "keywords": []any{"friends", "with,comma"},
		},
	} {
		if got := recs[i].Items[0].Props; !reflect.DeepEqual(got, want) {
			t.Errorf("card %d:\n%#v\nwant\n%#v", i, got, want)
		}
	}
	if note := recs[1].Note; !strings.Contains(note, "1 lines could not be read") || !strings.Contains(note, "no end") {
		t.Errorf("note %q", note)
	}
	if photo := recs[1].Items[1]; photo.Props["name"] != "photo.png" || photo.Props["contentSize"] != int64(8) {
		t.Errorf("photo %+v", photo)
	}
	for i, r := range recs[3:] {
		if r.Err == nil {
			t.Errorf("record %d was accepted: %q", i+3, rawOf(t, r))
		}
	}
}

// TestVCardIdentity checks the rule of cardReader: an address of two people makes
// neither.
func TestVCardIdentity(t *testing.T) {
	recs := readAll(t, vcardFormat(), "contacts.vcf", readFixture(t, "vcard/mixed.vcf"))
	rene, marie, only := recs[0].Items[0], recs[1].Items[0], recs[2].Items[0]
	if rene.Key != "person:email:rene@example.com" || !rene.Merge || len(rene.Aliases) != 0 {
		t.Errorf("René: %q, merge %v, aliases %q", rene.Key, rene.Merge, rene.Aliases)
	}
	if marie.Key != "person:uid:marie-1" || marie.Merge || marie.Replaces == nil {
		t.Errorf("Marie: %q, merge %v", marie.Key, marie.Merge)
	}
	if !strings.HasPrefix(only.Key, "person:card:sha256:") {
		t.Errorf("the card without address or UID: %q", only.Key)
	}
	same := map[string]any{"name": "Marie Dupont", "rawBlob": locket.BlobID("x"), "folder": "f"}
	for name, v := range marie.Props {
		same[name] = v
	}
	if marie.Replaces(same) {
		t.Error("the same card replaces itself")
	}
	same["jobTitle"] = "gone from the card"
	if v, ok := marie.Props["jobTitle"]; !marie.Replaces(same) || ok || v != nil {
		t.Error("a property that went away is no change")
	}
	if v, ok := marie.Props["jobTitle"]; !ok || v != nil {
		t.Error("a property that went away is not removed")
	}
}

// TestVCardCorpus compares with the number of cards, phones and addresses that the
// README of the sample data gives.
func TestVCardCorpus(t *testing.T) {
	dir := corpus(t, "vcard")
	for _, c := range []struct {
		file                  string
		cards, phones, photos int
		names                 []any // nil: no name
	}{
		{"John_Doe_ANDROID.vcf", 6, 7, 0, []any{nil, nil, "Ñ Ñ Ñ Ñ Ñ", "Ñ Ñ Ñ Ñ Ñ Ñ Ñ Ñ Ñ Ñ Ñ", "Ñ Ñ Ñ Ñ", "ÑÑÑÑ"}}, // its photo is cut short, one number stands there three times
		{"John_Doe_BLACK_BERRY.vcf", 1, 1, 1, []any{"John Doe"}},
		{"John_Doe_EVOLUTION.vcf", 1, 2, 0, []any{"Mr. John Richter, James Doe Sr."}},
		{"John_Doe_GMAIL.vcf", 1, 2, 0, []any{"Mr. John Richter, James Doe Sr."}},
		{"John_Doe_MAC_ADDRESS_BOOK.vcf", 1, 7, 1, []any{"Mr. John Richter,James Doe Sr."}},
		{"fullcontact.vcf", 1, 9, 0, []any{"Prefix FirstName MiddleName LastName Suffix"}}, // its photos are links
		{"gmail-single.vcf", 1, 2, 0, []any{"Greg Dartmouth"}},
		{"gmail-single2.vcf", 1, 11, 0, []any{"VCard Test"}},
		{"issue114.vcf", 1, 2, 0, []any{"Dummy, Dummy"}},
		{"msgvault-unknown-extensions.vcf", 1, 0, 0, []any{"Alice Example"}},
		{"msgvault-v21-quoted-printable.vcf", 1, 1, 0, []any{"René Dupont"}},
		{"msgvault-v4-registry-smoke.vcf", 1, 1, 1, []any{"Alice Example"}},
		{"outlook-2003.vcf", 1, 4, 0, []any{"John Doe III"}},
		{"outlook-2007.vcf", 1, 4, 1, []any{"Mr. Michael Angstadt Jr."}},
		{"rfc2426-example.vcf", 2, 4, 0, []any{"Frank Dawson", "Tim Howes"}},
		{"rfc6350-example.vcf", 1, 2, 0, []any{"Simon Perreault"}},
		{"wa-contacts-mixed.vcf", 6, 6, 0, []any{"Sample Contact", "Yard Lawn Guy, Jose Lopez", "John Butler 🌟💫🌟", "Airline Contact #'s", "James Peacock Elementary", "AAA Car Service"}},
	} {
		raw := readCorpus(t, dir, c.file)
		var names []any
		phones, photos := 0, 0
		for _, r := range readAll(t, vcardFormat(), c.file, raw) {
			checkRecord(t, r, raw)
			if r.Err != nil {
				t.Errorf("%s: %v", c.file, r.Err)
				continue
			}
			props := r.Items[0].Props
			names = append(names, props["name"])
			list, _ := props["telephone"].([]any)
			phones += len(list)
			photos += len(r.Items) - 1
		}
		if len(names) != c.cards || phones != c.phones || photos != c.photos || !reflect.DeepEqual(names, c.names) {
			t.Errorf("%s: %d cards, %d phones, %d photos, %q; want %+v", c.file, len(names), phones, photos, names, c)
		}
		if got := choose([]Format{mboxFormat(), emlFormat(), vcardFormat(), icalFormat()}, c.file, raw[:min(len(raw), HeadSize)]).Name; got != "vcard" {
			t.Errorf("%s is recognised as %s", c.file, got)
		}
	}
	if all, err := filepath.Glob(filepath.Join(dir, "*.vcf")); err != nil || len(all) != 17 {
		t.Errorf("%d files in %s, %v; the table has 17", len(all), dir, err)
	}
}

func FuzzVCard(f *testing.F) {
	seed(f, "vcard/*.vcf")
	f.Fuzz(func(t *testing.T, raw []byte) {
		recs := readAll(t, vcardFormat(), "x.vcf", raw)
		if len(recs) == 0 {
			t.Error("nothing came of the file")
		}
		for _, r := range recs {
			checkRecord(t, r, raw)
		}
	})
}
