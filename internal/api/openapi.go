package api

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/locketpod/locket/internal/ops"
)

// object is a JSON object of the document.
type object = map[string]any

// Document describes the operations as OpenAPI 3.1, ready to be marshalled.
func Document(table []ops.Op, version string) map[string]any {
	s := schemas{}
	paths := object{
		"/v1/health":       object{"get": public("health", "Say that the server runs.")},
		"/v1/openapi.json": object{"get": public("openapi", "This document.")},
		"/v1/session":      object{"post": loginObject(s), "parameters": sharedRefs()},
	}
	for _, op := range table {
		methods, ok := paths[op.Path].(object)
		if !ok {
			methods = object{"parameters": sharedRefs()}
			paths[op.Path] = methods
		}
		methods[strings.ToLower(op.Method)] = operationObject(op, s)
	}
	s.of(reflect.TypeFor[failure]())
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Locket", "version": version,
			"summary": "One encrypted home for a person's data and for the memory of their AI agents.",
		},
		"security": []any{object{"key": []any{}}, object{"session": []any{}}},
		"paths":    paths,
		"components": object{
			"schemas": s,
			"securitySchemes": object{
				"key":     object{"type": "http", "scheme": "bearer", "description": "an API key, lk_…, or a grant, lg_…"},
				"session": object{"type": "apiKey", "in": "cookie", "name": cookieName, "description": "what POST /v1/session gives to browsers"},
			},
			"parameters": sharedParameters(),
			"responses":  object{"failure": object{"description": "Failure; the code says which.", "content": jsonContent(ref("Failure"))}},
		},
	}
}

func public(name, text string) object {
	return object{
		"operationId": name, "summary": text, "security": []any{},
		"responses": object{"200": object{"description": "Success.", "content": jsonContent(object{"type": "object"})}},
	}
}

func loginObject(s schemas) object {
	return object{
		"operationId": "session.create", "summary": "Log in: begin a session with the owner's passphrase.", "tags": []any{"session"},
		"security":    []any{},
		"requestBody": object{"required": true, "content": jsonContent(s.of(loginOp.In))},
		"responses": object{
			"201":     object{"description": "Success; the session is in the cookie " + cookieName + ".", "content": jsonContent(s.of(reflect.TypeFor[session]()))},
			"default": object{"$ref": "#/components/responses/failure"},
		},
	}
}

// sharedParameters are the headers that all operations take.
func sharedParameters() object {
	header := func(name, text string, schema object) object {
		return object{"name": name, "in": "header", "required": false, "description": text, "schema": schema}
	}
	return object{
		"session":    header(headerSession, "names the client's session, for the journal", object{"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"}),
		"from":       header(headerFrom, "id of the item that the changes of this request are taken from", object{"type": "string", "format": "uuid"}),
		"checkpoint": header(headerCheckpoint, "the last checkpoint that the client saw, base64url; the pod must have grown from it", object{"type": "string"}),
	}
}

func sharedRefs() []any {
	var refs []any
	for _, name := range slices.Sorted(maps.Keys(sharedParameters())) {
		refs = append(refs, object{"$ref": "#/components/parameters/" + name})
	}
	return refs
}

func operationObject(op ops.Op, s schemas) object {
	o := object{
		"operationId": op.Name, "summary": op.Text, "tags": []any{strings.SplitN(op.Name, ".", 2)[0]},
		"x-permission": string(op.Permission),
		"responses":    object{successStatus(op): success(op, s), "default": object{"$ref": "#/components/responses/failure"}},
	}
	if ps := parameters(op, s); len(ps) > 0 {
		o["parameters"] = ps
	}
	if b := requestBody(op, s); b != nil {
		o["requestBody"] = b
	}
	return o
}

func parameters(op ops.Op, s schemas) []any {
	var ps []any
	for _, f := range op.Fields() {
		if f.Place == ops.InBody {
			continue
		}
		ps = append(ps, object{
			"name": f.Key, "in": string(f.Place), "required": f.Required, "description": f.Help, "schema": s.of(f.Type),
		})
	}
	return ps
}

func requestBody(op ops.Op, s schemas) object {
	if op.Upload {
		return object{"required": true, "content": object{"application/octet-stream": object{}}}
	}
	props, required := object{}, []any{}
	for _, f := range op.Fields() {
		if f.Place != ops.InBody {
			continue
		}
		props[f.Key] = described(s.of(f.Type), f.Help)
		if f.Required {
			required = append(required, f.Key)
		}
	}
	if len(props) == 0 {
		return nil
	}
	schema := object{"type": "object", "properties": props, "required": required, "additionalProperties": false}
	return object{"required": len(required) > 0, "content": jsonContent(schema)}
}

func successStatus(op ops.Op) string {
	if op.Creates {
		return "201"
	}
	return "200"
}

func success(op ops.Op, s schemas) object {
	switch {
	case op.Out == reflect.TypeFor[*ops.File]():
		return object{"description": "The content; ranges are served.", "content": object{"application/octet-stream": object{}}}
	case op.Out == reflect.TypeFor[*ops.Stream]():
		return object{"description": "The content.", "content": object{"text/csv": object{}}}
	}
	content := jsonContent(s.of(op.Out))
	if op.Reports {
		content["application/x-ndjson"] = object{"schema": s.of(reflect.TypeFor[jobEvent]())}
	}
	return object{"description": "Success.", "content": content}
}

func jsonContent(schema object) object {
	return object{"application/json": object{"schema": schema}}
}

func serveDocument(doc object) func(*exchange) error {
	return func(x *exchange) error { return x.json(http.StatusOK, doc) }
}
