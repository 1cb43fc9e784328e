package api_test

import (
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/api"
)

// TestItems plays one story; every scenario builds on those before it.
func TestItems(t *testing.T) {
	s := newServer(t, nil)
	long := strings.Repeat("leaf ", 400)
	s.play(t, []scenario{
		{
			name: "create", method: "POST", target: "/v1/items", body: `{"id":"` + idTea + `","type":"Note","props":{"name":"Tea","text":"` + long + `","keywords":["hot"],"dateModified":"2026-11-21T10:00:00+01:00"}}`,
			status: 201, want: []string{`Etag: "1"`, `"version":1`, `"dateModified":"2026-11-21T09:00:00Z"`, "Cache-Control: no-store", "X-Content-Type-Options: nosniff", "X-Request-Id: "},
		},
		{name: "create again", method: "POST", target: "/v1/items", body: `{"id":"` + idTea + `","type":"Note","props":{}}`, status: 409, want: []string{`"code":"exists"`}},
		{name: "create another", method: "POST", target: "/v1/items", body: `{"id":"` + idCup + `","type":"Photo","props":{"name":"Cup","width":640,"latitude":52}}`, status: 201, want: []string{`"width":640`, `"latitude":52`}},
		{name: "unknown type", method: "POST", target: "/v1/items", body: `{"type":"Noet","props":{}}`, status: 400, want: []string{`"code":"invalid"`, `Noet`, "Bookmark, Conversation"}},
		{name: "unknown property", method: "POST", target: "/v1/items", body: `{"type":"Note","props":{"colour":"red"}}`, status: 400, want: []string{`"code":"invalid"`, "Note", "colour"}},
		{name: "wrong kind", method: "POST", target: "/v1/items", body: `{"type":"Photo","props":{"width":"wide"}}`, status: 400, want: []string{`"op":"items.create"`, "Photo.width: expected a whole number", "text"}, not: []string{"wide"}},
		{name: "duplicate name", method: "POST", target: "/v1/items", body: `{"type":"Note","props":{"name":"a","name":"b"}}`, status: 400, want: []string{"occurs twice"}},
		{name: "get", method: "GET", target: "/v1/items/" + idTea, status: 200, want: []string{`"name":"Tea"`, `Etag: "1"`}},
		{name: "get unchanged", method: "GET", target: "/v1/items/" + idTea, header: []string{`If-None-Match: "0", W/"1"`}, status: 304, not: []string{"Tea"}},
		{name: "get changed", method: "GET", target: "/v1/items/" + idTea, header: []string{`If-None-Match: "2"`}, status: 200, want: []string{"Tea"}},
		{name: "head", method: "HEAD", target: "/v1/items/" + idTea, status: 200, want: []string{`Etag: "1"`}, not: []string{"Tea"}},
		{name: "get missing", method: "GET", target: "/v1/items/" + idNone, status: 404, want: []string{`"code":"not_found"`}},
		{name: "update", method: "PATCH", target: "/v1/items/" + idTea, header: []string{`If-Match: "1"`}, body: `{"props":{"name":"Green tea","keywords":null}}`, status: 200, want: []string{`Etag: "2"`, "Green tea", "leaf"}, not: []string{"hot"}},
		{name: "update late", method: "PATCH", target: "/v1/items/" + idTea, header: []string{`If-Match: "1"`}, body: `{"props":{"name":"Black tea"}}`, status: 412, want: []string{`"code":"conflict"`}},
		{name: "update any", method: "PATCH", target: "/v1/items/" + idTea, header: []string{"If-Match: *"}, body: `{"props":{"name":"White tea"}}`, status: 200, want: []string{`Etag: "3"`}},
		{name: "history", method: "GET", target: "/v1/items/" + idTea + "/history?limit=10", status: 200, want: []string{`"action":"create"`, `"action":"update"`, "Green tea"}},
		{name: "link", method: "PUT", target: "/v1/items/" + idTea + "/edges/photo/" + idCup, status: 200, want: []string{`"change":{"id":`}},
		{name: "link again", method: "PUT", target: "/v1/items/" + idTea + "/edges/photo/" + idCup, status: 200, want: []string{"{}"}},
		{name: "edges out", method: "GET", target: "/v1/items/" + idTea + "/edges", status: 200, want: []string{`"name":"photo"`, "Cup"}},
		{name: "edges in", method: "GET", target: "/v1/items/" + idTea + "/edges?direction=in", status: 200, want: []string{`{"items":[]}`}},
		{name: "unlink", method: "DELETE", target: "/v1/items/" + idTea + "/edges/photo/" + idCup, status: 200},
		{name: "list", method: "GET", target: "/v1/items?type=Note&limit=5", status: 200, want: []string{"White tea"}, not: []string{"Cup"}},
		{name: "list with bad cursor", method: "GET", target: "/v1/items?cursor=zzz", status: 400, want: []string{"cursor"}},
		{name: "query by range", method: "POST", target: "/v1/query", body: `{"type":"Photo","where":[{"property":"width","op":"ge","value":640},{"property":"width","op":"lt","value":641}]}`, status: 200, want: []string{"Cup"}},
		{name: "query beside range", method: "POST", target: "/v1/query", body: `{"type":"Photo","where":[{"property":"width","op":"gt","value":640}]}`, status: 200, want: []string{`{"items":[]}`}},
		{name: "search", method: "GET", target: "/v1/search?q=leaf", status: 200, want: []string{`"snippet":`, "White tea"}},
		{name: "delete late", method: "DELETE", target: "/v1/items/" + idTea, header: []string{`If-Match: "1"`}, status: 412},
		{name: "delete", method: "DELETE", target: "/v1/items/" + idTea, header: []string{`If-Match: "3"`}, status: 200, want: []string{`"signature":"`}},
		{name: "deleted is not listed", method: "GET", target: "/v1/items?type=Note", status: 200, want: []string{`{"items":[]}`}},
		{name: "deleted is listed apart", method: "GET", target: "/v1/items?type=Note&deleted=true", status: 200, want: []string{`"deleted":true`}},
		{name: "restore", method: "POST", target: "/v1/items/" + idTea + "/restore", status: 200, want: []string{"White tea"}, not: []string{`"deleted"`}},
		{name: "erase", method: "POST", target: "/v1/items/" + idTea + "/erase", body: "{}", status: 200},
		{name: "get erased", method: "GET", target: "/v1/items/" + idTea, status: 404},
		{name: "extend schema", method: "PUT", target: "/v1/schema/Recipe", body: `{"properties":[{"name":"name","kind":"text","role":"title"},{"name":"minutes","kind":"integer"}]}`, status: 200},
		{name: "schema", method: "GET", target: "/v1/schema", status: 200, want: []string{`"name":"Recipe"`, `"name":"Note"`}},
		{name: "use of new type", method: "POST", target: "/v1/items", body: `{"type":"Recipe","props":{"name":"Scones","minutes":20}}`, status: 201},
		{name: "stats", method: "GET", target: "/v1/stats", status: 200, want: []string{`"Recipe":1`, `"items":2`}},
		{name: "change", method: "GET", target: "/v1/changes/1", status: 200, want: []string{`"id":1`, `"signature":"`}},
		{name: "change missing", method: "GET", target: "/v1/changes/9999", status: 404},
	})
}

