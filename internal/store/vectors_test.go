package store_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/sqlcipher"
	"github.com/locketpod/locket/internal/store"
)

func randomVector(r *rand.Rand, around []float32, dims int) []float32 {
	x := make([]float32, dims)
	for i := range x {
		x[i] = float32(r.NormFloat64())
		if around != nil {
			x[i] = around[i] + 0.6*x[i]
		}
	}
	return x
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

// Nearest gives nearly what comparing every vector gives, as near as it is.
func TestNearestAgreesWithExact(t *testing.T) {
	const dims, count, looks, limit = 128, 4000, 40, 10
	b := newBench(t)
	r := rand.New(rand.NewPCG(1, 2))
	var centres [][]float32
	for range 40 {
		centres = append(centres, randomVector(r, nil, dims))
	}
	vectors := make(map[locket.ItemID][]float32)
	b.write(func(w *store.Writer) error {
		for i := range count {
			it, err := w.Create(store.Draft{Type: "Memory", Props: props{"text": fmt.Sprint(i)}})
			if err != nil {
				return err
			}
			vectors[it.ID] = randomVector(r, centres[i%len(centres)], dims)
			if err := w.SetVector(it.ID, "model", vectors[it.ID]); err != nil {
				return err
			}
		}
		return nil
	})
	met := 0
	for i := range looks {
		x := randomVector(r, centres[i%len(centres)], dims)
		var exact []float64
		for _, y := range vectors {
			exact = append(exact, cosine(x, y))
		}
		slices.SortFunc(exact, func(a, b float64) int { return cmp.Compare(b, a) })
		found, err := b.v.Nearest(t.Context(), store.MemoryFilter{}, "model", x, limit)
		if err != nil || len(found) != limit {
			t.Fatal(len(found), err, cause(err))
		}
		for _, f := range found {
			truth := cosine(x, vectors[f.Item.ID])
			if math.Abs(truth-f.Similarity) > 0.01 {
				t.Fatalf("similarity %v, it is %v", f.Similarity, truth)
			}
			if truth >= exact[limit-1] {
				met++
			}
		}
	}
	if met < looks*limit*95/100 {
		t.Errorf("%d of %d of the nearest were found", met, looks*limit)
	}
}

// Vectors follow their items through whatever is done to them.
func TestVectorsFollowItems(t *testing.T) {
	b := newBench(t)
	r := rand.New(rand.NewPCG(3, 4))
	var items []locket.ItemID
	has := make(map[locket.ItemID]string) // the model of its vector
	gone := make(map[locket.ItemID]bool)
	b.write(func(w *store.Writer) error {
		for i := range 700 {
			it, err := w.Create(store.Draft{Type: "Memory", Props: props{"text": fmt.Sprint("memory ", i)}})
			if err != nil {
				return err
			}
			items, has[it.ID] = append(items, it.ID), "one"
			if err := w.SetVector(it.ID, "one", randomVector(r, nil, 12)); err != nil {
				return err
			}
		}
		return nil
	})
	for round := range 12 {
		b.write(func(w *store.Writer) error {
			for range 60 {
				id := pick(r, items)
				if gone[id] {
					continue
				}
				var err error
				switch r.IntN(6) {
				case 0:
					err = w.SetVector(id, "one", randomVector(r, nil, 12))
					has[id] = "one"
				case 1:
					err = w.SetVector(id, "two", randomVector(r, nil, 33))
					has[id] = "two"
				case 2:
					_, err = w.Update(id, 0, props{"text": fmt.Sprint("changed ", r.Uint64())})
					delete(has, id)
				case 3:
					_, err = w.Update(id, 0, props{"importance": r.Float64()})
				case 4:
					if err = w.Delete(id, 0); err == nil && r.IntN(2) == 0 {
						err = w.Restore(id, 0)
					} else {
						gone[id] = true
					}
					delete(has, id)
				case 5:
					err = w.Erase(id, 0)
					gone[id] = true
					delete(has, id)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if wrong, err := b.v.CheckIntegrity(t.Context()); err != nil || len(wrong) > 0 {
			t.Fatalf("round %d: %q, %v %v", round, wrong, err, cause(err))
		}
	}
	for model, dims := range map[string]int{"one": 12, "two": 33} {
		found, err := b.v.Nearest(t.Context(), store.MemoryFilter{}, model, randomVector(r, nil, dims), 1000)
		if err != nil {
			t.Fatal(err, cause(err))
		}
		want := 0
		for _, m := range has {
			if m == model {
				want++
			}
		}
		if len(found) != want || want < 20 {
			t.Errorf("%d have a vector of model %s, want %d", len(found), model, want)
		}
		for _, x := range found {
			if has[x.Item.ID] != model {
				t.Errorf("%s has a vector of model %s", x.Item.ID, model)
			}
		}
		left, err := b.v.Unembedded(t.Context(), store.MemoryFilter{}, model, 1000)
		if want := len(items) - len(gone) - len(found); err != nil || len(left) != want {
			t.Errorf("%d have no vector of model %s, want %d: %v", len(left), model, want, err)
		}
	}
}

func TestSetVectorRefuses(t *testing.T) {
	b := newBench(t)
	it := b.create("Memory", props{"text": "one", "namespace": "agents/me"})
	other := b.create("Memory", props{"text": "two", "namespace": "shared"})
	hidden := b.create("Memory", props{"text": "three"})
	eight := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	set := func(id locket.ItemID, model string, x []float32) func(*store.Writer) error {
		return func(w *store.Writer) error { return w.SetVector(id, model, x) }
	}
	b.write(set(it.ID, "model", eight))
	b.fails(locket.CodeInvalid, "dimensions", set(it.ID, "new", eight[:7]))
	b.fails(locket.CodeInvalid, "dimensions", set(it.ID, "new", make([]float32, 4097)))
	b.fails(locket.CodeInvalid, "direction", set(it.ID, "new", make([]float32, 8)))
	b.fails(locket.CodeInvalid, "direction", set(it.ID, "new", append([]float32{float32(math.NaN())}, eight...)))
	b.fails(locket.CodeInvalid, "direction", set(it.ID, "new", append([]float32{float32(math.Inf(1))}, eight...)))
	b.fails(locket.CodeInvalid, "have 8 dimensions, not 9", set(it.ID, "model", append(eight, 9)))
	b.fails(locket.CodeInvalid, "name", set(it.ID, "", eight))
	b.fails(locket.CodeNotFound, "", set(locket.NewItemID(b.clock), "model", eight))
	b.write(func(w *store.Writer) error { return w.Delete(hidden.ID, 0) })
	b.fails(locket.CodeConflict, "deleted", set(hidden.ID, "model", eight))

	v := b.agent("robot", modest)
	for id, want := range map[locket.ItemID]locket.Code{it.ID: "", other.ID: locket.CodeDenied, hidden.ID: locket.CodeNotFound} {
		if _, err := v.Write(t.Context(), set(id, "model", eight)); locket.CodeOf(err) != want {
			t.Errorf("an agent: %v, want %q", err, want)
		}
	}
	maker := b.agent("maker", `{"rules":[{"actions":["read","create"],"types":["Memory"]}]}`)
	if _, err := maker.Write(t.Context(), set(it.ID, "model", eight)); locket.CodeOf(err) != locket.CodeDenied {
		t.Errorf("one that may only create: %v", err)
	}
	_, err := maker.Write(t.Context(), func(w *store.Writer) error {
		made, err := w.Create(store.Draft{Type: "Memory", Props: props{"text": "mine"}})
		if err != nil {
			return err
		}
		return w.SetVector(made.ID, "model", eight)
	})
	if err != nil {
		t.Errorf("for what it has just created: %v", err)
	}
}

// A pod has vectors of few models; the place of one that has none left is free again.
func TestModels(t *testing.T) {
	b := newBench(t)
	var items []locket.ItemID
	for i := range 9 {
		it := b.create("Memory", props{"text": fmt.Sprint(i)})
		items = append(items, it.ID)
	}
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	set := func(i int, model string) func(*store.Writer) error {
		return func(w *store.Writer) error { return w.SetVector(items[i], model, x) }
	}
	for i := range 8 {
		b.write(set(i, fmt.Sprint("model ", i)))
	}
	b.fails(locket.CodeTooLarge, "at most 8 models", set(8, "model 8"))
	b.write(set(3, "model 0"))
	b.write(set(8, "model 8"))
	for model, want := range map[string]int{"model 0": 2, "model 3": 0, "model 8": 1, "none": 0} {
		found, err := b.v.Nearest(t.Context(), store.MemoryFilter{}, model, x, 10)
		if err != nil || len(found) != want {
			t.Errorf("%s: %d, want %d: %v", model, len(found), want, err)
		}
	}
}

// sealed opens the database beside the store.
func (b *bench) sealed() *sqlcipher.DB {
	b.t.Helper()
	db, err := sqlcipher.Open(b.t.Context(), b.cfg.Path, b.cfg.Key, sqlcipher.Options{MustExist: true})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = db.Close() })
	return db
}

// Nothing in the database is left of the vector of an erased item, nor its number.
func TestEraseTakesVectors(t *testing.T) {
	b := newBench(t)
	var ids []locket.ItemID
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 3 {
		it := b.create("Memory", props{"text": fmt.Sprint(i)})
		ids = append(ids, it.ID)
		b.write(func(w *store.Writer) error { return w.SetVector(it.ID, "model", randomVector(r, nil, 64)) })
	}
	if err := b.v.Used(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	db := b.sealed()
	rows := func(what string, args ...any) (n int) {
		if err := db.QueryRowContext(t.Context(), what, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var n int64
	if err := db.QueryRowContext(t.Context(), `SELECT max(n) FROM items`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	var vector, bits []byte
	if err := db.QueryRowContext(t.Context(), `SELECT v.vector, substr(c.bits, 17) FROM vectors v JOIN codes c ON c.n = v.code WHERE v.item = ?`, n).Scan(&vector, &bits); err != nil {
		t.Fatal(err)
	}
	left := func() int {
		number := binary.BigEndian.AppendUint64(nil, uint64(n))
		return rows(`SELECT count(*) FROM codes WHERE instr(bits, ?) OR instr(items, ?)`, bits, number) +
			rows(`SELECT count(*) FROM vectors WHERE item = ? OR vector = ?`, n, vector) + rows(`SELECT count(*) FROM recalls WHERE item = ?`, n)
	}
	if len(bits) != 8 || left() != 3 {
		t.Fatalf("there are %d rows, and %d bytes", left(), len(bits))
	}
	b.write(func(w *store.Writer) error { return w.Erase(ids[2], 0) })
	if left() != 0 || rows(`SELECT count(*) FROM vectors`) != 2 {
		t.Errorf("%d rows are left of it", left())
	}
}

// A check of the pod tells what is wrong with its vectors.
func TestCheckFindsVectors(t *testing.T) {
	for _, damage := range []string{
		`UPDATE codes SET bits = zeroblob(length(bits))`,
		`UPDATE codes SET bits = substr(bits, 2)`,
		`DELETE FROM codes`,
		`DELETE FROM vectors`,
		`DELETE FROM vectors WHERE item = 1`,
		`UPDATE vectors SET code = code + 1`,
		`UPDATE vectors SET vector = x'00'`,
		`INSERT INTO recalls(item, uses, last) VALUES(99, 1, 1)`,
		`UPDATE items SET deleted = 1`,
	} {
		b := newBench(t)
		for i := range 3 {
			it := b.create("Memory", props{"text": fmt.Sprint(i)})
			b.write(func(w *store.Writer) error { return w.SetVector(it.ID, "model", []float32{1, 2, 3, 4, 5, -6, 7, 8}) })
		}
		if wrong, err := b.v.CheckIntegrity(t.Context()); err != nil || len(wrong) > 0 {
			t.Fatal(wrong, err)
		}
		if _, err := b.sealed().ExecContext(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		if wrong, err := b.v.CheckIntegrity(t.Context()); err != nil || len(wrong) == 0 {
			t.Errorf("%s: %q, %v", damage, wrong, err)
		}
	}
}
