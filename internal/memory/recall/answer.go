package recall

import "context"

// answer finds, scores, expands and chooses.
func (r *run) answer(ctx context.Context, e Embedder) (Result, error) {
	mode, err := r.rank(ctx, e)
	if err != nil {
		return Result{}, err
	}
	res, err := r.choose(ctx)
	res.Mode = mode
	return res, err
}

// rank fills the pool and sorts it, best first. It returns the mode: what it went by.
func (r *run) rank(ctx context.Context, e Embedder) (mode string, err error) {
	if err := r.gather(ctx); err != nil {
		return "", err
	}
	mode = "words"
	if e != nil {
		if mode, err = r.gatherNear(ctx, e); err != nil {
			return "", err
		}
	}
	p := &r.pool
	p.arrange()
	p.count()
	p.settle()
	p.rank()
	if err := r.loadBeside(ctx); err != nil {
		return "", err
	}
	p.score()
	if p.expand() {
		p.score()
	}
	return mode, nil
}

// leastNear is for the last of what is near: it may still be all that there is.
const leastNear = 0.01

// gatherNear loads what is near the question by vector. Without an answer from the
// embedder words alone must do.
func (r *run) gatherNear(ctx context.Context, e Embedder) (string, error) {
	vectors, err := e.Embed(ctx, []string{r.query.Text})
	if err != nil || len(vectors) != 1 {
		return "words", ctx.Err()
	}
	list, err := r.source.nearest(ctx, e.Model(), vectors[0], nearMost)
	if err != nil || len(list) == 0 {
		return "words", err
	}
	best, last := list[0].similarity, list[len(list)-1].similarity
	for _, f := range list {
		m := r.add(f, true)
		m.near = 1
		if best > last {
			m.near = max((f.similarity-last)/(best-last), leastNear)
		}
		m.near /= float64(len(m.units)) // the vector of a long text tells little of each passage
	}
	r.pool.addMeaning()
	return "words+vectors", nil
}
