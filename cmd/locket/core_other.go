//go:build !unix

package main

// forbidCoreDumps has nothing to forbid: this system writes no core files.
func forbidCoreDumps() {}
