package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/memory"
	"github.com/locketpod/locket/internal/memory/recall"
	"github.com/locketpod/locket/internal/store"
)

const (
	asked     = 200    // requests of each kind
	namespace = "work" // the agent's; a tenth of the memories
	perThread = 20
)

// latency measures recall, and a durable write, in a pod that is opened for each.
func latency(ctx context.Context, w io.Writer, dir, list string) error {
	ns, err := sizes(list)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "memories\twork\twho\tp50 ms\tp99 ms")
	for _, n := range ns {
		if err := latencyOf(ctx, t, dir, n); err != nil {
			return err
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func latencyOf(ctx context.Context, w io.Writer, dir string, n int) (err error) {
	g, err := newGround(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.end()) }()
	// Filled in one transaction for each thousand, and opened for each of what follows.
	err = g.do(func(v *store.View) error {
		for i := 0; i < n; i += 10_000 {
			var list []map[string]any
			for j := i; j < min(n, i+10_000); j++ {
				list = append(list, memoryAt(j))
			}
			if _, err := g.fill(v, list); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	agent, err := g.admit(namespace)
	if err != nil {
		return err
	}
	defer agent.Wipe()
	for place, who := range []struct {
		name  string
		token *keyring.Token
	}{{"owner", g.token}, {"agent", agent}} {
		for _, work := range []struct {
			name string
			do   func(v *store.View, i int) error
		}{
			{"recall", func(v *store.View, i int) error {
				_, err := recall.Run(ctx, v, recall.Query{Text: questionAt(i)}, nil)
				return err
			}},
			{"remember", func(v *store.View, i int) error {
				text, _ := memoryAt(n + place*asked + i)["text"].(string)
				out, err := memory.Remember(ctx, v, memory.Draft{Text: text, Namespace: namespace}, nil)
				if err == nil && out.Met != memory.MetNothing {
					err = fmt.Errorf("a new text met %q", out.Met)
				}
				return err
			}},
		} {
			var times []time.Duration
			for i := range asked {
				start := time.Now()
				if err := g.as(who.token, func(v *store.View) error { return work.do(v, i) }); err != nil {
					return err
				}
				times = append(times, time.Since(start))
			}
			slices.Sort(times)
			fmt.Fprintf(w, "%d\t%s\t%s\t%.1f\t%.1f\n", n, work.name, who.name, quantile(times, 0.5), quantile(times, 0.99))
		}
	}
	return nil
}

// memoryAt is the i-th memory, always the same: about 40 words, in threads of twenty, of
// which a tenth are in the agent's namespace.
func memoryAt(i int) map[string]any {
	r := rand.New(rand.NewPCG(1, uint64(i)))
	m := map[string]any{
		"text": text(r, 20+r.IntN(40)), "kind": "turn", "sender": word(i % 2), "thread": fmt.Sprint("t", i/perThread), "position": int64(i % perThread),
		"dateCreated": time.Date(2020, 1, 1, 0, i, 0, 0, time.UTC), "namespace": "home",
	}
	if i/perThread%10 == 0 {
		m["namespace"] = namespace
	}
	return m
}

// questionAt asks with words of one memory, as questions do: some frequent ones, some rare.
func questionAt(i int) string {
	r := rand.New(rand.NewPCG(1, uint64(i*7919)))
	words := strings.Fields(text(r, 6))
	return "When did " + word(i%2) + " " + strings.Join(words, " ") + "?"
}

// text has the word frequencies of natural language: the k-th word of 50,000 is used about
// k times less often than the first.
func text(r *rand.Rand, words int) string {
	zipf := rand.NewZipf(r, 1.07, 2, 50_000-1)
	list := make([]string, words)
	for i := range list {
		list[i] = word(int(zipf.Uint64()))
	}
	return strings.Join(list, " ")
}

// word is the k-th word: frequent ones are short.
func word(k int) string {
	const onsets, vowels = "bdfgklmnprstvz", "aeiou"
	const syllables = len(onsets) * len(vowels)
	var b strings.Builder
	for k += syllables; k > 0; k /= syllables {
		b.WriteByte(onsets[k%len(onsets)])
		b.WriteByte(vowels[k/len(onsets)%len(vowels)])
	}
	return b.String()
}
