package mcp

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/locketpod/locket"
)

// kinds are the kinds of memories that agents make.
func kinds() []string {
	return []string{"fact", "preference", "event", "decision", "procedure", "reflection", "observation", "turn", "goal", "summary", "note"}
}

func namespaceParam(help string) param {
	return param{name: "namespace", shape: aText, help: help, also: []string{"ns", "scope", "project"}}
}

func memoryTools() []tool {
	return []tool{recallTool(), rememberTool(), updateTool(), forgetTool(), timelineTool(), statusTool(), fileTool()}
}

func recallTool() tool {
	return tool{
		name: "recall", title: "Recall memories",
		text:  "Find what was remembered that bears on a question, best first, within a number of tokens.",
		hints: hints{reads: true},
		params: []param{
			queryParam("what to recall, in words or as a question"),
			namespaceParam("only this one and those below it"),
			{name: "kinds", shape: texts, help: "only these kinds: " + strings.Join(kinds(), ", "), also: []string{"memory_types"}},
			{name: "types", shape: texts, help: "types of items to recall from; default Memory"},
			{name: "tags", shape: texts, help: "only with all of these tags", also: []string{"keywords", "labels"}},
			{name: "after", shape: aTime, help: "from this time on: a date, an RFC 3339 time, or 7d for a week ago", also: []string{"since", "from", "start"}},
			{name: "before", shape: aTime, help: "before this time", also: []string{"until", "to", "end"}},
			limitParam(50, "most memories; default 10"),
			{name: "budget", shape: anInt, least: 50, most: 10000, help: "most tokens; default 2000", also: []string{"max_tokens", "token_budget"}},
			{name: "neighbours", shape: anInt, most: 3, help: "how many turns before and after each, if it is part of a conversation", also: []string{"neighbors", "context"}},
			{name: "all", shape: aFlag, help: "expired and superseded memories, too", also: []string{"include_expired", "include_superseded"}},
		},
		out: reflect.TypeFor[recalled](), run: recall,
	}
}

// Recalled is the answer of recall.
type recalled struct {
	framed
	Recalled int      `json:"recalled" help:"how many memories"`
	Memories []memory `json:"memories"`
	Left     int      `json:"left" help:"how many more there was no room for"`
	Mode     string   `json:"mode" help:"how they were found"`
	End      string   `json:"end"`
}

// recalledItems is the answer of the operation.
type recalledItems struct {
	Hits []struct {
		Item   locket.Item   `json:"item"`
		Score  float64       `json:"score"`
		Why    []string      `json:"why"`
		Around []locket.Item `json:"around"`
	} `json:"hits"`
	Mode string `json:"mode"`
	Left int    `json:"left"`
}

func recall(ctx context.Context, c Caller, a args) (answer, error) {
	got, err := call[recalledItems](ctx, c, "memory.recall", a)
	if err != nil {
		return answer{}, err
	}
	f := newFrame()
	out := recalled{framed: f.notice(), Memories: []memory{}, Left: got.Left, Mode: got.Mode, End: f.end()}
	for i, h := range got.Hits {
		if f.full() {
			out.Left += len(got.Hits) - i
			break
		}
		m := f.memory(h.Item)
		m.Score = h.Score
		for _, w := range h.Why {
			m.Why = append(m.Why, f.line(w, maxTitle))
		}
		for _, n := range h.Around {
			m.Around = append(m.Around, nearby{string(n.ID), timeOf(n), f.text(n.Text("text"), maxSnip)})
		}
		out.Memories = append(out.Memories, m)
	}
	out.Recalled = len(out.Memories)
	return answer{text: f.said(receipt(out), out.Memories), data: out}, nil
}

// receipt says how much was recalled, for whoever watches the agent.
func receipt(r recalled) string {
	said := "Nothing is remembered about this."
	switch {
	case r.Recalled == 1:
		said = "Recalled 1 memory."
	case r.Recalled > 1:
		said = fmt.Sprintf("Recalled %d memories.", r.Recalled)
	}
	if r.Left > 0 {
		said += fmt.Sprintf(" %d more left out; ask more narrowly, or with a larger budget.", r.Left)
	}
	return said
}

// said is the text of an answer that has some memories.
func (f *frame) said(first string, list []memory) string {
	if len(list) == 0 {
		return first
	}
	return f.enclose(first, lines(list))
}

// contentParams are what a memory can have, and can be given later.
func contentParams() []param {
	return []param{
		{name: "title", shape: aText, help: "a few words", also: []string{"name", "subject"}},
		{name: "kind", shape: aText, oneOf: kinds(), help: "what it is; default fact", also: []string{"type", "category", "memory_type"}},
		namespaceParam("where it belongs; default: your own. Memories for all agents go under shared/"),
		{name: "tags", shape: texts, help: "words to file it under", also: []string{"keywords", "labels"}},
		{name: "importance", shape: aReal, help: "0 to 1"},
		{name: "confidence", shape: aReal, help: "how sure it is, 0 to 1"},
		{name: "time", shape: aTime, help: "when it was said or happened; default now", also: []string{"date", "timestamp", "when"}},
		{name: "expires", shape: aTime, help: "until when it is to be kept", also: []string{"expires_at"}},
		{name: "validFrom", shape: aTime, help: "since when it is true", also: []string{"valid_from"}},
		{name: "validThrough", shape: aTime, help: "until when it is true", also: []string{"valid_through", "valid_until", "valid_to"}},
		{name: "tier", shape: aText, oneOf: []string{"working", "session", "long"}, help: "how long it matters; default long"},
		{name: "source", shape: aText, help: "what it was taken from, in words or as a URL"},
		{name: "about", shape: texts, help: "ids of the people or things it is about"},
		{name: "supersedes", shape: texts, help: "ids of memories that it takes the place of", also: []string{"replaces"}},
		{name: "contradicts", shape: texts, help: "ids of memories that it contradicts"},
	}
}

