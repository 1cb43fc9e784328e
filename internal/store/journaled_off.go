//go:build nojournal

package store

const journaled = false