func TestBulk(t *testing.T) {
	s := newServer(t, nil)
	s.play(t, []scenario{
		{
			name: "all", method: "POST", target: "/v1/bulk", body: `{"ops":[{"op":"create","id":"` + idTea + `","type":"Note","props":{"name":"Tea"},"ref":"t"},{"op":"create","type":"Photo","props":{},"ref":"p"},` +
				`{"op":"link","source":"@t","name":"photo","target":"@p"},{"op":"update","id":"@t","version":1,"props":{"name":"Mint"}}]}`,
			status: 200, want: []string{`"results":[{"id":"` + idTea + `","version":1},`, `{},{"id":"` + idTea + `","version":1}]`, `"change":{`},
		},
		{
			name: "none", method: "POST", target: "/v1/bulk", body: `{"ops":[{"op":"create","type":"Note","props":{"name":"Lost"}},{"op":"update","id":"` + idTea + `","version":9,"props":{"name":"x"}}]}`,
			status: 412, want: []string{`"code":"conflict"`, "ops[1]: "},
		},
		{name: "nothing of none is there", method: "GET", target: "/v1/search?q=Lost", status: 200, want: []string{`{"items":[]}`}},
		{name: "unknown ref", method: "POST", target: "/v1/bulk", body: `{"ops":[{"op":"delete","id":"@x"}]}`, status: 400, want: []string{`ops[0]: no earlier op`}},
		{name: "unknown op", method: "POST", target: "/v1/bulk", body: `{"ops":[{"op":"drop"}]}`, status: 400, want: []string{`there is no op \"drop\"`}},
		{name: "field of another op", method: "POST", target: "/v1/bulk", body: `{"ops":[{"op":"delete","id":"` + idTea + `","props":{"a":1}}]}`, status: 400, want: []string{"delete has no field props"}},
		{name: "ref twice", method: "POST", target: "/v1/bulk", body: `{"ops":[{"op":"create","ref":"a","type":"Note"},{"op":"create","ref":"a","type":"Note"}]}`, status: 400, want: []string{"used twice"}},
		{name: "empty", method: "POST", target: "/v1/bulk", body: `{"ops":[]}`, status: 400, want: []string{"1 to 1000"}},
		{name: "too many", method: "POST", target: "/v1/bulk", body: `{"ops":[` + strings.Repeat(`{"op":"delete"},`, 1000) + `{"op":"delete"}]}`, status: 400, want: []string{"1 to 1000"}},
	})
}

