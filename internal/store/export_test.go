package store

import (
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// Catalog is the set of types, for tests of statements.
type Catalog = catalog

func BuiltinCatalog() Catalog {
	c := make(catalog)
	for _, t := range locket.BuiltinTypes() {
		c[t.Name] = &t
	}
	return c
}

func ListingSQL(c Catalog, q locket.Query) string {
	l, err := ownersView(c).newListing(c, q)
	if err != nil {
		panic(err)
	}
	s, _ := l.sql(10)
	return s
}

func SearchSQL(c Catalog, text string) string {
	f := &finding{v: ownersView(c), words: parseWords(text)}
	if err := f.prepare(c); err != nil {
		panic(err)
	}
	s, _ := f.sql(10)
	return s
}

// SchemasTo returns the statements of the schemas up to a version.
func SchemasTo(version int) []string {
	var all []string
	for _, s := range schemas[:version] {
		all = append(all, compact(s))
	}
	return all
}

// LinksSQL is the statements of Links.
func LinksSQL() []string {
	return []string{linksQuery("src", 3, always, always), linksQuery("dst", 3, always, always)}
}

// ApartIndex makes the index of searches with bounds.
const ApartIndex = apartIndex

// Columns are the constants that statements are put together from.
var Columns = map[string]string{
	"itemColumns": itemColumns, "principalColumns": principalColumns, "principalRowColumns": principalRowColumns,
	"provenanceColumns": provenanceColumns, "changeColumns": changeColumns, "waitingColumns": waitingColumns, "visible": always,
}

// RestrictedSQL is listings and searches of a principal with bounds.
func RestrictedSQL(c Catalog) []string {
	p := locket.Policy{Rules: []locket.Rule{
		{Actions: []locket.Permission{locket.MayRead, locket.MaySearch}, Types: []string{"Note"}, Where: map[string]locket.Match{"folder": {In: []any{"work"}}}},
		{Actions: []locket.Permission{locket.MayRead, locket.MaySearch}, Types: []string{"Note"}, Where: map[string]locket.Match{"folder": {In: []any{"home"}}}},
	}}
	v := &View{access: policy.Compile(p, c, time.Now()), types: c, full: c}
	l, err := v.newListing(c, locket.Query{Type: "Note"})
	if err != nil {
		panic(err)
	}
	listing, _ := l.sql(10)
	f := &finding{v: v, words: parseWords("word")}
	if err := f.prepare(c); err != nil {
		panic(err)
	}
	search, _ := (&apart{finding: f}).proposed()
	return []string{listing, search}
}

// RecallSQL is statements of recall, by the index that is to serve them, for the owner and
// for a principal with bounds.
func RecallSQL(c Catalog) map[string][]string {
	see := []locket.Permission{locket.MayRead, locket.MaySearch}
	p := locket.Policy{Rules: []locket.Rule{
		{Actions: see, Types: []string{"Memory"}, Where: map[string]locket.Match{"namespace": {In: []any{"a"}}}},
		{Actions: see, Types: []string{"Memory"}, Where: map[string]locket.Match{"namespace": {Prefix: "a/"}}, Properties: []string{"text", "thread"}},
	}}
	all := make(map[string][]string)
	for _, v := range []*View{ownersView(c), {access: policy.Compile(p, c, time.Now()), types: c, full: c}} {
		beside, _ := v.besideSQL("t", " < ?", "DESC", 1, 2)
		all["items_Memory_thread"] = append(all["items_Memory_thread"], beside)
		for index, f := range map[string]MemoryFilter{"items_Memory_thread": {Thread: "t"}, "items_Memory_namespace": {Namespace: "a"}} {
			m := &memories{v: v, f: f, whole: v.access.Whole()}
			arms, _ := m.arms("Memory")
			for _, a := range arms {
				all[index] = append(all[index], armSQL("Memory", a))
			}
		}
		query, _ := (&memories{v: v, whole: v.access.Whole()}).each("Memory", "SELECT 1", filter{sql: always}, 10)
		latest, _ := (&memories{v: v, f: MemoryFilter{After: time.Now()}, whole: v.access.Whole()}).latest("Memory", 10)
		all["items_time"] = append(all["items_time"], query, latest)
	}
	return all
}

func ownersView(c Catalog) *View { return &View{access: policy.Everything(), types: c, full: c} }
