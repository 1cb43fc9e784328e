package backup

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/url"
	"regexp"
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
