//go:build !unix

package secret

func allocate(n int) ([]byte, Memory) { return make([]byte, n), OrdinaryMemory }

func release([]byte) error { return nil }
