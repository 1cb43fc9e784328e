package backup

import (
	"fmt"
	"strconv"
	"strings"
)

// An extent is a run of pages within a pack.
type extent struct {
	pack  Hash
	first uint32 // page within the pack
	count uint32
}

func (e extent) text() string { return fmt.Sprintf("pages %s %d %d\n", e.pack, e.first, e.count) }

// appendPage appends one page to extents, growing the last one where it can.
func appendPage(list []extent, pack Hash, at uint32) []extent {
	if n := len(list); n > 0 && list[n-1].pack == pack && list[n-1].first+list[n-1].count == at {
		list[n-1].count++
		return list
	}
	return append(list, extent{pack, at, 1})
}

func extentsText(list []extent) []byte {
	var b strings.Builder
	for _, e := range list {
		b.WriteString(e.text())
	}
	return []byte(b.String())
}

// parseExtents reads the extents of a segment of so many pages.
func parseExtents(text []byte, pages uint32) ([]extent, error) {
	var list []extent
	left := pages
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 4 {
			return nil, errMalformed
		}
		pack, _ := parseHash(fields[1])
		first, count := number(fields[2], packPages-1), number(fields[3], packPages)
		e := extent{pack, uint32(first), uint32(count)}
		if first < 0 || count < 1 || first+count > packPages || e.count > left || e.text() != line {
			return nil, errMalformed
		}
		left -= e.count
		list = append(list, e)
	}
	if left != 0 {
		return nil, errMalformed
	}
	return list, nil
}

// A part is a line of a list of blobs: the next up to 8 MiB of a blob, or that the
// blob was erased while the snapshot was taken.
type part struct {
	blob string
	gone bool
	size int64
	hash Hash
}

func (p part) text() string {
	if p.gone {
		return "gone " + p.blob + "\n"
	}
	return "blob " + p.blob + " " + strconv.FormatInt(p.size, 10) + " " + p.hash.String() + "\n"
}

// maxPart is more than the longest line of a list of blobs takes.
const maxPart = 256

func parsePart(line string) (part, error) {
	fields := strings.Fields(line)
	var p part
	switch {
	case len(fields) == 2:
		p = part{blob: fields[1], gone: true}
	case len(fields) == 4:
		h, _ := parseHash(fields[3])
		p = part{blob: fields[1], size: number(fields[2], maxObject), hash: h}
	}
	if !blobForm.MatchString(p.blob) || p.size < 0 || p.text() != line {
		return part{}, errMalformed
	}
	return p, nil
}

// follows checks that p may stand after last in a list: names ascend, and every part
// of a blob but its last is full.
func (p part) follows(last part) error {
	again := p.blob == last.blob && !p.gone && !last.gone && last.size == maxObject && p.size > 0
	if p.blob > last.blob || again {
		return nil
	}
	return errMalformed
}
