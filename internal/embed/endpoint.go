package embed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/safehttp"
	"github.com/locketpod/locket/internal/secret"
)

const (
	maxBatch   = 64
	maxAnswer  = 16 << 20
	maxName    = 256
	askTimeout = 2 * time.Minute // a server may load its model first
	retryPause = 500 * time.Millisecond
)

// An endpoint is a model behind HTTP. Both kinds of servers are asked alike and differ in
// how they answer.
type endpoint struct {
	client *http.Client
	url    string
	model  string
	dims   int // 0 until the first answer, which Open waits for
	key    *secret.Key
	decode func([]byte) ([][]float32, error)
	pause  time.Duration
}

func openEndpoint(ctx context.Context, c Config) (*endpoint, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, locket.Errorf(locket.CodeInvalid, "the address of the model server must be like https://host/v1 or http://127.0.0.1:11434, without a key in it")
	}
	if c.Model == "" || len(c.Model) > maxName || strings.ContainsFunc(c.Model, func(r rune) bool { return r < ' ' }) {
		return nil, locket.Errorf(locket.CodeInvalid, "say which model the server at %s shall use", u.Host)
	}
	e := &endpoint{model: c.Model, dims: c.Dims, key: c.Key, pause: retryPause}
	path := strings.TrimRight(u.Path, "/")
	kind := c.Kind
	if kind == "" {
		kind = guess(u.Port(), path)
	}
	switch kind {
	case OpenAI:
		e.decode = decodeOpenAI
		u.Path = finish(path, "/v1", "/embeddings")
	case Ollama:
		e.decode = decodeOllama
		u.Path = finish(path, "/api", "/embed")
	default:
		return nil, locket.Errorf(locket.CodeInvalid, "a model server is of the kind %s or %s, not %q", OpenAI, Ollama, c.Kind)
	}
	e.url = u.String()
	conf := safehttp.Config{Timeout: askTimeout}
	if c.AllowLocal {
		conf.Allow = []string{hostPort(u)}
	}
	if e.client, err = safehttp.New(conf); err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "%s is no host and port", u.Host).Because(err)
	}
	if e.dims == 0 {
		vs, err := e.Embed(ctx, []string{"dimensions"})
		if err != nil {
			return nil, err
		}
		e.dims = len(vs[0])
	}
	return e, nil
}

// guess takes a server at Ollama's port or path for one, unless it is asked in OpenAI's way.
func guess(port, path string) string {
	v1 := strings.HasSuffix(path, "/v1") || strings.HasSuffix(path, "/v1/embeddings")
	if !v1 && (port == "11434" || strings.HasSuffix(path, "/api") || strings.HasSuffix(path, "/api/embed")) {
		return Ollama
	}
	return OpenAI
}

// finish adds what a path lacks of base and leaf.
func finish(path, base, leaf string) string {
	switch {
	case strings.HasSuffix(path, base+leaf):
		return path
	case strings.HasSuffix(path, base):
		return path + leaf
	}
	return path + base + leaf
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return u.Host + map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
}

// Model implements [Embedder].
func (e *endpoint) Model() string { return named(e.model, e.dims) }

// Embed implements [Embedder]. Texts of white space only are not sent: servers refuse them.
// No connection outlives the call, for its buffers hold the texts.
func (e *endpoint) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	defer e.client.CloseIdleConnections()
	out := make([][]float32, len(texts))
	var at []int
	var batch []string
	send := func() error {
		if len(batch) == 0 {
			return nil
		}
		vs, err := e.ask(ctx, batch)
		if err != nil {
			return err
		}
		for i, v := range vs {
			out[at[i]] = v
		}
		at, batch = nil, nil
		return nil
	}
	for i, t := range texts {
		if t = head(t); strings.TrimSpace(t) == "" {
			out[i] = make([]float32, e.dims)
			continue
		}
		at, batch = append(at, i), append(batch, t)
		if len(batch) == maxBatch {
			if err := send(); err != nil {
				return nil, err
			}
		}
	}
	return out, send()
}

