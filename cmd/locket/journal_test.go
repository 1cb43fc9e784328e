package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/store"
)

// TestFollowShowsEveryEntryOnce lists a journal that grows by more than a page between
// two looks.
func TestFollowShowsEveryEntryOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pageSize = 2
		sizes := []int{3, 4, 4, 9} // at each look; then Ctrl-C
		ctx, stop := context.WithCancel(t.Context())
		list := func(cursor string) (page locket.Page[store.JournalEntry], err error) {
			from, err := strconv.Atoi(cursor)
			if cursor == "" {
				if len(sizes) == 0 {
					stop()
					return page, ctx.Err()
				}
				from, sizes, err = sizes[0], sizes[1:], nil
			}
			for n := from; n > max(from-pageSize, 0); n-- {
				page.Items = append(page.Items, store.JournalEntry{Change: locket.Change{Hash: fmt.Sprint(n)}})
			}
			if from > pageSize {
				page.Next = fmt.Sprint(from - pageSize)
			}
			return page, err
		}
		var seen []string
		show := func(entries []store.JournalEntry) error {
			for _, e := range entries {
				seen = append(seen, e.Hash)
			}
			return nil
		}
		start := time.Now()
		if err := followJournal(ctx, list, show); err != nil {
			t.Errorf("Ctrl-C ends it with %v", err)
		}
		if want := []string{"2", "3", "4", "5", "6", "7", "8", "9"}; !slices.Equal(seen, want) || time.Since(start) != 4*followEvery {
			t.Errorf("seen %v in %s, want %v", seen, time.Since(start), want)
		}
	})
}

func TestSummaryOfEntry(t *testing.T) {
	created := store.JournalAction{Action: locket.ActionCreate, Item: "id"}
	searched := store.JournalAction{Action: locket.ActionSearch, Detail: map[string]any{"op": "items.search", "asked": "q=rye", "count": int64(3), "ids": []any{"x"}}}
	refused := store.JournalAction{Action: locket.ActionRefuse, Detail: map[string]any{"op": "items.get", "asked": "", "code": "denied"}}
	for _, tt := range []struct {
		entry store.JournalEntry
		want  string
	}{
		{store.JournalEntry{Actions: []store.JournalAction{created, created}}, "create id, create id"},
		{store.JournalEntry{Actions: []store.JournalAction{created, searched, created, created}, More: 7}, "create 3 times, search items.search q=rye (saw 3), 7 more"},
		{store.JournalEntry{Actions: []store.JournalAction{refused}}, "refuse items.get (denied)"},
	} {
		if got := summary(tt.entry); got != tt.want {
			t.Errorf("summary = %q, want %q", got, tt.want)
		}
	}
}

func TestSinceIsATimeOrAgo(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for in, want := range map[string]string{
		"":                     "",
		"2h":                   "2026-11-21T08:00:00Z",
		"-90m":                 "2026-11-21T08:30:00Z",
		"2026-11-01T00:00:00Z": "2026-11-01T00:00:00Z",
		"yesterday":            "yesterday",
	} {
		if got := sinceTime(in, now); got != want {
			t.Errorf("sinceTime(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWhereTakesTheKindOfTheProperty(t *testing.T) {
	schema := ops.Schema{Types: locket.BuiltinTypes()}
	got, err := tests(schema, []string{"Note", "Photo"}, []string{"folder=2024", "folder=true", "latitude=1.5"})
	if s := fmt.Sprintf("%#v %#v %v", got["folder"].In, got["latitude"].In, err); s != `[]interface {}{"2024", "true"} []interface {}{"1.5"} <nil>` {
		t.Errorf("tests are %s", s)
	}
	for _, pair := range []string{"latitude=1", "folder", "=x"} {
		if _, err := tests(schema, []string{"Note"}, []string{pair}); locket.CodeOf(err) != locket.CodeInvalid {
			t.Errorf("%s: %v, want it refused", pair, err)
		}
	}
}
