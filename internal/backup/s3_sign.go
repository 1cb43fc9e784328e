package backup

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket/internal/secret"
)

// sign signs a request by AWS Signature Version 4 in the Authorization header ("Signature
// Calculations for the Authorization Header: Transferring Payload in a Single Chunk", Amazon
// S3 API Reference). The path must need no escaping, the query be a canonicalQuery.
func sign(req *http.Request, body []byte, region, accessKey string, key *secret.Key, now time.Time) {
	at := now.UTC().Format("20060102T150405Z")
	payload := sha256.Sum256(body)
	req.Header.Set("X-Amz-Date", at)
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(payload[:]))

	headers := map[string]string{"host": req.URL.Host}
	names := []string{"host"}
	for name, values := range req.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") || name == "range" {
			headers[name] = strings.Join(values, ",")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var canonical strings.Builder
	canonical.WriteString(req.Method + "\n" + req.URL.EscapedPath() + "\n" + req.URL.RawQuery + "\n")
	for _, name := range names {
		canonical.WriteString(name + ":" + strings.TrimSpace(headers[name]) + "\n")
	}
	signed := strings.Join(names, ";")
	canonical.WriteString("\n" + signed + "\n" + hex.EncodeToString(payload[:]))

	scope := at[:8] + "/" + region + "/s3/aws4_request"
	hash := sha256.Sum256([]byte(canonical.String()))
	text := "AWS4-HMAC-SHA256\n" + at + "\n" + scope + "\n" + hex.EncodeToString(hash[:])
	mac := append([]byte("AWS4"), key.Bytes()...)
	for _, step := range []string{at[:8], region, "s3", "aws4_request", text} {
		next := hmacSHA256(mac, step)
		clear(mac)
		mac = next
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+accessKey+"/"+scope+
		",SignedHeaders="+signed+",Signature="+hex.EncodeToString(mac))
}

func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// canonicalQuery sorts and escapes as the signature wants it: %20, not +.
func canonicalQuery(q url.Values) string { return strings.ReplaceAll(q.Encode(), "+", "%20") }
