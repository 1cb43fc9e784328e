package backup_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/backup"
	"github.com/locketpod/locket/internal/secret"
)

func need(t *testing.T, program, hint string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("LOCKET_CI") == "1" {
		t.Fatalf("%s is missing: %s", program, hint)
	}
	t.Skipf("SKIPPED, NOT CHECKED: %s is missing: %s", program, hint)
}

// startMoto runs an S3 server that checks signatures, with an empty bucket.
func startMoto(t *testing.T) backup.S3Config {
	t.Helper()
	need(t, "python3", "it runs an S3 server")
	if exec.CommandContext(t.Context(), "python3", "-c", "import moto.server").Run() != nil {
		need(t, "moto.server", "pip install 'moto[server]==5.2.1'")
	}
	cmd := exec.CommandContext(t.Context(), "python3", "testdata/s3_server.py", "-H", "127.0.0.1", "-p", "0")
	cmd.Env = append(os.Environ(), "INITIAL_NO_AUTH_ACTION_COUNT=4", "PYTHONUNBUFFERED=1")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = io.Discard
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		running := regexp.MustCompile(`Running on (http://\S+)`)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := running.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait()
	})
	var c backup.S3Config
	select {
	case c.Endpoint = <-address:
	case <-drained:
		t.Fatal("moto_server ended")
	}
	c.Region, c.Bucket, c.PathStyle = "eu-central-1", "pods", true
	c.AccessKey, c.SecretKey = motoUser(t, c.Endpoint)
	return c
}

