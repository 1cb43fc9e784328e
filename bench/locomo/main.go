// Command locomo measures recall: how well it finds what answers the questions of the LoCoMo
// data set, and how long it takes in large pods. ../README.md has the figures.
//
//	go run ./bench/locomo --data locomo10.json
//	go run ./bench/locomo --latency 10000,100000
//
// The data set is not part of Locket: github.com/snap-research/LoCoMo has it. Each
// conversation becomes an encrypted pod of its own. An embedder is used too if LOCKET_EMBED_URL
// names one, with the interface of OpenAI; LOCKET_EMBED_MODEL is the name of its model.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
)

type options struct {
	data    string
	latency string
	verbose bool
	json    bool
}

func main() {
	var o options
	flag.StringVar(&o.data, "data", "", "the data set, a JSON `file`")
	flag.StringVar(&o.latency, "latency", "", "measure times instead, in pods of so many memories: `10000,100000`")
	flag.BoolVar(&o.verbose, "verbose", false, "a row for each category of question too")
	flag.BoolVar(&o.json, "json", false, "JSON instead of a table")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "locomo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, w io.Writer) error {
	dir, err := os.MkdirTemp("", "locomo")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left there is encrypted
	if o.latency != "" {
		return latency(ctx, w, dir, o.latency)
	}
	if o.data == "" {
		return errors.New("say with --data where the data set is, or ask for --latency")
	}
	conversations, err := readConversations(o.data)
	if err != nil {
		return err
	}
	e, err := embedder(ctx)
	if err != nil {
		return err
	}
	var all []row
	for _, g := range []granularity{byTurn, bySession} {
		rows, err := measure(ctx, dir, g, conversations, e)
		if err != nil {
			return err
		}
		all = append(all, rows...)
	}
	if o.json {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	}
	return print(w, all, o.verbose, e == nil)
}

func sizes(list string) ([]int, error) {
	var ns []int
	for _, s := range strings.Split(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of memories", s)
		}
		ns = append(ns, n)
	}
	return ns, nil
}
