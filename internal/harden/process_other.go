//go:build !unix

package harden

func maskFiles() {}

func filesMasked() Protection {
	return unavailable(umask, "new files inherit the access list of their folder")
}

func forbidCoreFiles() {}

func coreFilesForbidden() Protection {
	return unavailable(coreFiles, "the system decides whether a crash is recorded")
}
