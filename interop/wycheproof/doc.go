// Package wycheproof holds the tests that run the Wycheproof vectors against the
// primitives that Locket uses, with the calls that Locket makes: the AEADs behind
// internal/seal, the page encryption of internal/sqlcipher, key derivation and
// MACs of internal/keyring, the signatures of internal/journal.
//
// Where a vector fits Locket's own code it goes through that: AES-CBC does.
// Boxes, streams, entries and headers derive their keys or frame their messages,
// so that no vector fits them; there the calls to the primitive are repeated.
package wycheproof
