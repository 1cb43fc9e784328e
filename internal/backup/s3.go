package backup

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

// An S3Config says where an S3-compatible store is.
type S3Config struct {
	Endpoint  string // https://host or https://host:port
	Region    string
	Bucket    string
	Prefix    string // of all names, without slashes at the ends; may be empty
	AccessKey string
	SecretKey *secret.Key // OpenS3 keeps a copy
	PathStyle bool        // the bucket is in the path, not in the host's name
	PlainHTTP bool        // permit http:// to other hosts than this machine

	Transport http.RoundTripper // nil: an ordinary one
}

// An S3 is a Target in a bucket. It needs no more of S3 than PutObject, GetObject,
// ListObjectsV2 and DeleteObject.
type S3 struct {
	config S3Config
	base   *url.URL // of the bucket
	client *http.Client
}

const (
	attempts       = 5
	firstPause     = 200 * time.Millisecond // before the second attempt; doubled each time
	attemptTimeout = 5 * time.Minute
	maxAnswer      = 4 << 20 // bytes of an answer that is no object
)

var (
	bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	tokenForm  = regexp.MustCompile(`^[0-9A-Za-z_.+/=-]{1,128}$`) // access keys, regions
)

// OpenS3 prepares the use of a bucket, which must exist. It does not connect. The caller
// closes the result.
func OpenS3(c S3Config) (*S3, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, locket.Errorf(locket.CodeInvalid, "the endpoint must be like https://s3.example.org").Because(err)
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, locket.Errorf(locket.CodeInvalid, "the endpoint must begin with https://")
	case u.Scheme == "http" && !c.PlainHTTP && !isLoopback(u.Hostname()):
		return nil, locket.Errorf(locket.CodeInvalid, "the endpoint has no TLS, so that others could see and change what is sent; use https://, or permit plain HTTP")
	case !bucketForm.MatchString(c.Bucket):
		return nil, locket.Errorf(locket.CodeInvalid, "%.70q is no name of a bucket", c.Bucket)
	case c.Prefix != "" && (!validName(c.Prefix) || len(c.Prefix) > maxName/2):
		return nil, locket.Errorf(locket.CodeInvalid, "the prefix may have letters, digits, '.', '_', '-' and single slashes between them")
	case !tokenForm.MatchString(c.AccessKey) || !tokenForm.MatchString(c.Region) || c.SecretKey.Len() == 0:
		return nil, locket.Errorf(locket.CodeInvalid, "the store needs a region, an access key and a secret key")
	}
	base := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	if c.PathStyle {
		base.Path += c.Bucket + "/"
	} else {
		base.Host = c.Bucket + "." + base.Host
	}
	if c.Prefix != "" {
		c.Prefix += "/"
	}
	c.SecretKey = c.SecretKey.Clone()
	transport := c.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: workers, IdleConnTimeout: time.Minute,
			DialContext:         (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout: 30 * time.Second, ResponseHeaderTimeout: 2 * time.Minute, ForceAttemptHTTP2: true,
			DisableCompression: true,
		}
	}
	client := &http.Client{
		Transport: transport,
		// What is signed for one host must not go to another.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &S3{config: c, base: base, client: client}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close wipes the secret key and ends idle connections.
func (s *S3) Close() error {
	s.client.CloseIdleConnections()
	s.config.SecretKey.Wipe()
	return nil
}

// Put implements [Target].
func (s *S3) Put(ctx context.Context, name string, data []byte) error {
	if !validName(name) {
		return fmt.Errorf("backup: put %.80q: %w", name, fs.ErrInvalid)
	}
	header := http.Header{"If-None-Match": {"*"}, "Content-Type": {"application/octet-stream"}}
	a, err := s.do(ctx, request{method: http.MethodPut, name: name, header: header, body: data})
	if a.code == "NotImplemented" { // a store without conditional writes: names are as good as unique
		header.Del("If-None-Match")
		a, err = s.do(ctx, request{method: http.MethodPut, name: name, header: header, body: data})
	}
	if a.status == http.StatusPreconditionFailed {
		if a.attempt > 1 { // the answer to an earlier attempt was lost
			return nil
		}
		return fmt.Errorf("backup: put %s: %w", name, fs.ErrExist)
	}
	return err
}

// Get implements [Target].
func (s *S3) Get(ctx context.Context, name string, limit int64) ([]byte, error) {
	if !validName(name) {
		return nil, fmt.Errorf("backup: get %.80q: %w", name, fs.ErrInvalid)
	}
	a, err := s.do(ctx, request{method: http.MethodGet, name: name, limit: limit})
	return a.body, err
}

// Delete implements [Target].
func (s *S3) Delete(ctx context.Context, name string) error {
	if !validName(name) {
		return fmt.Errorf("backup: delete %.80q: %w", name, fs.ErrInvalid)
	}
	_, err := s.do(ctx, request{method: http.MethodDelete, name: name})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List implements [Target].
func (s *S3) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		token := ""
		for {
			page, err := s.listPage(ctx, prefix, token)
			if err != nil {
				yield(Object{}, err)
				return
			}
			for _, o := range page.Contents {
				name, ok := strings.CutPrefix(o.Key, s.config.Prefix)
				if !ok || !strings.HasPrefix(name, prefix) || !validName(name) || o.Size < 0 {
					continue // somebody else's
				}
				if !yield(Object{Name: name, Size: o.Size, Modified: o.LastModified}, nil) {
					return
				}
			}
			if !page.IsTruncated {
				return
			}
			if token == page.NextContinuationToken || len(page.Contents) == 0 {
				yield(Object{}, locket.Errorf(locket.CodeInternal, "the store lists its objects without end"))
				return
			}
			token = page.NextContinuationToken
		}
	}
}

