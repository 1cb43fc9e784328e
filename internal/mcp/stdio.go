package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
)

// A pipe is the two ends of a client on standard input and output. Who pipes requests in
// closes the input behind the last one: the end is told to the server when all that came
// before it is answered, or when that has had its time.
type pipe struct {
	ctx context.Context
	in  io.ReadCloser
	out io.WriteCloser

	mu       sync.Mutex
	came     splitter      // guarded by mu, like the rest
	went     splitter      //
	waiting  int           // requests without an answer
	answered chan struct{} // has room for one
}

func newPipe(ctx context.Context, in io.ReadCloser, out io.WriteCloser) *pipe {
	return &pipe{ctx: ctx, in: in, out: out, answered: make(chan struct{}, 1)}
}

// A reader and a writer are its ends as the SDK wants them.
type (
	pipeReader struct{ *pipe }
	pipeWriter struct{ *pipe }
)

func (r pipeReader) Read(b []byte) (int, error) {
	n, err := r.in.Read(b)
	r.mu.Lock()
	r.came.add(b[:n], func(m message) {
		if m.ID != nil && m.Method != "" {
			r.waiting++
		}
	})
	r.mu.Unlock()
	if n > 0 && errors.Is(err, io.EOF) {
		return n, nil // it comes again
	}
	if err != nil {
		r.settle()
	}
	return n, err
}

func (r pipeReader) Close() error { return r.in.Close() }

func (w pipeWriter) Write(b []byte) (int, error) {
	n, err := w.out.Write(b)
	w.mu.Lock()
	w.went.add(b[:n], func(m message) {
		if m.ID != nil && m.Method == "" {
			w.waiting--
		}
	})
	w.mu.Unlock()
	select {
	case w.answered <- struct{}{}:
	default:
	}
	return n, err
}

func (w pipeWriter) Close() error { return w.out.Close() }

// settle waits until all requests are answered. One that was cancelled never is.
func (p *pipe) settle() {
	ctx, cancel := context.WithTimeout(p.ctx, callTime)
	defer cancel()
	for {
		p.mu.Lock()
		waiting := p.waiting
		p.mu.Unlock()
		if waiting <= 0 {
			return
		}
		select {
		case <-p.answered:
		case <-ctx.Done():
			return
		}
	}
}

// A message is what tells requests from answers (JSON-RPC 2.0 §4 and §5).
type message struct {
	ID     *json.RawMessage `json:"id"`
	Method string           `json:"method"`
}

// A splitter splits a stream into messages, one to a line; what is longer than a message may be
// is none.
type splitter struct{ rest []byte }

func (l *splitter) add(b []byte, each func(message)) {
	for {
		part, after, whole := bytes.Cut(b, []byte{'\n'})
		if len(l.rest)+len(part) <= MaxMessage {
			l.rest = append(l.rest, part...)
		}
		if !whole {
			return
		}
		var m message
		if json.Unmarshal(l.rest, &m) == nil {
			each(m)
		}
		clear(l.rest)
		l.rest, b = l.rest[:0], after
	}
}
