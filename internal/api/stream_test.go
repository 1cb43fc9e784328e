package api_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/pods"
)

// content is n bytes that do not compress, the same on every call.
func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

// put uploads a blob.
func (s *server) put(t *testing.T, data []byte) locket.BlobInfo {
	t.Helper()
	resp, body := s.do(t, s.request(t, "POST", "/v1/blobs", string(data), "Content-Type: image/png"))
	if resp.StatusCode != 201 {
		t.Fatalf("got status %d: %s", resp.StatusCode, body)
	}
	var info locket.BlobInfo
	if err := json.Unmarshal([]byte(body), &info); err != nil {
		t.Fatal(err)
	}
	return info
}

func TestBlobs(t *testing.T) {
	s := newServer(t, nil)
	for _, size := range []int{0, 1, 1000, 300_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			data := content(size)
			info := s.put(t, data)
			if sum := sha256.Sum256(data); info.Size != int64(size) || info.SHA256 != hex.EncodeToString(sum[:]) {
				t.Errorf("got %+v, want size %d and SHA-256 %x", info, size, sum)
			}
			target := "/v1/blobs/" + string(info.ID)
			tests := []struct {
				header     string
				status     int
				start, end int
			}{
				{"", 200, 0, size},
				{"Range: bytes=0-", 206, 0, size},
				{"Range: bytes=100-199", 206, 100, 200},
				{"Range: bytes=-10", 206, max(size-10, 0), size},
				{"Range: bytes=65530-65545", 206, 65530, 65546},
				{"Range: bytes=9999999-", 416, 0, 0},
				{`If-None-Match: "` + info.SHA256 + `"`, 304, 0, 0},
			}
			for _, tt := range tests {
				if tt.status == 206 && tt.end > size || size == 0 && tt.status != 200 && tt.status != 304 {
					continue
				}
				resp, body := s.do(t, s.request(t, "GET", target, "", tt.header))
				if resp.StatusCode != tt.status {
					t.Errorf("%q: got status %d, want %d", tt.header, resp.StatusCode, tt.status)
				}
				if tt.status < 300 && !bytes.Equal([]byte(body), data[tt.start:tt.end]) {
					t.Errorf("%q: got %d bytes, want those from %d to %d", tt.header, len(body), tt.start, tt.end)
				}
			}
		})
	}
	info := s.put(t, []byte("<script>alert(1)</script>"))
	s.play(t, []scenario{
		{name: "is not shown", method: "GET", target: "/v1/blobs/" + string(info.ID), status: 200, want: []string{"Content-Disposition: attachment", "Content-Type: application/octet-stream", "X-Content-Type-Options: nosniff", "sandbox"}},
		{name: "is not compressed", method: "GET", target: "/v1/blobs/" + string(info.ID), header: []string{"Accept-Encoding: gzip"}, status: 200, not: []string{"Content-Encoding"}},
		{name: "head", method: "HEAD", target: "/v1/blobs/" + string(info.ID), status: 200, want: []string{"Content-Length: 25"}, not: []string{"script"}},
		{name: "missing", method: "GET", target: "/v1/blobs/" + noBlob, status: 404, want: []string{`"code":"not_found"`}},
		{name: "as a form", method: "POST", target: "/v1/blobs", body: "--x--", header: []string{"Content-Type: multipart/form-data; boundary=x"}, status: 400, want: []string{"not as a form"}},
	})
}

func TestDamagedBlobIsCutOff(t *testing.T) {
	folder, key := newPod(t)
	log := &lockedBuffer{}
	s := &server{Server: httptest.NewServer(api.New(api.Config{Doer: folder, Log: slog.New(slog.NewTextHandler(log, nil))})), key: key}
	defer s.Close()
	info := s.put(t, content(300_000))
	damage(t, folder.Path())
	resp, err := s.Client().Do(s.request(t, "GET", "/v1/blobs/"+string(info.ID), ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("got %d bytes and no error, want an answer that is cut off", len(got))
	}
	s.Close() // waits until the line is written
	if !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("the log says %q, want an error", log)
	}
}