// A listing is the answer to ListObjectsV2.
type listing struct {
	IsTruncated           bool
	NextContinuationToken string
	Contents              []struct {
		Key          string
		Size         int64
		LastModified time.Time
	}
}

func (s *S3) listPage(ctx context.Context, prefix, token string) (listing, error) {
	query := url.Values{"list-type": {"2"}, "prefix": {s.config.Prefix + prefix}}
	if token != "" {
		query.Set("continuation-token", token)
	}
	a, err := s.do(ctx, request{method: http.MethodGet, query: query, limit: maxAnswer})
	if err != nil {
		return listing{}, err
	}
	var page listing
	if err := xml.Unmarshal(a.body, &page); err != nil {
		return listing{}, locket.Errorf(locket.CodeInternal, "the store answers in a way that is not S3; check the endpoint").Because(err)
	}
	return page, nil
}

// A request is one operation.
type request struct {
	method string
	name   string // of the object; empty: the bucket
	query  url.Values
	header http.Header
	body   []byte
	limit  int64 // bytes of the answer
}

// An answer is what came of it.
type answer struct {
	status  int
	code    string // of an error, in S3's words
	body    []byte
	attempt int // counted from 1
}

// do sends a request until it is answered for good.
func (s *S3) do(ctx context.Context, r request) (answer, error) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		a, err := s.once(ctx, r)
		a.attempt = attempt
		switch {
		case ctx.Err() != nil:
			return a, context.Cause(ctx)
		case err == nil && !again(a):
			return a, s.judge(r, a)
		case errors.Is(err, ErrTooLong):
			return a, err
		case attempt == attempts && err != nil:
			return a, locket.Errorf(locket.CodeBusy, "the store %s does not answer; check the endpoint and the network, then run it again", s.base.Host).Because(err)
		case attempt == attempts:
			return a, locket.Errorf(locket.CodeBusy, "the store %s is overloaded or has a fault (%d %s); try again later", s.base.Host, a.status, a.code)
		}
		timer := time.NewTimer(pause + rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return a, context.Cause(ctx)
		}
		pause *= 2
	}
}

// again tells whether the same request may get another answer later.
func again(a answer) bool {
	return a.status == http.StatusTooManyRequests || a.status == http.StatusRequestTimeout || a.code == "ConditionalRequestConflict" ||
		a.status >= 500 && a.status != http.StatusNotImplemented && a.status != http.StatusInsufficientStorage
}

// once sends a request once.
func (s *S3) once(ctx context.Context, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	u := *s.base
	if r.name != "" {
		u.Path += s.config.Prefix + r.name
	}
	u.RawQuery = canonicalQuery(r.query)
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return answer{}, fmt.Errorf("backup: %w", err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	sign(req, r.body, s.config.Region, s.config.AccessKey, s.config.SecretKey, time.Now())
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("backup: %w", err)
	}
	limit := r.limit
	if res.StatusCode >= 300 || r.method != http.MethodGet {
		limit = maxAnswer
	}
	body, err := readAll(res.Body, limit)
	a := answer{status: res.StatusCode, body: body}
	if a.status >= 300 {
		var e struct{ Code string }
		if xml.Unmarshal(body, &e) == nil { // else it has no code
			a.code = e.Code
		}
	}
	return a, err
}

// judge makes an error of an answer that is none of success.
func (s *S3) judge(r request, a answer) error {
	if a.status >= 200 && a.status < 300 {
		return nil
	}
	because := errors.New("backup: " + r.method + " " + r.name + ": " + strconv.Itoa(a.status) + " " + a.code)
	switch {
	case a.code == "NoSuchBucket":
		return locket.Errorf(locket.CodeNotFound, "the store has no bucket %s; make it, or check its name and region", s.config.Bucket).Because(because)
	case a.status == http.StatusNotFound:
		return fmt.Errorf("%w: %w", because, fs.ErrNotExist)
	case a.code == "RequestTimeTooSkewed":
		return locket.Errorf(locket.CodeDenied, "this machine's clock is wrong, so the store refuses its requests; set it").Because(because)
	case a.status == http.StatusForbidden || a.status == http.StatusUnauthorized:
		return locket.Errorf(locket.CodeDenied, "the store refuses the access key (%.60q); check the keys and what they permit", a.code).Because(because)
	case a.status < 400:
		return locket.Errorf(locket.CodeInvalid, "the store sends requests elsewhere; check the endpoint and the region").Because(because)
	case a.status == http.StatusInsufficientStorage || a.code == "QuotaExceeded":
		return locket.Errorf(locket.CodeDiskFull, "the store is full; make room and run it again").Because(because)
	default:
		return locket.Errorf(locket.CodeInternal, "the store refuses a request (%d, %.60q)", a.status, a.code).Because(because)
	}
}