func TestDoor(t *testing.T) {
	s := newServer(t, nil)
	s.play(t, []scenario{
		{name: "health", method: "GET", target: "/v1/health", header: []string{noToken}, status: 200, want: []string{`{"status":"ok","version":"v0.0.0-test"}`}},
		{name: "no key", method: "GET", target: "/v1/stats", header: []string{noToken}, status: 401, want: []string{"Www-Authenticate: Bearer", `"code":"unauthenticated"`}},
		{name: "unknown path", method: "GET", target: "/v1/nothing", status: 404, want: []string{"Content-Type: application/json", `"code":"not_found"`}},
		{name: "root", method: "GET", target: "/", status: 404, want: []string{"openapi.json"}},
		{name: "wrong method", method: "DELETE", target: "/v1/stats", status: 405, want: []string{"Allow: GET, HEAD", `"code":"invalid"`}},
		{name: "wrong method of many", method: "PUT", target: "/v1/items/" + idTea, status: 405, want: []string{"Allow: DELETE, GET, HEAD, PATCH"}},
		{name: "wrong method of a login", method: "PUT", target: "/v1/session", status: 405, want: []string{"Allow: DELETE, POST"}},
		{name: "rebinding", method: "GET", target: "/v1/stats", header: []string{"Host: evil.example.com"}, status: 403, want: []string{`"code":"denied"`}},
		{name: "rebinding with port", method: "GET", target: "/v1/health", header: []string{"Host: evil.example.com:80"}, status: 403},
		{name: "rebinding by a name of localhost", method: "GET", target: "/v1/health", header: []string{"Host: localhost.evil.example.com"}, status: 403},
		{name: "localhost", method: "GET", target: "/v1/stats", header: []string{"Host: LocalHost:7117"}, status: 200},
		{name: "loopback v6", method: "GET", target: "/v1/stats", header: []string{"Host: [::1]:7117"}, status: 200},
		{name: "other address", method: "GET", target: "/v1/stats", header: []string{"Host: 192.0.2.1"}, status: 403},
		{name: "foreign origin", method: "POST", target: "/v1/query", header: []string{"Origin: https://evil.example.com"}, body: "{}", status: 403, want: []string{"other web sites"}, not: []string{"Access-Control"}},
		{name: "foreign site", method: "POST", target: "/v1/query", header: []string{"Sec-Fetch-Site: cross-site"}, body: "{}", status: 403},
		{name: "preflight", method: "OPTIONS", target: "/v1/query", header: []string{"Origin: https://evil.example.com", "Access-Control-Request-Method: POST"}, status: 405, not: []string{"Access-Control"}},
	})
	proxied := newServer(t, func(c *api.Config) { c.Hosts = []string{"Pod.example.com"} })
	proxied.play(t, []scenario{
		{name: "configured host", method: "GET", target: "/v1/stats", header: []string{"Host: pod.example.com"}, status: 200},
		{name: "unconfigured host", method: "GET", target: "/v1/stats", header: []string{"Host: evil.example.com"}, status: 403},
	})
}
