// Package locket is the vocabulary of Locket, one encrypted home for a person's
// data and for the memory of their AI agents.
//
// It holds the words that every other package uses: items and their properties,
// edges, types, principals, queries, changes and errors. It stores nothing,
// opens nothing and imports nothing but the standard library. Package client
// speaks them over HTTP; the packages under internal do the work.
//
// # Words
//
// A pod is one owner's encrypted store. In it an [Item] is a typed thing (a Note,
// a Message, a Person) with named, typed properties; an [Edge] is a named,
// directed link between two items; a blob is an encrypted file that items point
// to. A [Principal] is who acts. Every write is a [Change] by a principal.
package locket
