package sqlcipher

import (
	"fmt"
	"sync"
	"unsafe"

	"modernc.org/memory"
)

// The driver copies what it binds to statements into blocks of the translated
// libc, and frees them as they are. Nothing exported reaches that heap, so its
// two variables are linked by name, and the layout of modernc.org/memory v1.12
// is repeated here as far as it is needed; TestScrub fails if it changes.
var (
	//go:linkname libcHeap modernc.org/libc.allocator
	libcHeap memory.Allocator
	//go:linkname libcHeapMu modernc.org/libc.allocatorMu
	libcHeapMu sync.Mutex // guards libcHeap
)

// heapLayout is how memory.Allocator begins. Small blocks come in classes: class
// n has blocks of 1<<n bytes, cut from pages of heapPage bytes.
type heapLayout struct {
	_, _  int
	slots [64]int     // blocks in a page, by class
	free  [64]uintptr // first free block, by class
	_     int
	pages [64]uintptr // the page that is being cut into blocks, by class
}

// pageLayout is how a page begins; its blocks follow.
type pageLayout struct {
	cut     int // blocks that have been handed out at least once
	_, _, _ int // the last: blocks in use
}

// freeBlock is how a free block begins.
type freeBlock struct{ _, next uintptr }

// Scrub overwrites the memory that connections left behind in the heap of the
// translated libc. It is for the time when a database was closed, and takes
// about a millisecond per 10 MB of that heap.
func Scrub() error {
	libcHeapMu.Lock()
	defer libcHeapMu.Unlock()
	// Pages without a block in use go back to the system.
	if err := libcHeap.Trim(); err != nil {
		return fmt.Errorf("sqlcipher: scrub: %w", err)
	}
	heap := (*heapLayout)(unsafe.Pointer(&libcHeap))
	for class := range heap.free {
		size := 1 << class
		for p := heap.free[class]; p != 0; p = at[freeBlock](p).next {
			header := int(unsafe.Sizeof(freeBlock{}))
			clear(bytesAt(p, size)[header:])
		}
		if p := heap.pages[class]; p != 0 {
			page := at[pageLayout](p)
			rest := p + unsafe.Sizeof(*page) + uintptr(page.cut<<class)
			clear(bytesAt(rest, (heap.slots[class]-page.cut)<<class))
		}
	}
	return nil
}
