package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/locketpod/locket/internal/api"
)

// onPipe serves a pod in fake time and gives fn a connection to it.
func onPipe(t *testing.T, fn func(t *testing.T, c net.Conn, key string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		folder, key := newPod(t)
		h := api.New(api.Config{Doer: folder, Log: slog.New(slog.DiscardHandler), Hosts: []string{"pipe"}})
		l := newPipeListener()
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- api.NewServer(h, nil, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
		c := l.dial()
		fn(t, c, key)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	})
}

func begin(t *testing.T, c net.Conn, method, target, key string, length int) {
	t.Helper()
	_, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: pipe\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\nAccept: application/x-ndjson\r\n\r\n",
		method, target, key, length)
	if err != nil {
		t.Fatal(err)
	}
}

func answer(t *testing.T, c net.Conn) (status int, body string) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestSteadyUploadMayTakeLong(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn, key string) {
		const parts = 20
		begin(t, c, "POST", "/v1/blobs", key, parts)
		for range parts {
			time.Sleep(20 * time.Second)
			if _, err := io.WriteString(c, "x"); err != nil {
				t.Fatal(err)
			}
		}
		if status, body := answer(t, c); status != 201 {
			t.Errorf("got status %d and %s, want 201", status, body)
		}
	})
}

func TestStalledUploadIsCutOff(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn, key string) {
		begin(t, c, "POST", "/v1/blobs", key, 100)
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		status, body := answer(t, c)
		if took := time.Since(began); status != 400 || !strings.Contains(body, "too slowly") || took != 30*time.Second {
			t.Errorf("got status %d and %s after %v, want 400 after 30 s", status, body, took)
		}
	})
}

// putOnPipe uploads a blob over c and returns its path.
func putOnPipe(t *testing.T, c net.Conn, key string, data []byte) string {
	t.Helper()
	begin(t, c, "POST", "/v1/blobs", key, len(data))
	if _, err := c.Write(data); err != nil {
		t.Fatal(err)
	}
	_, info := answer(t, c)
	id, _, _ := strings.Cut(strings.TrimPrefix(info, `{"id":"`), `"`)
	return "/v1/blobs/" + id
}

// readSlowly reads c to the end of its answer, pausing after every n bytes.
func readSlowly(t *testing.T, c net.Conn, n int, pause time.Duration) (string, error) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReaderSize(c, 4096), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var all strings.Builder
	for {
		if _, err := io.CopyN(&all, resp.Body, int64(n)); err != nil {
			return all.String(), err
		}
		time.Sleep(pause)
	}
}

func TestSteadyDownloadMayTakeLong(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn, key string) {
		data := content(500_000)
		target := putOnPipe(t, c, key, data)
		begin(t, c, "GET", target, key, 0)
		if got, err := readSlowly(t, c, 50_000, 20*time.Second); !errors.Is(err, io.EOF) || got != string(data) {
			t.Errorf("got %d bytes of %d: %v", len(got), len(data), err)
		}
	})
}

func TestStalledDownloadIsCutOff(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn, key string) {
		target := putOnPipe(t, c, key, content(500_000))
		begin(t, c, "GET", target, key, 0)
		if got, err := readSlowly(t, c, 50_000, 40*time.Second); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %d bytes and %v, want the connection to be closed", len(got), err)
		}
	})
}

// TestLongImport holds an import up by reading its progress late.
func TestLongImport(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn, key string) {
		blob := strings.TrimPrefix(putOnPipe(t, c, key, []byte(vault(t, 50))), "/v1/blobs/")
		begin(t, c, "POST", "/v1/imports?name=vault.tar&blob="+blob, key, 0)
		time.Sleep(25 * time.Second)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		lines := bufio.NewReader(resp.Body)
		last := ""
		for err == nil {
			var line string
			if line, err = lines.ReadString('\n'); line != "" {
				last = line
			}
			time.Sleep(25 * time.Second)
		}
		if !strings.Contains(last, `"imported":50,`) {
			t.Errorf("got %s as the last line, want the result with 50 imported", last)
		}
	})
}

func TestLongLedger(t *testing.T) {
	onPipe(t, func(t *testing.T, c net.Conn, key string) {
		tarball := vault(t, 1200)
		begin(t, c, "POST", "/v1/imports?name=vault.tar", key, len(tarball))
		if _, err := io.WriteString(c, tarball); err != nil {
			t.Fatal(err)
		}
		_, run := answer(t, c)
		_, id, _ := strings.Cut(run, `"id":"`)
		begin(t, c, "GET", "/v1/imports/"+id[:36]+"/ledger.csv", key, 0)
		// Slower than a request may take; the second page of the ledger is read late.
		got, err := readSlowly(t, c, 20_000, 25*time.Second)
		if !errors.Is(err, io.EOF) || strings.Count(got, "\n") != 1201 {
			t.Errorf("got %d lines of 1201: %v", strings.Count(got, "\n"), err)
		}
	})
}
