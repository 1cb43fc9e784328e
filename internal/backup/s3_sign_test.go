package backup

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket/internal/secret"
)

// The examples of the Amazon S3 API Reference, "Signature Calculations for the
// Authorization Header: Transferring Payload in a Single Chunk".
func TestSignVectors(t *testing.T) {
	key := secret.Take([]byte("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
	now := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		path, want string
		query      url.Values
		header     http.Header
	}{
		{"/test.txt", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", nil, http.Header{"Range": {"bytes=0-9"}}},
		{"/", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543", url.Values{"lifecycle": {""}}, nil},
		{"/", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", url.Values{"max-keys": {"2"}, "prefix": {"J"}}, nil},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://examplebucket.s3.amazonaws.com"+c.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.RawQuery = canonicalQuery(c.query)
		for name, values := range c.header {
			req.Header[name] = values
		}
		sign(req, nil, "us-east-1", "AKIAIOSFODNN7EXAMPLE", key, now)
		if got := req.Header.Get("Authorization"); !strings.HasSuffix(got, ",Signature="+c.want) {
			t.Errorf("%s?%s: %s", c.path, req.URL.RawQuery, got)
		}
	}
	if got := string(key.Bytes()); got != "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" {
		t.Error("signing changed the key")
	}
}
