package main

import (
	"os"
	"path/filepath"
	"runtime"
)

// envState names the folder in which Locket remembers, apart from the pods, how far
// each pod's journal had come.
const envState = "LOCKET_STATE"

// stateDir is that folder: what the environment names, or where the platform keeps
// the state of programs; "" if there is no such place.
func stateDir() string {
	if dir, ok := os.LookupEnv(envState); ok {
		return dir
	}
	if runtime.GOOS == "linux" {
		if state := os.Getenv("XDG_STATE_HOME"); state != "" {
			return filepath.Join(state, "locket")
		}
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, ".local", "state", "locket")
		}
	} else if config, err := os.UserConfigDir(); err == nil {
		return filepath.Join(config, "locket", "seen")
	}
	return ""
}
