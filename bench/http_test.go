package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
)

const (
	gets    = 3000 // by one client
	clients = 32
	burst   = 300 // requests of each of many clients
)

// http measures reading the items of ids, by who has token, from a server that opens
// the pod for every request, or for those that come together.
func (g *ground) http(b *testing.B, token *keyring.Token, ids []locket.ItemID) {
	s := startServer(b, program(b), g.dir, g.state)
	text := token.Text()
	c := &client{base: s, ids: ids, auth: "Bearer " + string(text.Bytes()), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}}
	defer c.http.CloseIdleConnections()
	text.Wipe()
	var one []time.Duration
	var rate []float64
	for b.Loop() {
		for i := range gets {
			took, err := measured(func() error { return c.get(g.ctx, i) })
			if err != nil {
				b.Fatal(err)
			}
			one = append(one, took.wall)
		}
		took, err := measured(func() error { return c.crowd(g.ctx) })
		if err != nil {
			b.Fatal(err)
		}
		rate = append(rate, clients*burst/took.wall.Seconds())
	}
	b.ReportMetric(ms(percentile(one, 50)), "p50-ms")
	b.ReportMetric(ms(percentile(one, 99)), "p99-ms")
	b.ReportMetric(median(rate), "requests/s")
	b.ReportMetric(0, "ns/op")
}

type client struct {
	base, auth string
	ids        []locket.ItemID
	http       *http.Client
}

// get reads an item, another for each i.
func (c *client) get(ctx context.Context, i int) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/v1/items/"+string(c.ids[spread(i)%len(c.ids)]), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", c.auth)
	resp, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("item %d: %s", i, resp.Status)
	}
	return nil
}

// crowd is many clients at once.
func (c *client) crowd(ctx context.Context) error {
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			for i := 0; i < burst && errs[n] == nil; i++ {
				errs[n] = c.get(ctx, n*burst+i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// startServer serves the pods in dir until b ends, and returns the URL. It remembers
// in state how far they had come.
func startServer(b *testing.B, program, dir, state string) string {
	b.Helper()
	cmd := exec.Command(program, "serve", "--json", "--addr", "127.0.0.1:0", "--dir", dir)
	cmd.Env = append(os.Environ(), "LOCKET_STATE="+state)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			b.Error(err)
		}
		_ = cmd.Wait() // the exit status of an interrupt
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		b.Fatal(err)
	}
	var ready struct{ URL string }
	if err := json.Unmarshal(line, &ready); err != nil {
		b.Fatal(err)
	}
	return ready.URL
}

// BenchmarkStart measures from the start of the process to its first answer.
func BenchmarkStart(b *testing.B) {
	exe := program(b)
	var all []time.Duration
	for b.Loop() {
		for range 11 {
			took, err := measured(func() error {
				resp, err := http.Get(startServer(b, exe, b.TempDir(), b.TempDir()) + "/v1/health")
				if err != nil {
					return err
				}
				return resp.Body.Close()
			})
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, took.wall)
		}
	}
	b.ReportMetric(ms(median(all)), "first-answer-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkBinary reports the size of the stripped binary.
func BenchmarkBinary(b *testing.B) {
	for b.Loop() {
		info, err := os.Stat(program(b))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/1e6, "MB")
	}
	b.ReportMetric(0, "ns/op")
}
