package backup_test

import (
	"bufio"
	"bytes"
	"context"
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
	"strings"
	"sync/atomic"
	"testing"
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

// A scripted answers requests one after the other.
type scripted struct {
	answers []string // "status code" or "error"
	seen    []*http.Request
	times   []time.Time
}

func (s *scripted) RoundTrip(req *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, req.Body)
	s.seen = append(s.seen, req)
	s.times = append(s.times, time.Now())
	a := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	var status int
	var code string
	if n, _ := fmt.Sscan(a, &status, &code); n == 0 {
		return nil, errCut
	}
	body := "<Error><Code>" + code + "</Code></Error>"
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{"Location": {"http://elsewhere.example.org/"}}}, nil
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
		{[]string{"error"}, 5, locket.CodeBusy, nil},
		{[]string{"503 SlowDown"}, 5, locket.CodeBusy, nil},
		{[]string{"412 PreconditionFailed"}, 1, locket.CodeInternal, fs.ErrExist},
		{[]string{"error", "412 PreconditionFailed"}, 2, "", nil},
		{[]string{"501 NotImplemented", "200"}, 2, "", nil},
		{[]string{"403 AccessDenied"}, 1, locket.CodeDenied, nil},
		{[]string{"403 RequestTimeTooSkewed"}, 1, locket.CodeDenied, nil},
		{[]string{"307 TemporaryRedirect"}, 1, locket.CodeInvalid, nil},
		{[]string{"507 StorageFull"}, 1, locket.CodeDiskFull, nil},
		{[]string{"404 NoSuchBucket"}, 1, locket.CodeNotFound, nil},
		{[]string{"400 Odd"}, 1, locket.CodeInternal, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			script := &scripted{answers: c.answers}
			target := openS3(t, backup.S3Config{
				Endpoint: "https://s3.example.org", Region: "r", Bucket: "bucket", AccessKey: "a",
				SecretKey: secret.Take([]byte("s")), Transport: script,
			})
			err := target.Put(t.Context(), "x", []byte("data"))
			if len(script.seen) != c.requests || locket.CodeOf(err) != c.code || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v: %d requests, %q, %v", c.answers, len(script.seen), locket.CodeOf(err), err)
			}
			if host := script.seen[0].URL.Host; host != "bucket.s3.example.org" {
				t.Errorf("asked %s", host)
			}
		})
	}
}

// Waiting for another attempt ends with the context.
func TestS3WaitIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := openS3(t, backup.S3Config{
			Endpoint: "https://s3.example.org", Region: "r", Bucket: "bucket", AccessKey: "a",
			SecretKey: secret.Take([]byte("s")), Transport: &scripted{answers: []string{"error"}},
		})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := target.Put(ctx, "x", nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 300*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// A store that lies is bounded.
func TestHostileStore(t *testing.T) {
	page := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("list-type") == "" {
			_, _ = io.Copy(w, io.LimitReader(zeros{}, 1<<30))
			return
		}
		_, _ = io.WriteString(w, page)
	}))
	defer server.Close()
	target := openS3(t, backup.S3Config{
		Endpoint: server.URL, Region: "r", Bucket: "bucket", AccessKey: "a", SecretKey: secret.Take([]byte("s")), PathStyle: true,
	})
	if _, err := target.Get(t.Context(), "x", 1000); !errors.Is(err, backup.ErrTooLong) {
		t.Errorf("an endless object: %v", err)
	}
	for _, page = range []string{
		"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
		"<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>",
		"no XML",
	} {
		var last error
		for _, err := range target.List(t.Context(), "") {
			last = err
		}
		if locket.CodeOf(last) != locket.CodeInternal {
			t.Errorf("%s: %v", page, last)
		}
	}
	page = "<ListBucketResult><Contents><Key>../../etc/passwd</Key></Contents><Contents><Key>a b</Key></Contents></ListBucketResult>"
	if got := list(t, target, ""); len(got) != 0 {
		t.Errorf("listed %v", got)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte{0}, len(p))), nil }
