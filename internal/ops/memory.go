package ops

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory"
	"github.com/locketpod/locket/internal/memory/recall"
)

type rememberIn struct {
	Text         string          `json:"text" help:"what to remember, in words that will make sense later without this conversation"`
	Title        string          `json:"title,omitempty" help:"a short title"`
	Kind         string          `json:"kind,omitempty" help:"fact (default), preference, event, decision, procedure, reflection, observation, turn, goal, summary or note"`
	Namespace    string          `json:"namespace,omitempty" help:"where it belongs, e.g. shared/home; default: one's own"`
	Tags         []string        `json:"tags,omitempty" help:"words to find it by"`
	Importance   float64         `json:"importance,omitempty" help:"up to 1"`
	Confidence   float64         `json:"confidence,omitempty" help:"up to 1"`
	Time         When            `json:"time,omitempty" help:"when it was said or happened; default: now"`
	ValidFrom    When            `json:"validFrom,omitempty" help:"since when it is so"`
	ValidThrough When            `json:"validThrough,omitempty" help:"until when it is so"`
	Expires      When            `json:"expires,omitempty" help:"when to forget it"`
	TTL          string          `json:"ttl,omitempty" help:"how long to keep it, e.g. 12h or 30d, instead of expires"`
	Tier         string          `json:"tier,omitempty" help:"working (6 hours), session (7 days) or long (default); being recalled moves it up"`
	Sender       string          `json:"sender,omitempty" help:"who said it"`
	Thread       string          `json:"thread,omitempty" help:"the conversation or session it is part of"`
	Position     int64           `json:"position,omitempty" help:"its place in the thread, from 1"`
	Source       string          `json:"source,omitempty" help:"what it was taken from, in words or as a URL"`
	From         []locket.ItemID `json:"from,omitempty" help:"ids of items that it was taken from"`
	About        []locket.ItemID `json:"about,omitempty" help:"ids of items that it tells of"`
	Supersedes   []locket.ItemID `json:"supersedes,omitempty" help:"ids of memories that hold no longer because of this one"`
	Contradicts  []locket.ItemID `json:"contradicts,omitempty" help:"ids of memories that can't be so together with this one"`
	Force        bool            `json:"force,omitempty" help:"keep it though there is one nearly like it"`
}

func (in rememberIn) draft() (memory.Draft, error) {
	d := memory.Draft{
		Text: in.Text, Name: in.Title, Kind: in.Kind, Namespace: in.Namespace, Tags: in.Tags, Importance: in.Importance, Confidence: in.Confidence,
		Tier: in.Tier, Sender: in.Sender, Thread: in.Thread, Position: in.Position, Source: in.Source,
		From: in.From, About: in.About, Supersedes: in.Supersedes, Contradicts: in.Contradicts, Force: in.Force,
	}
	err := moments(map[*time.Time]When{&d.Time: in.Time, &d.ValidFrom: in.ValidFrom, &d.Expires: in.Expires})
	if err == nil {
		d.ValidThrough, err = in.ValidThrough.end()
	}
	if err != nil || in.TTL == "" {
		return d, err
	}
	if in.Expires != "" {
		return d, locket.Errorf(locket.CodeInvalid, "give ttl or expires, not both")
	}
	life, err := parseLife(in.TTL)
	d.Expires = time.Now().UTC().Add(life)
	return d, err
}

// parseLife reads a length of time such as 90m, 12h, 30d or 2w.
func parseLife(s string) (time.Duration, error) {
	const most = 100 * 365 * 24 * time.Hour
	life, err := time.ParseDuration(s)
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			var n uint64
			if n, err = strconv.ParseUint(digits, 10, 16); err == nil {
				life = time.Duration(n) * length
			}
		}
	}
	if err != nil || life <= 0 || life > most {
		return 0, locket.Errorf(locket.CodeInvalid, "ttl %.20q: write a length of time such as 12h, 30d or 2w", s)
	}
	return life, nil
}

func remember(ctx context.Context, c *Call, in rememberIn) (memory.Remembered, error) {
	d, err := in.draft()
	if err != nil {
		return memory.Remembered{}, err
	}
	return memory.Remember(ctx, c.View, d, c.Embedder)
}

type recallIn struct {
	Query      string   `json:"query" help:"a question or words, as one would ask a person; times such as \"last May\" are understood"`
	Namespace  string   `json:"namespace,omitempty" help:"only this namespace and what is below it"`
	Types      []string `json:"types,omitempty" help:"types of items to look through; default: Memory"`
	Kinds      []string `json:"kinds,omitempty" help:"only memories of these kinds"`
	Tags       []string `json:"tags,omitempty" help:"only what has all of these tags"`
	After      When     `json:"after,omitempty" help:"only what is from then or later"`
	Before     When     `json:"before,omitempty" help:"only what is from before"`
	Limit      int      `json:"limit,omitempty" help:"most hits, 1 to 50; default 10"`
	Budget     int      `json:"budget,omitempty" help:"most tokens in all hits together; default 2000"`
	Neighbours int      `json:"neighbours,omitempty" help:"how many turns before and after each hit to give along, 0 to 3"`
	All        bool     `json:"all,omitempty" help:"what is superseded, expired or not valid now, too"`
}

func recallMemories(ctx context.Context, c *Call, in recallIn) (recall.Result, error) {
	q := recall.Query{
		Text: in.Query, Namespace: in.Namespace, Types: in.Types, Kinds: in.Kinds, Tags: in.Tags,
		Limit: in.Limit, Budget: in.Budget, Neighbours: in.Neighbours, All: in.All,
	}
	if err := moments(map[*time.Time]When{&q.After: in.After, &q.Before: in.Before}); err != nil {
		return recall.Result{}, err
	}
	out, err := recall.Run(ctx, c.View, q, c.Embedder)
	if err != nil {
		return out, err
	}
	items := make([]locket.Item, len(out.Hits))
	for i, h := range out.Hits {
		items[i] = h.Item
	}
	return out, memory.Raise(ctx, c.View, items)
}

