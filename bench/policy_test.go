package bench

import (
	"fmt"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// folders is how many folders the notes of the corpus lie in, by turns.
const folders = 100

// seenFolder is one of them: that which the bounded principals may see.
const seenFolder = "work"

// A company is a pod with the corpus and those who may see one folder of it.
type company struct {
	*ground
	device, agent *keyring.Token  // reads of an agent are entries of the journal, those of a device are not
	seen          []locket.ItemID // what they may see
}

// BenchmarkPolicy measures reading with a policy that permits one percent of
// corpusSize notes, against the owner's reading. The pod is open.
func BenchmarkPolicy(b *testing.B) {
	c := newCompany(b)
	b.Run("query", func(b *testing.B) { c.compare(b, c.device, c.query) })
	b.Run("query+entry", func(b *testing.B) { c.compare(b, c.agent, c.query) })
	b.Run("visit+query", func(b *testing.B) { c.visits(b, c.device, c.query) })
	b.Run("search", func(b *testing.B) { c.compare(b, c.device, c.search) })
	b.Run("get", func(b *testing.B) { c.compare(b, c.device, c.get) })
	b.Run("get+entry", func(b *testing.B) { c.compare(b, c.agent, c.get) })
	b.Run("http", func(b *testing.B) { c.http(b, c.agent, c.seen) })
}

func newCompany(b *testing.B) *company {
	b.Helper()
	c := &company{ground: ownGround(b)}
	if err := c.do(c.fill); err != nil {
		b.Fatal(err)
	}
	for i := 0; i < corpusSize; i += folders {
		c.seen = append(c.seen, c.ids[i])
	}
	c.device, c.agent = c.admit(b, locket.KindDevice), c.admit(b, locket.KindAgent)
	return c
}

// fill adds corpusSize notes, each to a folder.
func (c *company) fill(v *store.View) error {
	for ; c.next < corpusSize; c.next += batchSize {
		list := notes(c.next, batchSize)
		for i := range list {
			list[i].folder = fmt.Sprintf("folder %d", (c.next+i)%folders)
			if (c.next+i)%folders == 0 {
				list[i].folder = seenFolder
			}
		}
		if err := c.create(v, list); err != nil {
			return err
		}
	}
	return nil
}

// admit makes a principal that may see the folder, and returns a key for it.
func (c *company) admit(b *testing.B, kind locket.PrincipalKind) (token *keyring.Token) {
	b.Helper()
	policy := &locket.Policy{Rules: []locket.Rule{{
		Actions: []locket.Permission{locket.MayRead, locket.MaySearch}, Types: []string{"Note"},
		Where: map[string]locket.Match{"folder": {In: []any{seenFolder}}},
	}}}
	var who locket.Principal
	err := c.do(func(v *store.View) error {
		_, err := v.Write(c.ctx, func(w *store.Writer) (err error) {
			who, err = w.AddPrincipal(locket.Principal{Kind: kind, Name: string(kind), Policy: policy})
			return err
		})
		return err
	})
	if err == nil {
		err = c.folder.Keys(c.ctx, c.pod, c.token, func(k *pods.Keys) (err error) {
			_, token, err = k.AddAPIKey(c.ctx, string(kind), who.ID)
			return err
		})
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(token.Wipe)
	return token
}

// A reading is done by the bounded principal and the owner alike.
type reading func(v *store.View, i int) error

// compare admits both once.
func (c *company) compare(b *testing.B, token *keyring.Token, read reading) {
	err := c.do(func(owner *store.View) error {
		return c.folder.Do(c.ctx, c.pod, token, func(bounded *store.View) error {
			by := func(v *store.View) side {
				return func(i int) (cost, error) { return measured(func() error { return read(v, i) }) }
			}
			compare(b, "owner", by(bounded), by(owner))
			return nil
		})
	})
	if err != nil {
		b.Fatal(err)
	}
}

// visits has both come in for each reading, with their keys.
func (c *company) visits(b *testing.B, token *keyring.Token, read reading) {
	by := func(token *keyring.Token) side {
		return func(i int) (cost, error) {
			return measured(func() error {
				return c.folder.Do(c.ctx, c.pod, token, func(v *store.View) error { return read(v, i) })
			})
		}
	}
	err := c.do(func(*store.View) error { // keeps it open
		compare(b, "owner", by(token), by(c.token))
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func (c *company) query(v *store.View, _ int) error {
	page, err := v.Query(c.ctx, locket.Query{Type: "Note", Limit: pageSize})
	if err == nil && len(page.Items) != pageSize {
		err = fmt.Errorf("%d items", len(page.Items))
	}
	return err
}

func (c *company) search(v *store.View, i int) error { return find(c.ctx, v, searchFor(i)) }

func (c *company) get(v *store.View, i int) error { return get(c.ctx, v, c.seen[i%len(c.seen)]) }
