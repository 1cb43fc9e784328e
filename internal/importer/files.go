package importer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// maxFileText is the size up to which the text of a file is indexed for search.
const maxFileText = 1 << 20

// filesFormat takes every file as it is: a Photo for a picture, else a File.
//
// Its identity is its content and its name. The same content under the same name
// is a duplicate wherever it lies; under another name it is another file.
func filesFormat() Format {
	return Format{
		Name:      "file",
		Title:     "Files as they are",
		Recognise: func(string, []byte) int { return 1 },
		Read: func(_ context.Context, f *File, emit func(Record) error) error {
			return readFile(f, "", emit)
		},
	}
}

// readFile emits f as it is, with a note of what was odd.
func readFile(f *File, note string, emit func(Record) error) error {
	sum, err := f.contentHash()
	if err != nil {
		return err
	}
	head, err := f.firstBytes()
	if err != nil {
		return err
	}
	name := path.Base(f.Path)
	media := mediaType(name, head)
	d := Draft{
		Key: fileKey(sum, name), Aliases: []string{f.pathKey()}, Type: "File", Content: f.Open,
		Props: map[string]any{"name": name, "blobName": name, "encodingFormat": media, "sha256": sum, "folder": f.folder()},
	}
	if t, ok := f.modified(); ok {
		d.Props["dateModified"] = t
	}
	switch {
	case strings.HasPrefix(media, "image/") && media != "image/svg+xml":
		d.Type = "Photo"
		if t, ok := d.Props["dateModified"]; ok {
			delete(d.Props, "dateModified")
			d.Props["dateCreated"] = t
		}
	default:
		d.Props["path"] = f.Path
		if d.Props["text"], err = f.text(); err != nil {
			return err
		}
	}
	return emit(Record{Done: f.Size, Items: []Draft{d}, Note: note})
}

// fileKey is the key of a file, wherever it comes from: attachments of mail have
// it too. sum is the SHA-256 of its content in hexadecimal.
func fileKey(sum, name string) string {
	return "file:sha256:" + sum + ":" + clip(name, 255)
}

// clip shortens s to at most n bytes without breaking a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// contentHash returns the SHA-256 of the content in hexadecimal.
func (f *File) contentHash() (string, error) {
	if f.sum != nil {
		return f.sum()
	}
	return hashOf(f.Open)
}

// firstBytes returns the first HeadSize bytes, fewer if the file is shorter.
func (f *File) firstBytes() ([]byte, error) {
	if f.head == nil {
		head, err := f.readHead()
		if err != nil {
			return nil, err
		}
		f.head = head
	}
	return f.head, nil
}

func (f *File) readHead() (_ []byte, err error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	head := make([]byte, HeadSize)
	n, err := io.ReadFull(r, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF && n > 0 {
		err = nil
	}
	return head[:n], err
}

// text returns the content of a short file of plain text, nil for others.
func (f *File) text() (any, error) {
	if f.once || f.Size == 0 || f.Size > maxFileText {
		return nil, nil
	}
	b, err := f.readAll(maxFileText)
	if err != nil {
		return nil, err
	}
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b {
			return nil, nil
		}
	}
	if !utf8.Valid(b) {
		return nil, nil
	}
	return string(b), nil
}

// modified returns the time of the last change, if the source knows a credible one.
func (f *File) modified() (time.Time, bool) {
	t := time.UnixMicro(f.ModTime).UTC()
	return t, f.ModTime != 0 && t.Year() >= 1 && t.Year() <= 9999
}

// folder is where f lies, beginning with the name of the source.
func (f *File) folder() any {
	if f.Tree.file != nil && f.Path == f.Tree.name {
		return nil // the source is this file
	}
	return path.Join(f.Tree.base(), path.Dir(f.Path))
}

// mediaType tells a media type by the ending of the name, which says more than
// the first bytes do, or else by those.
func mediaType(name string, head []byte) string {
	if t := mediaTypes[strings.ToLower(path.Ext(name))]; t != "" {
		return t
	}
	t, _, _ := strings.Cut(http.DetectContentType(head), ";")
	return t
}

// mediaTypes are those of common endings. Not package mime's: what that knows
// depends on the machine.
var mediaTypes = map[string]string{
	".7z": "application/x-7z-compressed", ".aac": "audio/aac", ".avif": "image/avif", ".avi": "video/x-msvideo",
	".bmp": "image/bmp", ".csv": "text/csv", ".doc": "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".eml":  "message/rfc822", ".epub": "application/epub+zip", ".flac": "audio/flac", ".gif": "image/gif",
	".gz": "application/gzip", ".heic": "image/heic", ".heif": "image/heif", ".htm": "text/html", ".html": "text/html",
	".ics": "text/calendar", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".json": "application/json",
	".m4a": "audio/mp4", ".m4v": "video/x-m4v", ".markdown": "text/markdown", ".mbox": "application/mbox", ".md": "text/markdown",
	".mkv": "video/x-matroska", ".mov": "video/quicktime", ".mp3": "audio/mpeg", ".mp4": "video/mp4",
	".odp": "application/vnd.oasis.opendocument.presentation", ".ods": "application/vnd.oasis.opendocument.spreadsheet",
	".odt": "application/vnd.oasis.opendocument.text", ".ogg": "audio/ogg", ".opus": "audio/opus", ".pdf": "application/pdf",
	".png": "image/png", ".ppt": "application/vnd.ms-powerpoint",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".rtf":  "application/rtf", ".svg": "image/svg+xml", ".tar": "application/x-tar", ".tgz": "application/gzip",
	".tif": "image/tiff", ".tiff": "image/tiff", ".txt": "text/plain", ".vcf": "text/vcard", ".wav": "audio/wav",
	".webm": "video/webm", ".webp": "image/webp", ".xls": "application/vnd.ms-excel",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xml": "application/xml", ".zip": "application/zip",
}
