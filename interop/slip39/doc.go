// Package slip39 holds the tests that exchange shares between internal/slip39 and
// another implementation of SLIP-0039.
package slip39
