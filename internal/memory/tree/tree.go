// Package tree is what stands behind Claude's memory tool (memory_20250818): a folder
// /memories of text files, each of which is an item. Its answers are those of the
// reference implementation, byte for byte; see docs/design/memory-tool.md.
package tree

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// Bounds on what the tool keeps.
const (
	maxFiles = 1000
	maxFile  = 100 << 10 // bytes of one
	maxPath  = 1024      // bytes of a path, in NFC

	// filesAtOnce is how many files are read at once to list a folder, so that memory
	// does not hold all texts.
	filesAtOnce = 100
)

// root is the folder that is always there.
const root = "/memories"

// The item of a file.
const (
	typ  = "Memory"
	kind = "file"
)

// A Command is what the model asked for, in the words of the tool's schema. Fields that
// the command has no use for are ignored.
type Command struct {
	Command    string // view, create, str_replace, insert, delete or rename
	Path       string // of all but rename
	ViewRange  []int  // view: first and last line, -1 for the end
	FileText   string // create
	OldStr     string // str_replace
	NewStr     string
	InsertLine int // insert: after this line, 0 for the beginning
	InsertText string
	OldPath    string // rename
	NewPath    string
}

// A Reply is what the model is told. Error marks texts that go back as an error of the
// tool.
type Reply struct {
	Text  string `json:"text"`
	Error bool   `json:"error"`
}

// A refusal is an answer that is an error of the tool.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// Run does a command on the files of a namespace. The error is for what is no answer to
// the model, as a policy that does not permit it.
func Run(ctx context.Context, v *store.View, namespace string, c Command) (Reply, error) {
	var reply Reply
	_, err := v.Write(ctx, func(w *store.Writer) (err error) {
		reply.Text, err = (&tree{w: w, namespace: namespace}).run(c)
		if text, ok := errors.AsType[refusal](err); ok {
			// Nothing was written; what was read is to be recorded.
			reply, err = Reply{Text: string(text), Error: true}, nil
		}
		return err
	})
	if err != nil {
		return Reply{}, err
	}
	return reply, nil
}

// A tree is the files of a namespace as one transaction sees them.
type tree struct {
	w         *store.Writer
	namespace string
}

func (t *tree) run(c Command) (string, error) {
	switch c.Command {
	case "view":
		return t.view(c)
	case "create":
		return t.create(c)
	case "str_replace":
		return t.strReplace(c)
	case "insert":
		return t.insert(c)
	case "delete":
		return t.delete(c)
	case "rename":
		return t.rename(c)
	}
	return "", refuse("Unknown command: %s", printable(c.Command))
}

// A file is what a folder tells of one.
type file struct {
	id      locket.ItemID
	version int64
	path    string
	size    int64
}

// query selects files of the namespace by more conditions.
func (t *tree) query(limit int, more ...locket.Condition) locket.Query {
	return locket.Query{Type: typ, Order: "created", Limit: limit, Where: append([]locket.Condition{
		{Property: "namespace", Op: locket.OpEqual, Value: t.namespace},
		{Property: "kind", Op: locket.OpEqual, Value: kind},
	}, more...)}
}

// file finds the file of a path.
func (t *tree) file(path string) (it locket.Item, ok bool, err error) {
	page, err := t.w.Query(t.query(1, locket.Condition{Property: "name", Op: locket.OpEqual, Value: path}))
	if err != nil || len(page.Items) == 0 {
		return it, false, err
	}
	it, err = t.w.Get(page.Items[0].ID)
	return it, err == nil, err
}

// below lists the files in a folder and its folders.
func (t *tree) below(path string) ([]file, error) {
	q := t.query(filesAtOnce, locket.Condition{Property: "name", Op: locket.OpPrefix, Value: path + "/"})
	var files []file
	for {
		page, err := t.w.Query(q)
		if err != nil {
			return nil, err
		}
		for _, it := range page.Items {
			files = append(files, file{it.ID, it.Version, it.Text("name"), int64(len(it.Text("text")))})
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return files, nil
		}
		if len(files) > 10*maxFiles { // made by something else than this tool
			return nil, locket.Errorf(locket.CodeTooLarge, "there are more than %d files in %s; delete some as items", 10*maxFiles, path)
		}
	}
}

// tell records that the model learns of files.
func (t *tree) tell(files ...file) error {
	for _, f := range files {
		if _, err := t.w.Get(f.id); err != nil {
			return err
		}
	}
	return nil
}

// text finds a file to be edited, and its text as the reference reads it.
func (t *tree) text(given string) (it locket.Item, text string, err error) {
	path, err := clean(given)
	if err != nil {
		return it, "", err
	}
	it, ok, err := t.file(path)
	switch {
	case err != nil:
		return it, "", err
	case ok:
		return it, newlines.Replace(it.Text("text")), nil
	}
	below, err := t.below(path)
	switch {
	case err != nil:
		return it, "", err
	case path == root || len(below) > 0:
		return it, "", refuse("The path %s is not a file.", given)
	}
	return it, "", refuse("The path %s does not exist. Please provide a valid path.", given)
}

// newlines makes every end of a line "\n", as Python does where it reads a text.
var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// save gives a file another text.
func (t *tree) save(it locket.Item, given, text string) error {
	if err := checkSize(given, text); err != nil {
		return err
	}
	_, err := t.w.Update(it.ID, it.Version, map[string]any{"text": text})
	return err
}

func checkSize(given, text string) error {
	if len(text) > maxFile {
		return refuse("File %s would be %d bytes long; at most %d are allowed. Please keep it in several files.", given, len(text), maxFile)
	}
	return nil
}
