// Package harden asks the operating system to protect this process from others and
// others from this process: what it leaves on the disk, who may read its memory,
// which files and system calls it may use. docs/design/process.md describes each
// protection.
package harden

// A State says whether a protection is in force.
type State string

// The states.
const (
	On          State = "on"
	Off         State = "off"
	Unavailable State = "unavailable" // this system has no such thing
)

// A Protection is one thing that the system does for the process.
type Protection struct {
	Name   string `json:"name"` // stable
	State  State  `json:"state"`
	Detail string `json:"detail"`         // what it does, or why it is not on
	Hint   string `json:"hint,omitempty"` // what to do if it is off
}

// Process protects the process as far as the system lets it: new files are readable
// by their owner alone, a crash writes no memory to a disk, and other processes of
// the same user can neither read its memory nor trace it, unless traceable is true.
// It comes first in main, and again after each exec, which undoes the last. What
// fails is no reason not to run; [Report] tells of it.
func Process(traceable bool) {
	maskFiles()
	forbidCoreFiles()
	if !traceable {
		denyTracing()
	}
}

// A Confinement is what a process may still use once it is confined.
type Confinement struct {
	ReadWrite []string // folders, which must exist; "" is none
	ReadOnly  []string // files and folders, which must exist; empty names are skipped
	// Connect are the TCP ports that it may make connections to, by name, too; none: it
	// can make no sockets at all. With some, UDP is only as far refused as the kernel's
	// Landlock can.
	Connect []uint16
}

// Confine gives up, for all threads and for good, what a server does not need once
// it listens: files other than those in c, new sockets, other programs, and calls
// that reach into other processes or the kernel. Open files and sockets stay usable.
//
// The layers are tried one by one; the error says which of them are not in force,
// and those that are stay so. Where the system has none, it does nothing.
func Confine(c Confinement) error { return confine(c) }

// Report finds out which protections are in force in this process now.
func Report() []Protection {
	return []Protection{filesMasked(), coreFilesForbidden(), tracingDenied(), filesConfined(), callsConfined()}
}

// The names of the protections.
const (
	umask       = "umask"
	coreFiles   = "core_files"
	tracing     = "tracing"
	fileAccess  = "file_access"
	systemCalls = "system_calls"
	swap        = "swap"
)

// unavailable is a protection that this system does not have.
func unavailable(name, why string) Protection { return Protection{name, Unavailable, why, ""} }
