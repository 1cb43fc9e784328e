package secret

// stackRoom is how much of its goroutine's stack a function run by OnCleanStack can
// use before what it leaves there may escape the wiping.
const stackRoom = 128 << 10

// OnCleanStack runs f and then overwrites the stack that f has used. The garbage
// collector overwrites freed heap if it is told to, but never stacks.
//
// A stack that is too small moves to a larger place and leaves a copy behind, so
// it is made large enough first; GODEBUG=gcshrinkstackoff=1 keeps the collector
// from moving it back. Goroutines that f starts are not covered.
func OnCleanStack(f func()) {
	wipeStack()
	defer wipeStack()
	f()
}

// wipeStack overwrites stackRoom bytes of stack below its caller.
//
//go:noinline
func wipeStack() byte {
	var room [stackRoom]byte
	return room[last(&room)]
}

// last keeps the compiler from doing without the array.
//
//go:noinline
func last(room *[stackRoom]byte) int { return len(room) - 1 - int(room[0]) }
