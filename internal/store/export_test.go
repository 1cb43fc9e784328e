package store

import "github.com/locketpod/locket"

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
	l, err := newListing(c, q)
	if err != nil {
		panic(err)
	}
	s, _ := l.sql(10)
	return s
}

func SearchSQL(c Catalog, text string) string {
	f := &finding{words: parseWords(text)}
	if err := f.prepare(c, ""); err != nil {
		panic(err)
	}
	s, _ := f.sql(10)
	return s
}
