//go:build !linux

package harden

func confine(Confinement) error { return nil }

func filesConfined() Protection { return unavailable(fileAccess, "Landlock is a part of Linux") }

func callsConfined() Protection { return unavailable(systemCalls, "seccomp is a part of Linux") }
