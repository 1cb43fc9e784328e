package ops

import (
	"context"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory/tree"
)

type memoryFileIn struct {
	Command    string `json:"command" help:"view, create, str_replace, insert, delete or rename"`
	Path       string `json:"path,omitempty" help:"file or folder, /memories or below; of all commands but rename"`
	ViewRange  []int  `json:"view_range,omitempty" help:"view: first and last line; -1 for the end"`
	FileText   string `json:"file_text,omitempty" help:"create: the text"`
	OldStr     string `json:"old_str,omitempty" help:"str_replace: text that occurs once"`
	NewStr     string `json:"new_str,omitempty" help:"str_replace: what to put in its place"`
	InsertLine int    `json:"insert_line,omitempty" help:"insert: after which line; 0 is the beginning"`
	InsertText string `json:"insert_text,omitempty" help:"insert: the text"`
	OldPath    string `json:"old_path,omitempty" help:"rename: from"`
	NewPath    string `json:"new_path,omitempty" help:"rename: to"`
}

func memoryFile(ctx context.Context, c *Call, in memoryFileIn) (tree.Reply, error) {
	namespace, err := ownMemories(ctx, c, "memories")
	if err != nil {
		return tree.Reply{}, err
	}
	return tree.Run(ctx, c.View, namespace, tree.Command(in))
}

// ownMemories is a namespace below that of whoever asks. It refuses those who may not know
// that there are memories.
func ownMemories(ctx context.Context, c *Call, name string) (string, error) {
	types, err := c.View.Types(ctx)
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(types, func(t locket.Type) bool { return t.Name == "Memory" }) {
		return "", locket.Errorf(locket.CodeDenied, "your policy does not permit to use memories; its owner can change that")
	}
	return c.View.Principal().Namespace() + "/" + name, nil
}
