//go:build !nojournal

package store

// journaled is false only in the build that package bench compares with, to say what
// the journal costs.
const journaled = true
