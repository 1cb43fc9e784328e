// Package importer brings data from files into a pod.
//
// An import has three steps. Recognise asks every [Format] how sure it is of each
// file of a [Tree]; the answers make a [Plan] that the user can be shown; Run
// reads the files and writes what it finds through a store.View, in batches, each
// one transaction. Every record read ends in the ledger as imported, duplicate or
// rejected. Running an import again adds nothing twice, and so an interrupted one
// is resumed by running it again.
//
// Adding a format is one file with one Format value, named in [Formats].
package importer

import (
	"context"
	"io"
)

// A Format reads one kind of file.
type Format struct {
	Name  string // short and stable, e.g. "mbox"; it stands in ledgers
	Title string // for people, e.g. "Mail box (mbox)"

	// Recognise says how sure it is, 0 (no) to 100, that the file is of this
	// format, from its path within the source and its first bytes (up to HeadSize).
	Recognise func(path string, head []byte) int

	// Read emits the records of one file. An error from emit ends it and is
	// returned as it is. A record that cannot be understood is emitted with Err
	// set; Read itself fails only where the file as a whole cannot be read.
	Read func(ctx context.Context, f *File, emit func(Record) error) error
}

// HeadSize is how much of a file Recognise is shown.
const HeadSize = 4096

// A File is one file of a source, handed to the format that claimed it.
type File struct {
	Path    string // slash-separated, within the source
	Size    int64
	ModTime int64 // microseconds since 1970, 0 if unknown
	Open    func() (io.ReadCloser, error)
	Tree    *Tree // the whole source, for formats whose files refer to each other

	depth   int                                    // archives around it
	head    []byte                                 // the first bytes, where the tree had to read them; else nil
	sum     func() (string, error)                 // the content's SHA-256 in hexadecimal, where the tree knows it without Open; else nil
	random  func() (io.ReaderAt, io.Closer, error) // reads at any offset; nil where bytes come in order only
	once    bool                                   // bytes come in order only: opening a second time starts the archive over
	refused string                                 // why it is not read; its raw bytes are kept if Open is set
	ignored bool                                   // junk that no person made
}

// A Record is one thing read from a source: a message, a card, a note. It is the
// unit that the ledger counts.
type Record struct {
	Where string // in the file: "byte 1024", "line 7"; "" if it is the whole file
	Done  int64  // bytes of the file read so far, for progress

	// Items are what the record becomes; the first is the record itself, the rest
	// accompany it (attachments, the persons it names). Empty if Err is set.
	Items []Draft
	Links []Link

	// Raw is the record as it stands in the file, byte for byte. It is kept as
	// the first item's rawBlob; if Err is set, as a File item of its own, so that
	// nothing is lost to a parse error. nil: nothing worth keeping.
	Raw func() (io.ReadCloser, error)

	Err  error  // why the record is rejected
	Note string // what was odd about an accepted record; it stands in the ledger

	size   int64   // bytes held in memory, where they may be more than those of the file
	replay *replay // of an export of Locket's, in place of Items and Links
}

// A Draft is an item as a format describes it.
type Draft struct {
	// Key is the identity of the thing, equal on every run and unique over all
	// formats, e.g. "mail:sha256:…" or "person:email:anna@example.com". A first
	// item whose key is in the pod already makes its record a duplicate; another
	// item's key makes it stand for the item that is there.
	Key string
	// Aliases are further keys under which Links may name the item.
	Aliases []string

	Type  string
	Props map[string]any // see locket.Item for the Go types of values

	// Content, if set, is streamed into a blob that becomes the property "blob".
	Content func() (io.ReadCloser, error)

	// Blobs are further contents, by property of kind Blob. They are small enough to
	// be held in memory.
	Blobs map[string][]byte

	// Merge lets a draft whose key is there already add to that item: values of
	// list properties are united, absent properties are set, nothing is replaced.
	Merge bool

	// Replaces, if set on a first item whose key is in the pod, is asked whether
	// the draft is a newer state of that item, whose properties it is shown. If
	// so the item is updated (nil values in Props remove properties) and the
	// record counts as imported, with the note "updated"; else it is a duplicate.
	// Not asked about a state that was imported before: that is a duplicate.
	Replaces func(there map[string]any) bool
}

// A Link is an edge between two items named by key or alias. Either may be of
// another record, read earlier, later or in another run; a link whose ends are
// not both there when the import ends is dropped and counted in the report.
type Link struct {
	From, Name, To string
}
