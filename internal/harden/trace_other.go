//go:build !linux && !darwin

package harden

func denyTracing() {}

func tracingDenied() Protection {
	return unavailable(tracing, "processes of the same user may read the memory")
}
