package mcp

import (
	"context"
	"fmt"
	"reflect"

	"github.com/locketpod/locket"
)

func timelineTool() tool {
	return tool{
		name: "timeline", title: "Memories in time",
		text:  "List memories by their own time, latest first: what happened in a week, or the turns of a conversation.",
		hints: hints{reads: true},
		params: []param{
			{name: "from", shape: aTime, help: "not before this time: a date, an RFC 3339 time, or 7d for a week ago", also: []string{"after", "since", "start", "timeframe"}},
			{name: "to", shape: aTime, help: "before this time", also: []string{"before", "until", "end"}},
			namespaceParam("only this one and those below it"),
			{name: "kind", shape: aText, oneOf: kinds(), help: "only this kind", also: []string{"type"}},
			{name: "thread", shape: aText, help: "only this conversation", also: []string{"conversation_id", "session_id", "thread_id"}},
			{name: "oldest", shape: aFlag, help: "the oldest first"},
			limitParam(100, "most memories; default 20"),
			cursorParam(),
		},
		out: reflect.TypeFor[timed](), run: timeline,
	}
}

type timed struct {
	framed
	Memories  []memory `json:"memories"`
	Next      string   `json:"next,omitempty" help:"cursor of the next page"`
	Truncated bool     `json:"truncated,omitempty" help:"the answer was full: ask for fewer"`
	End       string   `json:"end"`
}

func timeline(ctx context.Context, c Caller, a args) (answer, error) {
	a["limit"] = a.number("limit", 20)
	page, err := call[locket.Page[locket.Item]](ctx, c, "memory.timeline", a)
	if err != nil {
		return answer{}, err
	}
	f := newFrame()
	out := timed{framed: f.notice(), Memories: []memory{}, Next: page.Next, End: f.end()}
	for _, it := range page.Items {
		if f.full() {
			out.Truncated, out.Next = true, "" // which would leave out those that are left out here
			break
		}
		out.Memories = append(out.Memories, f.memory(it))
	}
	said := fmt.Sprintf("%d memories.", len(out.Memories))
	if out.Truncated {
		said += " The answer is full: ask for fewer, or for a shorter time."
	} else if out.Next != "" {
		said += " There are more; go on with cursor " + out.Next
	}
	return answer{text: f.said(said, out.Memories), data: out}, nil
}

func statusTool() tool {
	return tool{
		name: "status", title: "Who am I, and what is remembered",
		text:  "Say as whom you act in this pod, what you may do, and how much is remembered.",
		hints: hints{reads: true},
		out:   reflect.TypeFor[state](), run: status,
	}
}

// A state is who the agent is in the pod, and what is there.
type state struct {
	framed
	Name   string   `json:"name"`
	Kind   string   `json:"kind"`
	May    []string `json:"may"`
	Memory any      `json:"memory,omitempty"`
	End    string   `json:"end"`
}

func status(ctx context.Context, c Caller, _ args) (answer, error) {
	self, err := call[struct {
		Name string   `json:"name"`
		Kind string   `json:"kind"`
		May  []string `json:"may"`
	}](ctx, c, "principals.self", nil)
	if err != nil {
		return answer{}, err
	}
	f := newFrame()
	out := state{framed: f.notice(), Name: f.line(self.Name, maxTitle), Kind: self.Kind, May: []string{}, End: f.end()}
	for _, m := range self.May {
		out.May = append(out.May, f.line(m, maxSnip))
	}
	counts, err := call[any](ctx, c, "memory.status", nil)
	switch locket.CodeOf(err) {
	case "":
		out.Memory = f.value(counts)
	case locket.CodeDenied, locket.CodeUnsupported:
	default:
		return answer{}, err
	}
	return answer{data: out}, nil
}
