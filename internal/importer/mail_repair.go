package importer

import "bytes"

// separateBody puts a blank line where headers run straight into their body, in the
// message and in its parts: some writers leave it out or put a blank in it, and the
// parser would then read the body as a header. A line that cannot be a header is
// taken for the body only if no header follows it and the line before does not end
// in a semicolon, else for a header that was folded without a blank. It returns raw
// itself if nothing is amiss.
func separateBody(raw []byte) []byte {
	var out []byte // raw up to done, repaired
	done := 0
	inHeader, headers := true, 0
	var last []byte // the line before
	for at := 0; at < len(raw); {
		line, next := lineAt(raw, at)
		end := at + len(line)
		text := bytes.TrimRight(line, "\r\n")
		switch {
		case !inHeader:
			// "--boundary" before a header begins a part.
			if bytes.HasPrefix(text, []byte("--")) && isPartHeader(next) {
				inHeader, headers = true, 0
			}
		case len(text) == 0:
			inHeader = false
		case headLine.Match(text):
			headers++
		case headers > 0 && isFolded(text) && (len(bytes.TrimSpace(text)) > 0 || isFolded(next)):
			// the header goes on
		case headLine.Match(next), headers > 0 && bytes.HasSuffix(last, []byte(";")):
			// a header folded badly
		default:
			out = append(append(out, raw[done:at]...), "\r\n"...)
			done = at
			inHeader = false
		}
		at, last = end, text
	}
	if out == nil {
		return raw
	}
	return append(out, raw[done:]...)
}

// lineAt returns the line that begins at an offset, with its end, and the next one.
func lineAt(b []byte, at int) (line, next []byte) {
	line = b[at:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line, next = line[:i+1], line[i+1:]
	}
	if i := bytes.IndexByte(next, '\n'); i >= 0 {
		next = next[:i+1]
	}
	return line, next
}

func isFolded(line []byte) bool { return len(line) > 0 && (line[0] == ' ' || line[0] == '\t') }

func isPartHeader(line []byte) bool {
	return len(line) > 8 && bytes.EqualFold(line[:8], []byte("content-"))
}