// motoUser makes a user who may do everything, and a bucket: the four actions that need
// no signature.
func motoUser(t *testing.T, endpoint string) (string, *secret.Key) {
	t.Helper()
	iam := func(values url.Values) []byte {
		values.Set("Version", "2010-05-08")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(values.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x")
		return send(t, req)
	}
	iam(url.Values{"Action": {"CreateUser"}, "UserName": {"u"}})
	answer := iam(url.Values{"Action": {"CreateAccessKey"}, "UserName": {"u"}})
	iam(url.Values{
		"Action": {"PutUserPolicy"}, "UserName": {"u"}, "PolicyName": {"p"},
		"PolicyDocument": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`},
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, endpoint+"/pods",
		strings.NewReader(`<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>`))
	if err != nil {
		t.Fatal(err)
	}
	send(t, req)
	var made struct {
		AccessKeyID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		SecretAccessKey string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	if err := xml.Unmarshal(answer, &made); err != nil || made.AccessKeyID == "" {
		t.Fatalf("%s: %v", answer, err)
	}
	return made.AccessKeyID, secret.Take([]byte(made.SecretAccessKey))
}

func send(t *testing.T, req *http.Request) []byte {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", req.URL, res.StatusCode, body, err)
	}
	return body
}

func openS3(t *testing.T, c backup.S3Config) *backup.S3 {
	t.Helper()
	s, err := backup.OpenS3(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestS3(t *testing.T) {
	c := startMoto(t)
	t.Run("conforms", func(t *testing.T) {
		conform(t, openS3(t, c), 1100)
	})
	t.Run("prefix", func(t *testing.T) {
		own := c
		own.Prefix = "home/backups"
		target := openS3(t, own)
		conform(t, target, 3)
		if got := list(t, openS3(t, c), "home/backups/"); len(got) != 6 {
			t.Errorf("without the prefix: %v", got)
		}
	})
	t.Run("keeps a pod", func(t *testing.T) {
		own := c
		own.Prefix = "pod"
		target := openS3(t, own)
		h := newHolder(t)
		p := newPod(3000, 100, 9<<20)
		create(t, target, p, h.keys())
		p.change(5, 2900)
		sum := create(t, target, p, h.keys())
		mustRestore(t, target, h.keys(), sum.ID, p.files())
		if v := verify(t, target, h.keys()); len(v.Findings) != 0 || v.Snapshots != 2 {
			t.Errorf("%+v", v)
		}
		pruned, err := backup.Prune(t.Context(), target, h.keys(), backup.PruneOptions{Policy: backup.Policy{KeepLast: 1}, Now: time.Now().Add(48 * time.Hour)})
		if err != nil || len(pruned.Removed) != 1 {
			t.Errorf("%+v, %v", pruned, err)
		}
		mustRestore(t, target, h.keys(), sum.ID, p.files())
	})
	t.Run("fails in the middle", func(t *testing.T) {
		own := c
		own.Prefix = "cut"
		own.Endpoint = cutter(t, c.Endpoint)
		target := openS3(t, own)
		h := newHolder(t)
		p := newPod(3000, 9<<20)
		sum := create(t, target, p, h.keys())
		mustRestore(t, target, h.keys(), sum.ID, p.files())
	})
	t.Run("refuses", func(t *testing.T) {
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "MINIO_ACCESS_KEY"} {
			t.Setenv(name, c.AccessKey) // not to be used
		}
		for _, name := range []string{"AWS_SECRET_ACCESS_KEY", "MINIO_SECRET_KEY"} {
			t.Setenv(name, string(c.SecretKey.Bytes()))
		}
		for name, change := range map[string]func(*backup.S3Config){
			"a wrong secret": func(c *backup.S3Config) { c.SecretKey = secret.Take([]byte("wrong")) },
			"a wrong key":    func(c *backup.S3Config) { c.AccessKey = "AKIAWRONG" },
		} {
			bad := c
			change(&bad)
			target := openS3(t, bad)
			h := newHolder(t)
			_, err := backup.Create(t.Context(), target, newPod(1), newPod(1).state(), h.keys(), nil)
			if locket.CodeOf(err) != locket.CodeDenied || strings.Contains(fmt.Sprint(err, errors.Unwrap(err)), "wrong") {
				t.Errorf("%s: %v", name, err)
			}
		}
		bad := c
		bad.Bucket = "none"
		if _, err := openS3(t, bad).Get(t.Context(), "a", 1); locket.CodeOf(err) != locket.CodeNotFound || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no bucket: %v", err)
		}
	})
}

// cutter is a proxy that cuts every second connection after a random amount of bytes.
func cutter(t *testing.T, endpoint string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var count atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", strings.TrimPrefix(endpoint, "http://"))
			if err != nil {
				_ = in.Close()
				continue
			}
			limit := int64(1 << 40)
			if n := count.Add(1); n%2 == 1 {
				limit = n * 100_000 % 3_000_000
			}
			pipe := func(dst, src net.Conn) {
				_, _ = io.CopyN(dst, src, limit)
				_, _ = in.Close(), out.Close()
			}
			go pipe(out, in)
			go pipe(in, out)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
		if count.Load() < 4 {
			t.Errorf("only %d connections: nothing was cut", count.Load())
		}
	})
	return "http://" + l.Addr().String()
}

func TestOpenS3Refuses(t *testing.T) {
	good := backup.S3Config{Endpoint: "https://s3.example.org", Region: "r", Bucket: "bucket", AccessKey: "a", SecretKey: secret.Take([]byte("s"))}
	openS3(t, good)
	for name, change := range map[string]func(*backup.S3Config){
		"plain http":     func(c *backup.S3Config) { c.Endpoint = "http://s3.example.org" },
		"near loopback":  func(c *backup.S3Config) { c.Endpoint = "http://127.0.0.1.example.org" },
		"a path":         func(c *backup.S3Config) { c.Endpoint += "/x" },
		"a user":         func(c *backup.S3Config) { c.Endpoint = "https://u:p@s3.example.org" },
		"a scheme":       func(c *backup.S3Config) { c.Endpoint = "ftp://s3.example.org" },
		"no host":        func(c *backup.S3Config) { c.Endpoint = "https://" },
		"a bucket":       func(c *backup.S3Config) { c.Bucket = "a/b" },
		"a prefix":       func(c *backup.S3Config) { c.Prefix = "../x" },
		"no region":      func(c *backup.S3Config) { c.Region = "" },
		"no secret":      func(c *backup.S3Config) { c.SecretKey = nil },
		"a broken value": func(c *backup.S3Config) { c.AccessKey = "a\nb" },
	} {
		c := good
		change(&c)
		if _, err := backup.OpenS3(c); locket.CodeOf(err) != locket.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	good.Endpoint, good.PlainHTTP = "http://s3.example.org", true
	openS3(t, good)
}

// A scripted answers requests one after the other, the last for ever.
type scripted struct {
	answers []string // "status text", or a word of RoundTrip's
	seen    []*http.Request
}

func (s *scripted) RoundTrip(req *http.Request) (*http.Response, error) {
	s.seen = append(s.seen, req)
	a, text, _ := strings.Cut(s.answers[min(len(s.seen), len(s.answers))-1], " ")
	body := io.Reader(strings.NewReader(text))
	status, _ := strconv.Atoi(a)
	switch {
	case a == "error":
		return nil, errCut
	case a == "untrusted":
		return nil, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	case a == "hang":
		<-req.Context().Done()
		return nil, req.Context().Err()
	case a == "cut":
		status, body = http.StatusOK, iotest.ErrReader(io.ErrUnexpectedEOF)
	case status != http.StatusOK:
		body = strings.NewReader("<Error><Code>" + text + "</Code><Message>s3cret</Message></Error>")
	}
	header := http.Header{"Location": {"http://elsewhere.example.org/"}, "Set-Cookie": {"k=v"}, "Last-Modified": {"Thu, 01 Oct 2026 10:00:00 GMT"}}
	return &http.Response{StatusCode: status, Body: io.NopCloser(body), Header: header}, nil
}

func scriptedS3(t *testing.T, answers ...string) (*backup.S3, *scripted) {
	script := &scripted{answers: answers}
	return openS3(t, backup.S3Config{
		Endpoint: "http://s3.example.org", PlainHTTP: true, Region: "r", Bucket: "bucket", AccessKey: "a",
		SecretKey: secret.Take([]byte("s3cret")), Transport: script,
	}), script
}

func TestS3Answers(t *testing.T) {
	for _, c := range []struct {
		answers  []string
		requests int
		code     locket.Code
		is       error
	}{
		{[]string{"200"}, 1, "", nil},
		{[]string{"error", "503 SlowDown", "500 InternalError", "200"}, 4, "", nil},
		{[]string{"hang", "cut", "200"}, 3, "", nil},
		{[]string{"error"}, 10, locket.CodeBusy, nil},
		{[]string{"untrusted"}, 10, locket.CodeDenied, nil},
		{[]string{"503 SlowDown"}, 10, locket.CodeBusy, nil},
		{[]string{"412 PreconditionFailed"}, 1, locket.CodeInternal, fs.ErrExist},
		{[]string{"error", "412 PreconditionFailed", "200 data"}, 3, "", nil},
		{[]string{"error", "412 PreconditionFailed", "200 DATA"}, 3, locket.CodeInternal, fs.ErrExist},
		{[]string{"409 ConditionalRequestConflict"}, 1, locket.CodeBusy, nil},
		{[]string{"501 NotImplemented", "200"}, 2, "", nil},
		{[]string{"403 AccessDenied"}, 1, locket.CodeDenied, nil},
		{[]string{"403 RequestTimeTooSkewed"}, 1, locket.CodeDenied, nil},
		{[]string{"307 TemporaryRedirect"}, 1, locket.CodeInvalid, nil},
		{[]string{"507 StorageFull"}, 1, locket.CodeDiskFull, nil},
		{[]string{"404 NoSuchBucket"}, 1, locket.CodeNotFound, nil},
		{[]string{"400 Odd"}, 1, locket.CodeInternal, nil},
	} {
		synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left behind
			target, script := scriptedS3(t, c.answers...)
			err := target.Put(t.Context(), "x", []byte("data"))
			if len(script.seen) != c.requests || locket.CodeOf(err) != c.code || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v: %d requests, %q, %v", c.answers, len(script.seen), locket.CodeOf(err), err)
			}
			if strings.Contains(fmt.Sprint(err, errors.Unwrap(err)), "s3cret") {
				t.Errorf("%v: tells what the store says: %v", c.answers, err)
			}
			for _, req := range script.seen {
				if req.Method == http.MethodPut && req.Header.Get("X-Amz-Content-Sha256") != fmt.Sprintf("%x", sha256.Sum256([]byte("data"))) || req.Header.Get("Cookie") != "" {
					t.Errorf("%v: sent %v", c.answers, req.Header)
				}
			}
			if n, err := script.seen[0].Body.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("%v: after the end %d bytes can be read, %v", c.answers, n, err)
			}
		})
	}
}

func TestS3Hosts(t *testing.T) {
	for endpoint, host := range map[string]string{
		"https://s3.example.org":                  "bucket.s3.example.org",
		"https://s3.example.org:9000":             "bucket.s3.example.org:9000",
		"https://s3.eu-central-1.amazonaws.com":   "bucket.s3.eu-central-1.amazonaws.com",
		"https://s3.eu-central-1.amazonaws.co.uk": "bucket.s3.eu-central-1.amazonaws.co.uk",
	} {
		for _, pathStyle := range []bool{false, true} {
			script := &scripted{answers: []string{"200 data"}}
			target := openS3(t, backup.S3Config{
				Endpoint: endpoint, Region: "eu-central-1", Bucket: "bucket", Prefix: "p", AccessKey: "a",
				SecretKey: secret.Take([]byte("s")), PathStyle: pathStyle, Transport: script,
			})
			want := "https://" + host + "/p/x"
			if pathStyle {
				want = endpoint + "/bucket/p/x"
			}
			_, err := target.Get(t.Context(), "x", 4)
			if got := script.seen[0].URL.String(); err != nil || got != want || len(script.seen) != 1 {
				t.Errorf("%s: asked %s %d times, %v", endpoint, got, len(script.seen), err)
			}
		}
	}
}

// Waiting for another attempt ends with the context.
func TestS3WaitIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target, _ := scriptedS3(t, "error")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := target.Put(ctx, "x", nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// A store that lies is bounded.
func TestHostileStore(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", "Thu, 01 Oct 2026 10:00:00 GMT")
		_, _ = io.Copy(w, zeros{})
	}))
	defer server.Close()
	target := openS3(t, backup.S3Config{
		Endpoint: server.URL, Region: "r", Bucket: "bucket", AccessKey: "a", SecretKey: secret.Take([]byte("s")), PathStyle: true,
	})
	if _, err := target.Get(t.Context(), "x", 1000); !errors.Is(err, backup.ErrTooLong) {
		t.Errorf("an endless object: %v", err)
	}
	if err := target.Put(t.Context(), "x", nil); err != nil {
		t.Errorf("an endless answer: %v", err)
	}
	if err := lastOf(t.Context(), target); locket.CodeOf(err) != locket.CodeInternal {
		t.Errorf("an endless listing: %v", err)
	}
}

func TestHostileListing(t *testing.T) {
	const more = "<IsTruncated>true</IsTruncated>"
	const token = "<NextContinuationToken>t</NextContinuationToken>"
	const key = "<Contents><Key>a</Key></Contents>"
	for _, page := range []string{more, more + key, more + token, more + token + key, strings.Repeat("<Contents/>", 100_000), "<"} {
		synctest.Test(t, func(t *testing.T) {
			target, script := scriptedS3(t, "200 <ListBucketResult>"+page+"</ListBucketResult>")
			if err := lastOf(t.Context(), target); locket.CodeOf(err) != locket.CodeInternal || len(script.seen) > 200 {
				t.Errorf("%.100s: %d requests, %v", page, len(script.seen), err)
			}
		})
	}
	target, _ := scriptedS3(t, "200 <ListBucketResult><Contents><Key>../../etc/passwd</Key></Contents><Contents><Key>a b</Key></Contents></ListBucketResult>")
	if got := list(t, target, ""); len(got) != 0 {
		t.Errorf("listed %v", got)
	}
	var pages []string // one name each: many requests, but all bring something
	for i := range 200 {
		pages = append(pages, fmt.Sprintf("200 <ListBucketResult>%s%s<Contents><Key>%03d</Key></Contents></ListBucketResult>", more, token, i))
	}
	target, _ = scriptedS3(t, append(pages, "200 <ListBucketResult/>")...)
	if err := lastOf(t.Context(), target); err != nil {
		t.Errorf("a long listing: %v", err)
	}
}

// lastOf lists everything and returns the last error.
func lastOf(ctx context.Context, target backup.Target) error {
	var last error
	for _, err := range target.List(ctx, "") {
		last = err
	}
	return last
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte{0}, len(p))), nil }