// originParams are what it has from the beginning.
func originParams() []param {
	return []param{
		{name: "ttl", shape: aText, help: "how long it is to be kept: 12h, 30d", also: []string{"expires_in"}},
		{name: "sender", shape: aText, help: "who said it", also: []string{"speaker", "author"}},
		{name: "thread", shape: aText, help: "id of the conversation it is part of", also: []string{"conversation_id", "session_id", "thread_id"}},
		{name: "position", shape: anInt, least: 1, help: "its place there", also: []string{"turn"}},
		{name: "from", shape: texts, help: "ids of the items it was taken from", also: []string{"derived_from"}},
		{name: "force", shape: aFlag, help: "store it even if something like it is known"},
	}
}

func textParam(required bool) param {
	return param{name: "text", shape: aText, required: required, help: "what to remember, in sentences that stand alone", also: []string{"content", "memory", "fact", "body", "observation"}}
}

func rememberTool() tool {
	params := append([]param{textParam(true)}, contentParams()...)
	params = append(params, originParams()...)
	return tool{
		name: "remember", title: "Remember",
		text:   "Remember something for later conversations. What is known already is not stored again; memories like it are named, so that you can update one of them instead.",
		hints:  hints{idempotent: true},
		params: params,
		out:    reflect.TypeFor[remembered](), run: remember,
	}
}

// Remembered is the answer of remember.
type remembered struct {
	framed
	ID      string    `json:"id"`
	Version int64     `json:"version"`
	Met     string    `json:"met" help:"created, same (it was known), or similar (so are others)"`
	Similar []similar `json:"similar,omitempty"`
	End     string    `json:"end"`
}

type similar struct {
	ID         string  `json:"id"`
	Text       string  `json:"text" help:"the beginning"`
	Similarity float64 `json:"similarity"`
}

func remember(ctx context.Context, c Caller, a args) (answer, error) {
	if err := refuseRecalled(a); err != nil {
		return answer{}, err
	}
	got, err := call[struct {
		Item    locket.Item `json:"item"`
		Met     string      `json:"met"`
		Similar []similar   `json:"similar"`
	}](ctx, c, "memory.remember", a)
	if err != nil {
		return answer{}, err
	}
	f := newFrame()
	out := remembered{framed: f.notice(), ID: string(got.Item.ID), Version: got.Item.Version, Met: f.line(got.Met, maxTitle), End: f.end()}
	for _, s := range got.Similar {
		s.Text = f.line(s.Text, maxSnip)
		out.Similar = append(out.Similar, s)
	}
	return answer{text: out.text(f), data: out}, nil
}

func (r remembered) text(f *frame) string {
	said := "Remembered as " + r.ID + "."
	if r.ID == "" {
		said = "Not remembered yet."
	} else if r.Met == "same" {
		said = "This was known already, as " + r.ID + "."
	}
	if len(r.Similar) == 0 {
		return said
	}
	var list []string
	for _, s := range r.Similar {
		list = append(list, fmt.Sprintf("%s (%.2f) %s", s.ID, s.Similarity, s.Text))
	}
	return f.enclose(said+" Similar is known; update_memory, or supersedes, keeps one of each.", strings.Join(list, "\n"))
}

// refuseRecalled keeps what was recalled from being remembered again, frame and all.
func refuseRecalled(a args) error {
	if ownFrame.MatchString(a.text("text")) {
		return locket.Errorf(locket.CodeInvalid, "text: this is an answer of recall or fetch, which is stored already; remember only what is new, in words of your own")
	}
	return nil
}

func updateTool() tool {
	params := append([]param{idParam("id of the memory"), textParam(false)}, contentParams()...)
	return tool{
		name: "update_memory", title: "Change a memory",
		text:   "Change some fields of a memory; what was there before stays in its history. If something has become wrong, rather remember the new and name the old in supersedes.",
		hints:  hints{destroys: true, idempotent: true},
		params: append(params, param{name: "version", shape: anInt, least: 1, help: "version that you have read: the change is refused if there is a newer one", also: []string{"if_version"}}),
		out:    reflect.TypeFor[updated](), run: update,
	}
}

type updated struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
}

func update(ctx context.Context, c Caller, a args) (answer, error) {
	if err := refuseRecalled(a); err != nil {
		return answer{}, err
	}
	a["id"] = strings.TrimPrefix(a.text("id"), uriItem)
	it, err := call[locket.Item](ctx, c, "memory.update", a)
	if err != nil {
		return answer{}, err
	}
	return answer{text: fmt.Sprintf("Changed; it has version %d now.", it.Version), data: updated{string(it.ID), it.Version}}, nil
}

func forgetTool() tool {
	return tool{
		name: "forget", title: "Forget a memory",
		text:  "Take a memory out of use, because the user asks for it or because it is wrong. The user can bring it back.",
		hints: hints{destroys: true, idempotent: true},
		params: []param{
			idParam("id of the memory"),
			{name: "reason", shape: aText, help: "why, in a few words"},
		},
		out: reflect.TypeFor[forgotten](), run: forget,
	}
}

type forgotten struct {
	ID string `json:"id"`
}

func forget(ctx context.Context, c Caller, a args) (answer, error) {
	id := strings.TrimPrefix(a.text("id"), uriItem)
	a["id"] = id
	if _, err := call[any](ctx, c, "memory.forget", a); err != nil {
		return answer{}, err
	}
	return answer{text: "Forgotten; the user can bring it back.", data: forgotten{line(id, maxTitle)}}, nil
}
