//go:build unix

package main

import "syscall"

// forbidCoreDumps keeps the system from writing this program's memory to a disk
// when it crashes. Failing to do so is no reason not to run.
func forbidCoreDumps() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }
