package mcp

import (
	"context"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// Parameters that several tools have, with the names that models guess for them.
func limitParam(most int64, help string) param {
	return param{name: "limit", shape: anInt, least: 1, most: most, help: help, also: []string{"n", "k", "top_k", "topK", "count", "max_results", "num_results", "page_size"}}
}

func queryParam(help string) param {
	return param{name: "query", shape: aText, required: true, help: help, also: []string{"q", "text", "search", "question", "search_query"}}
}

func idParam(help string) param {
	return param{name: "id", shape: aText, required: true, help: help, also: []string{"memory_id", "memoryId", "item_id", "itemId", "uri", "url"}}
}

func cursorParam() param {
	return param{name: "cursor", shape: aText, help: "next of the answer before, to go on", also: []string{"page_token", "next"}}
}

// coreTools are the tools that every agent gets.
func coreTools() []tool {
	return append(findTools(), memoryTools()...)
}

func findTools() []tool {
	return []tool{
		{
			name: "search", title: "Search everything",
			text:  "Find items of any type (notes, messages, people, events, files, memories) by words. Gives ids and a line each; fetch reads one. For what was told to you earlier, use recall.",
			hints: hints{reads: true},
			params: []param{
				queryParam(`words, "phrases", -not; filters type: from: to: in: trust: narrow it`),
				{name: "types", shape: texts, help: "only these types, e.g. Note, Message, Person, Event, File, Memory", also: []string{"kinds", "item_types"}},
				{name: "from", shape: aTime, help: "not before this time: 2026-05-01, an RFC 3339 time, or 7d for a week ago", also: []string{"after", "since", "start", "from_date", "after_date"}},
				{name: "to", shape: aTime, help: "before this time", also: []string{"before", "until", "end", "to_date", "before_date"}},
				limitParam(50, "most results; default 10"),
				cursorParam(),
			},
			out: reflect.TypeFor[found](), run: search,
		},
		{
			name: "fetch", title: "Read an item",
			text:  "Read one item in full, by the id that search or recall gave. Long texts come in parts: go on at the offset that the answer names.",
			hints: hints{reads: true},
			params: []param{
				idParam("id of the item"),
				{name: "max_chars", shape: anInt, least: 1, most: maxChars, help: "most characters of its text; default 8000", also: []string{"max_length", "maxChars", "limit"}},
				{name: "offset", shape: anInt, help: "character to begin at; default 0", also: []string{"start", "start_index"}},
			},
			out: reflect.TypeFor[fetched](), run: fetch,
		},
	}
}

// Found is the answer of search. Its results have what ChatGPT asks of a tool of this
// name.
type found struct {
	framed
	Results []result `json:"results"`
	Next    string   `json:"next,omitempty" help:"cursor of the next page"`
	End     string   `json:"end"`
}

type result struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	URL   string `json:"url"`
	Type  string `json:"type"`
	Time  string `json:"time"`
	Trust string `json:"trust" help:"who wrote it; only owner is the user"`
	Text  string `json:"text,omitempty" help:"the text round the first match"`
}

var typeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

func search(ctx context.Context, c Caller, a args) (answer, error) {
	q := []string{a.text("query")}
	for _, t := range a.texts("types") {
		if !typeName.MatchString(t) {
			return answer{}, locket.Errorf(locket.CodeInvalid, "types: %.40q is no name of a type", t)
		}
		q = append(q, "type:"+t)
	}
	if from := a.text("from"); from != "" { // the filter leaves out the time itself
		q = append(q, "after:"+begin(from).Add(-time.Second).Format(time.RFC3339))
	}
	if to := a.text("to"); to != "" {
		q = append(q, "before:"+begin(to).Format(time.RFC3339))
	}
	in := map[string]any{"q": strings.Join(q, " "), "limit": a.number("limit", 10)}
	if cursor := a.text("cursor"); cursor != "" {
		in["cursor"] = cursor
	}
	page, err := call[locket.Page[locket.Hit]](ctx, c, "items.search", in)
	if err != nil {
		return answer{}, err
	}
	f := newFrame()
	out := found{framed: f.notice(), Results: []result{}, Next: page.Next, End: f.end()}
	for _, h := range page.Items {
		out.Results = append(out.Results, f.result(h))
	}
	return answer{data: out}, nil
}

func (f *frame) result(h locket.Hit) result {
	r := result{ID: string(h.Item.ID), URL: uriItem + string(h.Item.ID), Time: timeOf(h.Item), Trust: string(h.Item.Trust)}
	r.Type, r.Title = f.line(h.Item.Type, maxTitle), f.line(titleOf(h.Item), maxTitle)
	if text := f.line(h.Snippet, maxSnip); text != r.Title {
		r.Text = text
	}
	return r
}

// Bounds on fetch, in characters.
const (
	someChars = 8000
	maxChars  = 40000
)

// Fetched is the answer of fetch, with what ChatGPT asks of a tool of this name.
type fetched struct {
	framed
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Text     string   `json:"text"`
	URL      string   `json:"url"`
	Metadata metadata `json:"metadata"`
	Next     int      `json:"nextOffset,omitempty" help:"offset to go on at; absent at the end"`
	End      string   `json:"end"`
}

type metadata struct {
	Type    string `json:"type"`
	Created string `json:"created"`
	Updated string `json:"updated"`
	Version int64  `json:"version"`
	Trust   string `json:"trust" help:"who wrote it; only owner is the user"`
	Chars   int    `json:"chars" help:"length of the whole text"`
}

func fetch(ctx context.Context, c Caller, a args) (answer, error) {
	id := strings.TrimPrefix(a.text("id"), uriItem)
	it, err := call[locket.Item](ctx, c, "items.get", map[string]any{"id": id})
	if err != nil {
		return answer{}, err
	}
	f := newFrame()
	out := f.fetched(it)
	whole := []rune(textOfItem(it))
	from := min(int(a.number("offset", 0)), len(whole))
	most := int(a.number("max_chars", someChars))
	part := string(whole[from:min(len(whole), from+most)])
	text, used := f.part(part, maxAnswer)
	out.Text, out.Metadata.Chars = text, len(whole)
	if next := from + len([]rune(part[:used])); next < len(whole) {
		out.Next = next
	}
	return answer{data: out}, nil
}

// fetched is all of an answer but the text.
func (f *frame) fetched(it locket.Item) fetched {
	return fetched{
		framed: f.notice(), ID: string(it.ID), Title: f.line(titleOf(it), maxTitle), URL: uriItem + string(it.ID), End: f.end(),
		Metadata: metadata{
			Type: f.line(it.Type, maxTitle), Created: it.Created.UTC().Format(time.RFC3339),
			Updated: it.Updated.UTC().Format(time.RFC3339), Version: it.Version, Trust: string(it.Trust),
		},
	}
}