// damage flips a bit in the middle of the only large blob below dir.
func damage(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "blobs", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got blob files %q, %v, want one", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestUploadsAreBounded(t *testing.T) {
	s := newServer(t, func(c *api.Config) { c.MaxUpload = 100_000 })
	s.put(t, content(100_000))
	resp, body := s.do(t, s.request(t, "POST", "/v1/blobs", string(content(100_001)), "Content-Type: image/png"))
	if resp.StatusCode != 413 || !strings.Contains(body, `"code":"too_large"`) {
		t.Errorf("got status %d and %s, want 413 and code too_large", resp.StatusCode, body)
	}
	if _, stats := s.do(t, s.request(t, "GET", "/v1/stats", "")); !strings.Contains(stats, `"blobs":1,`) {
		t.Errorf("got %s, want one blob", stats)
	}
}

func TestGzip(t *testing.T) {
	s := newServer(t, nil)
	text := strings.Repeat("leaf ", 1000)
	resp, body := s.do(t, s.request(t, "POST", "/v1/items", `{"type":"Note","id":"`+idTea+`","props":{"text":"`+text+`"}}`))
	if resp.StatusCode != 201 {
		t.Fatalf("got status %d: %s", resp.StatusCode, body)
	}
	tests := []struct {
		target, accept string
		want           bool
	}{
		{"/v1/items/" + idTea, "gzip", true},
		{"/v1/items/" + idTea, "br, GZIP;q=0.5", true},
		{"/v1/items/" + idTea, "gzip;q=0", false},
		{"/v1/items/" + idTea, "identity", false},
		{"/v1/health", "gzip", false},
	}
	for _, tt := range tests {
		resp, body := s.do(t, s.request(t, "GET", tt.target, "", "Accept-Encoding: "+tt.accept))
		if got := resp.Header.Get("Content-Encoding") == "gzip"; got != tt.want {
			t.Errorf("%s, %s: compressed is %v, want %v", tt.target, tt.accept, got, tt.want)
		}
		if resp.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s, %s: Vary is missing", tt.target, tt.accept)
		}
		if !tt.want {
			continue
		}
		z, err := gzip.NewReader(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if err != nil || !strings.Contains(string(plain), text) {
			t.Errorf("%s, %s: the compressed answer is not the item (%v)", tt.target, tt.accept, err)
		}
	}
}

func TestOneOfTwoWritersWins(t *testing.T) {
	s := newServer(t, nil)
	if resp, body := s.do(t, s.request(t, "POST", "/v1/items", `{"type":"Note","id":"`+idTea+`","props":{"name":"0"}}`)); resp.StatusCode != 201 {
		t.Fatalf("got status %d: %s", resp.StatusCode, body)
	}
	for version := 1; version <= 10; version++ {
		var got [2]int
		var wg sync.WaitGroup
		for i := range got {
			r := s.request(t, "PATCH", "/v1/items/"+idTea, fmt.Sprintf(`{"props":{"name":"%d by %d"}}`, version, i), fmt.Sprintf(`If-Match: "%d"`, version))
			wg.Go(func() {
				resp, err := s.Client().Do(r)
				if err != nil {
					return // got stays 0
				}
				got[i] = resp.StatusCode
				_ = resp.Body.Close()
			})
		}
		wg.Wait()
		if got != [2]int{200, 412} && got != [2]int{412, 200} {
			t.Fatalf("version %d: got statuses %v, want one 200 and one 412", version, got)
		}
	}
}

