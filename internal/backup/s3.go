package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
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

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

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
	SecretKey *secret.Key // copied into a string, which stays in memory until it is collected
	PathStyle bool        // the bucket is in the path, not in the host's name
	PlainHTTP bool        // permit http:// to other hosts than this machine

	Transport http.RoundTripper // nil: an ordinary one
}

// An S3 is a Target in a bucket. It needs no more of S3 than PutObject, GetObject,
// ListObjectsV2 and DeleteObject.
type S3 struct {
	config S3Config // without the secret key
	host   string
	client *minio.Core
}

const (
	attempts  = 10      // of one request
	maxBarren = 100     // requests of a listing in a row that bring nothing new
	maxAnswer = 4 << 20 // bytes of an answer that is no object
	maxTags   = 1 << 16 // of a listing of 1000 names, each of which needs about 20
)

var tokenForm = regexp.MustCompile(`^[0-9A-Za-z_.+/=-]{1,128}$`) // access keys, regions

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
	case s3utils.CheckValidBucketNameStrict(c.Bucket) != nil:
		return nil, locket.Errorf(locket.CodeInvalid, "%.70q is no name of a bucket", c.Bucket)
	case c.Prefix != "" && (!validName(c.Prefix) || len(c.Prefix) > maxName/2):
		return nil, locket.Errorf(locket.CodeInvalid, "the prefix may have letters, digits, '.', '_', '-' and single slashes between them")
	case !tokenForm.MatchString(c.AccessKey) || !tokenForm.MatchString(c.Region) || c.SecretKey.Len() == 0:
		return nil, locket.Errorf(locket.CodeInvalid, "the store needs a region, an access key and a secret key")
	}
	if c.Prefix != "" {
		c.Prefix += "/"
	}
	if c.Transport == nil {
		c.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: workers, IdleConnTimeout: time.Minute,
			DialContext:         (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: time.Minute, ForceAttemptHTTP2: true,
			DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		}
	}
	lookup := minio.BucketLookupDNS
	if c.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.NewCore(u.Host, &minio.Options{
		// These credentials and this region: with others, or none, the library asks around.
		Creds:  credentials.NewStaticV4(c.AccessKey, string(c.SecretKey.Bytes()), ""),
		Region: c.Region, Secure: u.Scheme == "https", BucketLookup: lookup,
		MaxRetries: attempts, Transport: transport{c.Transport},
	})
	if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "the endpoint %s is none; it must be like https://s3.example.org", u.Host).Because(err)
	}
	client.SetS3EnableDualstack(false) // of Amazon's hosts, the one that was asked for
	c.SecretKey = nil
	return &S3{config: c, host: u.Host, client: client}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close ends idle connections.
func (s *S3) Close() error {
	(&http.Client{Transport: s.config.Transport}).CloseIdleConnections()
	return nil
}

// Put implements [Target].
func (s *S3) Put(ctx context.Context, name string, data []byte) error {
	if !validName(name) {
		return fmt.Errorf("backup: put %.80q: %w", name, fs.ErrInvalid)
	}
	ctx, c := begin(ctx, maxAnswer)
	opts := minio.PutObjectOptions{DisableContentSha256: true} // in pieces; the sum is given below
	opts.SetMatchETagExcept("*")
	sum := sha256.Sum256(data)
	put := func() error {
		_, err := s.client.PutObject(ctx, s.config.Bucket, s.config.Prefix+name, bytes.NewReader(data), int64(len(data)),
			"", hex.EncodeToString(sum[:]), opts)
		return s.failure(ctx, "put "+name, err)
	}
	err := put()
	if errors.Is(err, errNoCondition) { // names are as good as unique
		opts = minio.PutObjectOptions{DisableContentSha256: true}
		err = put()
	}
	if errors.Is(err, fs.ErrExist) && c.requests > 1 { // perhaps by an attempt whose answer was lost
		if stored, getErr := s.Get(ctx, name, int64(len(data))); getErr == nil && bytes.Equal(stored, data) {
			return nil
		}
	}
	return err
}

// Get implements [Target].
func (s *S3) Get(ctx context.Context, name string, limit int64) ([]byte, error) {
	if !validName(name) {
		return nil, fmt.Errorf("backup: get %.80q: %w", name, fs.ErrInvalid)
	}
	ctx, _ = begin(ctx, limit)
	body, _, _, err := s.client.GetObject(ctx, s.config.Bucket, s.config.Prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, s.failure(ctx, "get "+name, err)
	}
	return readAll(body, limit)
}

// Delete implements [Target].
func (s *S3) Delete(ctx context.Context, name string) error {
	if !validName(name) {
		return fmt.Errorf("backup: delete %.80q: %w", name, fs.ErrInvalid)
	}
	ctx, _ = begin(ctx, maxAnswer)
	err := s.client.RemoveObject(ctx, s.config.Bucket, s.config.Prefix+name, minio.RemoveObjectOptions{})
	if err = s.failure(ctx, "delete "+name, err); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List implements [Target].
func (s *S3) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		ctx, c := begin(ctx, maxAnswer)
		c.tags = maxTags
		last := ""
		options := minio.ListObjectsOptions{Prefix: s.config.Prefix + prefix, Recursive: true, FetchOwner: new(bool)}
		for o := range s.client.ListObjectsIter(ctx, s.config.Bucket, options) {
			if o.Err != nil {
				yield(Object{}, s.failure(ctx, "list "+prefix, o.Err))
				return
			}
			if o.Key > last {
				last, c.requests = o.Key, 0
			}
			name, ok := strings.CutPrefix(o.Key, s.config.Prefix)
			if !ok || !strings.HasPrefix(name, prefix) || !validName(name) || o.Size < 0 {
				continue // somebody else's
			}
			if !yield(Object{Name: name, Size: o.Size, Modified: o.LastModified}, nil) {
				return
			}
		}
		if ctx.Err() != nil { // the library just stops
			yield(Object{}, context.Cause(ctx))
		}
	}
}