type updateMemoryIn struct {
	ID           locket.ItemID   `path:"id" help:"id of the memory"`
	Version      Version         `header:"If-Match,omitempty" help:"version the change is based on; it fails if the memory has changed since"`
	Text         string          `json:"text,omitempty" help:"what it says now"`
	Title        string          `json:"title,omitempty" help:"a short title"`
	Kind         string          `json:"kind,omitempty" help:"fact, preference, event, decision, procedure, reflection, observation, turn, goal, summary or note"`
	Namespace    string          `json:"namespace,omitempty" help:"where it belongs"`
	Tags         []string        `json:"tags,omitempty" help:"words to find it by, instead of those it has"`
	Importance   float64         `json:"importance,omitempty" help:"up to 1"`
	Confidence   float64         `json:"confidence,omitempty" help:"up to 1"`
	Time         When            `json:"time,omitempty" help:"when it was said or happened"`
	ValidFrom    When            `json:"validFrom,omitempty" help:"since when it is so"`
	ValidThrough When            `json:"validThrough,omitempty" help:"until when it is so"`
	Expires      When            `json:"expires,omitempty" help:"when to forget it"`
	Tier         string          `json:"tier,omitempty" help:"working, session or long"`
	Source       string          `json:"source,omitempty" help:"what it was taken from"`
	About        []locket.ItemID `json:"about,omitempty" help:"ids of more items that it tells of"`
	Supersedes   []locket.ItemID `json:"supersedes,omitempty" help:"ids of memories that hold no longer because of this one"`
	Contradicts  []locket.ItemID `json:"contradicts,omitempty" help:"ids of memories that can't be so together with this one"`
}

func updateMemory(ctx context.Context, c *Call, in updateMemoryIn) (locket.Item, error) {
	d, err := rememberIn{
		Text: in.Text, Title: in.Title, Kind: in.Kind, Namespace: in.Namespace, Tags: in.Tags, Importance: in.Importance, Confidence: in.Confidence,
		Time: in.Time, ValidFrom: in.ValidFrom, ValidThrough: in.ValidThrough, Expires: in.Expires, Tier: in.Tier, Source: in.Source,
		About: in.About, Supersedes: in.Supersedes, Contradicts: in.Contradicts,
	}.draft()
	if err != nil {
		return locket.Item{}, err
	}
	return memory.Update(ctx, c.View, in.ID, int64(in.Version), d, c.Embedder)
}

type forgetIn struct {
	ID      locket.ItemID `path:"id" help:"id of the memory"`
	Version Version       `header:"If-Match,omitempty" help:"version it must have"`
	Reason  string        `json:"reason,omitempty" help:"why; it is kept with the memory"`
}

func forget(ctx context.Context, c *Call, in forgetIn) (Written, error) {
	change, err := memory.Forget(ctx, c.View, in.ID, int64(in.Version), in.Reason)
	return Written{Change: change}, err
}

type timelineIn struct {
	From      When   `query:"from,omitempty" help:"only what is from then or later"`
	To        When   `query:"to,omitempty" help:"only what is from before"`
	Namespace string `query:"namespace,omitempty" help:"only this namespace and what is below it"`
	Kind      string `query:"kind,omitempty" help:"only memories of this kind"`
	Thread    string `query:"thread,omitempty" help:"only this conversation or session"`
	Oldest    bool   `query:"oldest,omitempty" help:"the oldest first, instead of the newest"`
	Limit     int    `query:"limit,omitempty" help:"most memories to return, 1 to 1000; default 50"`
	Cursor    string `query:"cursor,omitempty" help:"where to go on: next of the page before"`
}

func timeline(ctx context.Context, c *Call, in timelineIn) (locket.Page[locket.Item], error) {
	t := memory.Timeline{Namespace: in.Namespace, Kind: in.Kind, Thread: in.Thread, Oldest: in.Oldest, Limit: in.Limit, Cursor: in.Cursor}
	if err := moments(map[*time.Time]When{&t.From: in.From, &t.To: in.To}); err != nil {
		return locket.Page[locket.Item]{}, err
	}
	return paged(memory.List(ctx, c.View, t))
}

func memoryStatus(ctx context.Context, c *Call, _ noIn) (memory.Status, error) {
	return memory.Count(ctx, c.View, c.Embedder)
}

type auditIn struct {
	Limit int `query:"limit,omitempty" help:"most to list of each sort, 1 to 1000; default 20"`
}

func auditMemories(ctx context.Context, c *Call, in auditIn) (memory.Audit, error) {
	if in.Limit == 0 {
		in.Limit = 20
	}
	if in.Limit < 1 || in.Limit > 1000 {
		return memory.Audit{}, locket.Errorf(locket.CodeInvalid, "limit %d: use 1 to 1000", in.Limit)
	}
	return memory.Look(ctx, c.View, in.Limit)
}

type tendIn struct {
	DryRun bool `json:"dryRun,omitempty" help:"change nothing, say what would be done"`
}

func tendMemories(ctx context.Context, c *Call, in tendIn) (memory.Tended, error) {
	return memory.Tend(ctx, c.View, in.DryRun)
}

func embedMemories(ctx context.Context, c *Call, _ noIn) (memory.Embedded, error) {
	return memory.Embed(ctx, c.View, c.Embedder, c.Report)
}
