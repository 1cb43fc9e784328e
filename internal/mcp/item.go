package mcp

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// uriItem is what the address of an item begins with.
const uriItem = "locket://item/"

// titleOf is what to call an item: its name, or the beginning of its text.
func titleOf(it locket.Item) string {
	for _, p := range []string{"name", "text", "description", "blobName"} {
		if s := strings.TrimSpace(it.Text(p)); s != "" {
			return s
		}
	}
	return it.Type
}

// timeOf is the item's own time, or when it was made.
func timeOf(it locket.Item) string {
	for _, p := range []string{"dateSent", "startDate", "dateCreated", "dateModified"} {
		if s := it.Text(p); s != "" {
			return s
		}
	}
	return it.Created.UTC().Format(time.RFC3339)
}

// bodyProps are the texts of items, technicalProps what says nothing to a reader.
func bodyProps() []string { return []string{"text", "description"} }

func technicalProps() []string {
	return []string{"blob", "rawBlob", "sha256", "identifier", "frontMatter", "defects", "references", "inReplyTo"}
}

// textOfItem is all that there is to read of an item: its properties, one in a line, and
// below them its text.
func textOfItem(it locket.Item) string {
	var b strings.Builder
	for _, name := range sortedKeys(it.Props) {
		if slices.Contains(bodyProps(), name) || slices.Contains(technicalProps(), name) {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", name, valueText(it.Props[name]))
	}
	for _, name := range bodyProps() {
		if s := it.Text(name); s != "" {
			b.WriteString("\n" + s + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func valueText(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	var parts []string
	for _, e := range list {
		parts = append(parts, fmt.Sprint(e))
	}
	return strings.Join(parts, ", ")
}

// A memory is an item of type Memory, or another that was recalled like one.
type memory struct {
	ID        string   `json:"id"`
	Type      string   `json:"type,omitempty"` // "" for a Memory
	Kind      string   `json:"kind,omitempty"`
	Title     string   `json:"title,omitempty"`
	Text      string   `json:"text"`
	Namespace string   `json:"namespace,omitempty"`
	Time      string   `json:"time"`
	Version   int64    `json:"version"`
	Trust     string   `json:"trust" help:"who wrote it; only owner is the user"`
	Score     float64  `json:"score,omitempty"`
	Why       []string `json:"why,omitempty"`
	Around    []nearby `json:"around,omitempty" help:"what stands before and after it in its conversation"`
}

// A nearby is what stands before or after a memory.
type nearby struct {
	ID   string `json:"id"`
	Time string `json:"time"`
	Text string `json:"text"`
}

// memory takes an item into the answer.
func (f *frame) memory(it locket.Item) memory {
	m := memory{ID: string(it.ID), Time: timeOf(it), Version: it.Version, Trust: string(it.Trust)}
	if it.Type != "Memory" {
		m.Type = f.line(it.Type, maxTitle)
	}
	m.Kind, m.Namespace = f.line(it.Text("kind"), maxTitle), f.line(it.Text("namespace"), maxTitle)
	m.Title = f.line(it.Text("name"), maxTitle)
	text := it.Text("text")
	if text == "" && it.Type != "Memory" {
		text = textOfItem(it)
	}
	m.Text = f.text(text, maxHit)
	return m
}

// head is one line about a memory.
func (m memory) head() string {
	parts := []string{m.ID}
	for _, s := range []string{m.Type, m.Kind, m.Namespace, m.Time} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if m.Trust != string(locket.TrustOwner) {
		parts = append(parts, "trust: "+m.Trust)
	}
	return strings.Join(parts, " · ")
}

// lines writes memories for a reader.
func lines(list []memory) string {
	var b strings.Builder
	for i, m := range list {
		fmt.Fprintf(&b, "[%d] %s\n", i+1, m.head())
		if m.Title != "" {
			b.WriteString(m.Title + "\n")
		}
		b.WriteString(m.Text + "\n")
		for _, n := range m.Around {
			fmt.Fprintf(&b, "    near it, %s: %s\n", n.Time, strings.ReplaceAll(n.Text, "\n", "\n    "))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