// vault is a tar of n notes, those from odd on with the same content.
func vault(t *testing.T, n int) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range n {
		text := fmt.Sprintf("# Note %d\nabout saffron\n", i)
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("vault/note %d.md", i), Mode: 0o600, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestImport(t *testing.T) {
	s := newServer(t, nil)
	tarball := vault(t, 5)
	var plan struct {
		Blob locket.BlobID `json:"blob"`
		Plan struct {
			Files int64 `json:"files"`
		} `json:"plan"`
	}
	resp, body := s.do(t, s.request(t, "POST", "/v1/imports/plan?name=vault.tar", tarball, "Content-Type: application/x-tar"))
	if err := json.Unmarshal([]byte(body), &plan); err != nil || resp.StatusCode != 200 || plan.Plan.Files != 5 {
		t.Fatalf("plan: got status %d and %s (%v), want 5 files", resp.StatusCode, body, err)
	}
	var run locket.Import
	target := "/v1/imports?name=vault.tar"
	_, body = s.do(t, s.request(t, "POST", target+"&blob="+string(plan.Blob), ""))
	if err := json.Unmarshal([]byte(body), &run); err != nil || run.Read != 5 || run.Imported != 5 || run.Finished.IsZero() {
		t.Fatalf("run: got %s (%v), want 5 imported", body, err)
	}
	s.play(t, []scenario{
		{name: "kept upload is gone", method: "GET", target: "/v1/blobs/" + string(plan.Blob), status: 404},
		{name: "again", method: "POST", target: target, body: tarball, status: 200, want: []string{`"imported":0,"duplicate":5,"rejected":0`}},
		{name: "list", method: "GET", target: "/v1/imports", status: 200, want: []string{run.ID, `"source":"vault.tar"`}},
		{name: "ledger", method: "GET", target: "/v1/imports/" + run.ID + "/ledger?limit=2", status: 200, want: []string{`"outcome":"imported"`, `"next":"`}},
		{name: "ledger as CSV", method: "GET", target: "/v1/imports/" + run.ID + "/ledger.csv", status: 200, want: []string{"file,record,format,outcome,item,reason\n", "note 4.md", "Content-Disposition: attachment; filename=ledger.csv", "text/csv"}},
		{name: "ledger of none", method: "GET", target: "/v1/imports/x/ledger.csv", status: 404, want: []string{`"code":"not_found"`}},
		{name: "ledger as CSV, head", method: "HEAD", target: "/v1/imports/" + run.ID + "/ledger.csv", status: 200, want: []string{"text/csv"}},
		{name: "no name", method: "POST", target: "/v1/imports", body: "x", status: 400, want: []string{"name is missing"}},
		{name: "found", method: "GET", target: "/v1/search?q=saffron", status: 200, want: []string{"Note 3"}},
	})
}

func TestImportReportsProgress(t *testing.T) {
	s := newServer(t, nil)
	resp, body := s.do(t, s.request(t, "POST", "/v1/imports?name=vault.tar", vault(t, 300), "Accept: application/x-ndjson"))
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || got != "application/x-ndjson" {
		t.Fatalf("got status %d and type %q: %s", resp.StatusCode, got, body)
	}
	lines := strings.Split(strings.TrimSpace(body), "\n")
	if !strings.HasPrefix(lines[0], `{"progress":{"stage":"`) {
		t.Errorf("the first line is %s, want progress", lines[0])
	}
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, `{"result":{`) || !strings.Contains(last, `"imported":300`) {
		t.Errorf("the last line is %s, want the result", last)
	}
	resp, body = s.do(t, s.request(t, "POST", "/v1/imports?name=x&blob="+noBlob, "", "Accept: application/x-ndjson"))
	if resp.StatusCode != 404 || !strings.Contains(body, `"error":{"code":"not_found"`) {
		t.Errorf("an error before any progress: got status %d and %s, want 404", resp.StatusCode, body)
	}
}

// TestLateFailureIsSeen: a stream has no length by which a client could tell that
// the end is missing.
func TestLateFailureIsSeen(t *testing.T) {
	folder, key := newPod(t)
	s := &server{key: key}
	fail := false
	s.Server = httptest.NewServer(newHandler(nil, func(c *api.Config) {
		c.Doer = doer(func(ctx context.Context, call pods.Call, fn func(*pods.Visit) error) error {
			err := folder.Visit(ctx, call, fn)
			if fail && err == nil {
				err = locket.Errorf(locket.CodeTampered, "found out late")
			}
			return err
		})
	}))
	defer s.Close()
	_, run := s.do(t, s.request(t, "POST", "/v1/imports?name=vault.tar", vault(t, 100)))
	id, _, _ := strings.Cut(strings.TrimPrefix(run, `{"id":"`), `"`)
	fail = true
	resp, err := s.Client().Do(s.request(t, "GET", "/v1/imports/"+id+"/ledger.csv", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("got %d bytes and no error, want an answer that is cut off", len(got))
	}
}

func TestLargeBodyIsRefusedUnread(t *testing.T) {
	s := newServer(t, nil)
	for _, tt := range []struct {
		target string
		size   int
	}{{"/v1/items", 1<<20 + 1}, {"/v1/bulk", 16<<20 + 1}} {
		r := s.request(t, "POST", tt.target, strings.Repeat(" ", tt.size))
		resp, body := s.do(t, r)
		if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, `"code":"too_large"`) {
			t.Errorf("%s: got status %d and %s, want 413", tt.target, resp.StatusCode, body)
		}
	}
}
