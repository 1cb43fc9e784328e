package daemon

import (
	"runtime"
	"sync"
)

// reserve is what of a stack [fill] cannot use: the runtime keeps 928 bytes free at
// its end, and the goroutine's first functions stand at its beginning.
const reserve = 928 + 256

// stacks are the sizes in which the runtime keeps stacks for reuse, with what fills
// one of that size and does not fit the next smaller one. Larger stacks go back to
// the heap, and from there to the system.
var stacks = []struct {
	size uint64
	fill func() byte
}{
	{2 << 10, fill[[2<<10 - reserve]byte]},
	{4 << 10, fill[[4<<10 - reserve]byte]},
	{8 << 10, fill[[8<<10 - reserve]byte]},
	{16 << 10, fill[[16<<10 - reserve]byte]},
}

// washStacks overwrites the stacks that ended goroutines left behind, which no
// setting of the collector does: for each size, as many goroutines as there can be
// stacks of it take one each and fill it, all at once.
func washStacks() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for _, s := range stacks {
		var filled, ended sync.WaitGroup
		all := make(chan struct{})
		for range m.StackInuse / s.size {
			filled.Add(1)
			ended.Go(func() {
				s.fill()
				filled.Done()
				<-all // or the next would get this stack
			})
		}
		filled.Wait()
		close(all)
		ended.Wait()
	}
}

// fill overwrites as much of the stack as a frame has, and what is reserved below.
//
//go:noinline
func fill[Frame [2<<10 - reserve]byte | [4<<10 - reserve]byte | [8<<10 - reserve]byte | [16<<10 - reserve]byte]() byte {
	var frame Frame
	return frame[fillReserve(&frame[0])]
}

// fillReserve may use the reserved end of a stack, as functions without a check
// for its size do.
//
//go:nosplit
//go:noinline
func fillReserve(b *byte) byte {
	var frame [640]byte
	return frame[*b]
}
