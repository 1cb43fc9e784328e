package bench

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

var memoryCount = flag.Int("memories", corpusSize, "memories in the pod of BenchmarkRecall")

const (
	memoryWords = 20
	vectorDims  = 256
	vectorModel = "bench-256"
	topics      = 500 // round which vectors lie
)

// A mind is a pod of memories with vectors: of each hundred, one is of the agent's own
// namespace, twenty are shared, and the rest are of another's.
type mind struct {
	*ground
	agent  *keyring.Token
	topics [][]float32
}

// BenchmarkRecall measures what recall stands on, for the owner and for an agent that
// sees a fifth of the pod.
func BenchmarkRecall(b *testing.B) {
	m := newMind(b)
	for _, who := range []struct {
		name  string
		token *keyring.Token
	}{{"owner", m.token}, {"agent", m.agent}} {
		err := m.folder.Do(m.ctx, m.pod, who.token, func(v *store.View) error {
			m.measure(b, who.name, v)
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func (m *mind) measure(b *testing.B, who string, v *store.View) {
	var plain store.MemoryFilter
	own := store.MemoryFilter{Namespace: "agents/me"}
	terms := func(i int) []store.Expr { // from in most items to in few
		var es []store.Expr
		for _, below := range []int{5, 50, 300, 2000, 15000} {
			es = append(es, store.Term(word(below*2/3+i%(below/3+1))))
		}
		return es
	}
	near := func(i int) []float32 { return m.vector(i*31, rand.New(rand.NewPCG(3, uint64(i)))) }
	for _, c := range []struct {
		name string
		do   func(i int) error
	}{
		{"counts", func(i int) error { _, _, err := v.TermCounts(m.ctx, plain, terms(i), 1000); return err }},
		{"match-rare", func(i int) error { _, err := v.Matching(m.ctx, plain, store.AnyOf(terms(i)[3:]...), 200); return err }},
		{"match-three", func(i int) error { _, err := v.Matching(m.ctx, plain, store.AnyOf(terms(i)[2:]...), 200); return err }},
		{"match-all", func(i int) error { _, err := v.Matching(m.ctx, plain, store.AnyOf(terms(i)...), 200); return err }},
		{"match-common", func(i int) error { _, err := v.Matching(m.ctx, plain, terms(i)[0], 200); return err }},
		{"match-own", func(i int) error { _, err := v.Matching(m.ctx, own, store.AnyOf(terms(i)[2:]...), 200); return err }},
		{"nearest", func(i int) error { _, err := v.Nearest(m.ctx, plain, vectorModel, near(i), 50); return err }},
		{"nearest-own", func(i int) error { _, err := v.Nearest(m.ctx, own, vectorModel, near(i), 50); return err }},
		{"unembedded", func(int) error { _, err := v.Unembedded(m.ctx, plain, vectorModel, 100); return err }},
		{"around", func(i int) error { _, err := v.Around(m.ctx, fmt.Sprint("thread ", i%100), 50, 2, 2); return err }},
	} {
		b.Run(who+"/"+c.name, func(b *testing.B) {
			var wall, cpu []time.Duration
			for b.Loop() {
				for i := range rounds {
					took, err := measured(func() error { return c.do(i) })
					if err != nil {
						b.Fatal(err)
					}
					wall, cpu = append(wall, took.wall), append(cpu, took.cpu)
				}
			}
			slices.Sort(wall)
			slices.Sort(cpu)
			ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
			b.ReportMetric(ms(wall[len(wall)/2]), "p50-ms")
			b.ReportMetric(ms(wall[len(wall)-1]), "max-ms")
			b.ReportMetric(ms(cpu[len(cpu)/2]), "p50-cpu-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func newMind(b *testing.B) *mind {
	b.Helper()
	m := &mind{ground: ownGround(b)}
	r := rand.New(rand.NewPCG(1, 2))
	for range topics {
		t := make([]float32, vectorDims)
		for i := range t {
			t[i] = float32(r.NormFloat64())
		}
		m.topics = append(m.topics, t)
	}
	start := time.Now()
	if err := m.do(m.fill); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d memories with vectors in %v", *memoryCount, time.Since(start).Round(time.Second))
	m.agent = m.admitAgent(b)
	return m
}

// vector lies near a topic.
func (m *mind) vector(topic int, r *rand.Rand) []float32 {
	v := slices.Clone(m.topics[topic%topics])
	for i := range v {
		v[i] += 0.7 * float32(r.NormFloat64())
	}
	return v
}

func (m *mind) fill(v *store.View) error {
	for first := 0; first < *memoryCount; first += batchSize {
		_, err := v.Write(m.ctx, func(w *store.Writer) error {
			for i := first; i < first+batchSize; i++ {
				if err := m.add(w, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *mind) add(w *store.Writer, i int) error {
	r := rand.New(rand.NewPCG(7, uint64(i)))
	zipf := rand.NewZipf(r, 1.07, 2, vocabulary-1)
	ns := "agents/other"
	switch {
	case i%100 == 0:
		ns = "agents/me"
	case i%5 == 1:
		ns = "shared/all"
	}
	it, err := w.Create(store.Draft{Type: "Memory", Props: map[string]any{
		"text": phrase(zipf, memoryWords), "kind": "fact", "namespace": ns, "dateCreated": epoch.Add(time.Duration(i) * time.Minute),
		"importance": 0.5, "tier": "long", "thread": fmt.Sprint("thread ", i/100), "position": i % 100,
	}})
	if err != nil {
		return err
	}
	return w.SetVector(it.ID, vectorModel, m.vector(i, r))
}

// admitAgent makes a device, whose reads are no entries, with an agent's policy.
func (m *mind) admitAgent(b *testing.B) (token *keyring.Token) {
	b.Helper()
	see := []locket.Permission{locket.MayRead, locket.MaySearch}
	rule := func(match locket.Match) locket.Rule {
		return locket.Rule{Actions: see, Types: []string{"Memory"}, Where: map[string]locket.Match{"namespace": match}}
	}
	policy := &locket.Policy{Rules: []locket.Rule{
		rule(locket.Match{In: []any{"agents/me"}}), rule(locket.Match{Prefix: "agents/me/"}), rule(locket.Match{Prefix: "shared"}),
	}}
	var who locket.Principal
	err := m.do(func(v *store.View) error {
		_, err := v.Write(m.ctx, func(w *store.Writer) (err error) {
			who, err = w.AddPrincipal(locket.Principal{Kind: locket.KindDevice, Name: "agent", Policy: policy})
			return err
		})
		return err
	})
	if err == nil {
		err = m.folder.Keys(m.ctx, m.pod, m.token, func(k *pods.Keys) (err error) {
			_, token, err = k.AddAPIKey(m.ctx, "agent", who.ID)
			return err
		})
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(token.Wipe)
	return token
}