// ask sends one batch, and once more if the server is at fault or busy.
func (e *endpoint) ask(ctx context.Context, texts []string) ([][]float32, error) {
	body, err := json.Marshal(map[string]any{"model": e.model, "input": texts})
	if err != nil {
		return nil, err
	}
	defer clear(body)
	answer, status, err := e.post(ctx, body)
	if err == nil && (status >= 500 || status == http.StatusTooManyRequests) {
		if err := wait(ctx, e.pause); err != nil {
			return nil, e.failed(ctx, err)
		}
		answer, status, err = e.post(ctx, body)
	}
	if err != nil {
		return nil, e.failed(ctx, err)
	}
	if status != http.StatusOK {
		return nil, e.refused(status)
	}
	vs, err := e.decode(answer)
	if err == nil {
		err = e.check(vs, len(texts))
	}
	if err != nil {
		return nil, locket.Errorf(locket.CodeUnsupported, "the model server %s does not answer as it should; is it of another kind?", e.host()).Because(err)
	}
	return vs, nil
}

func (e *endpoint) post(ctx context.Context, body []byte) ([]byte, int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if e.key.Len() > 0 {
		req.Header.Set("Authorization", "Bearer "+string(e.key.Bytes())) // net/http takes nothing but strings
	}
	res, err := e.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	answer, err := safehttp.Read(res, maxAnswer)
	return answer, res.StatusCode, err
}

// check makes what a server answered into what Embed promises.
func (e *endpoint) check(vs [][]float32, n int) error {
	if len(vs) != n {
		return fmt.Errorf("embed: %d vectors for %d texts", len(vs), n)
	}
	dims := e.dims
	for _, v := range vs {
		if dims == 0 {
			dims = len(v)
		}
		if len(v) != dims || dims == 0 || dims > maxDims {
			return fmt.Errorf("embed: a vector of %d dimensions instead of %d", len(v), dims)
		}
		if err := unit(v); err != nil {
			return err
		}
	}
	return nil
}

func (e *endpoint) host() string {
	u, err := url.Parse(e.url)
	if err != nil {
		return ""
	}
	return u.Host
}

// failed says why there is no answer.
func (e *endpoint) failed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return locket.Errorf(locket.CodeCancelled, "cancelled while the model server worked").Because(err)
	case errors.Is(err, safehttp.ErrAddress), errors.Is(err, safehttp.ErrPlain):
		return locket.Errorf(locket.CodeDenied, "%s is not a public address with https; allow a local model server if it is one", e.host()).Because(err)
	case errors.Is(err, safehttp.ErrRedirect):
		return locket.Errorf(locket.CodeInvalid, "the model server %s sends elsewhere; give the address itself", e.host()).Because(err)
	case errors.Is(err, safehttp.ErrTooLarge):
		return locket.Errorf(locket.CodeTooLarge, "the model server %s answers with more than %d MiB", e.host(), maxAnswer>>20).Because(err)
	}
	return locket.Errorf(locket.CodeBusy, "the model server %s does not answer; is it running?", e.host()).Because(err)
}

// refused says what a status means. What the server wrote is not told: it may repeat the texts.
func (e *endpoint) refused(status int) error {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return locket.Errorf(locket.CodeDenied, "the model server %s does not accept the key, or wants one", e.host())
	case status == http.StatusNotFound:
		return locket.Errorf(locket.CodeNotFound, "the model server %s does not know the model %s, or is of another kind", e.host(), e.model)
	case status == http.StatusTooManyRequests:
		return locket.Errorf(locket.CodeTooMany, "the model server %s wants fewer requests; try again later", e.host())
	case status >= 500:
		return locket.Errorf(locket.CodeBusy, "the model server %s fails (status %d); try again later", e.host(), status)
	}
	return locket.Errorf(locket.CodeUnsupported, "the model server %s does not take the request (status %d); is it of another kind?", e.host(), status)
}

// decodeOpenAI reads the vectors in the order of their index.
func decodeOpenAI(b []byte) ([][]float32, error) {
	var a struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, err
	}
	vs := make([][]float32, len(a.Data))
	for _, d := range a.Data {
		if d.Index < 0 || d.Index >= len(vs) || vs[d.Index] != nil {
			return nil, fmt.Errorf("embed: index %d of %d", d.Index, len(vs))
		}
		vs[d.Index] = d.Embedding
	}
	return vs, nil
}

func decodeOllama(b []byte) ([][]float32, error) {
	var a struct {
		Embeddings [][]float32 `json:"embeddings"`
	}
	err := json.Unmarshal(b, &a)
	return a.Embeddings, err
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
