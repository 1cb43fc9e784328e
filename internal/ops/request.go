package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/locketpod/locket"
)

// Decode reads the input of the operation from a request that http.ServeMux
// matched with its path. The body of an upload is not touched.
func (o Op) Decode(r *http.Request) (any, error) {
	in := o.New()
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "the part of the URL after ? is malformed")
	}
	for _, f := range o.fields {
		if err := f.decode(in, r, query); err != nil {
			return nil, err
		}
		query.Del(f.Key)
	}
	for key := range query {
		return nil, locket.Errorf(locket.CodeInvalid, "there is no parameter %.60q; parameters are: %s", key, o.keys(InQuery))
	}
	if o.Upload {
		return in, checkUpload(r)
	}
	return in, o.decodeBody(in, r)
}

// decode sets f if it is carried outside the body.
func (f Field) decode(in any, r *http.Request, query url.Values) error {
	var given []string
	switch f.Place {
	case InBody:
		return nil
	case InPath:
		given = []string{r.PathValue(f.Key)}
	case InQuery:
		given = query[f.Key]
	case InHeader:
		given = r.Header.Values(f.Key)
	}
	switch {
	case len(given) == 1:
		return f.Set(in, given[0])
	case len(given) > 1:
		return locket.Errorf(locket.CodeInvalid, "%s is given twice", f.Key)
	case f.Required:
		return locket.Errorf(locket.CodeInvalid, "%s is missing", f.Key)
	}
	return nil
}

func (o Op) keys(p Place) string {
	var keys []string
	for _, f := range o.fields {
		if f.Place == p {
			keys = append(keys, f.Key)
		}
	}
	if keys == nil {
		return "none"
	}
	return strings.Join(keys, ", ")
}

// decodeBody reads the body fields. An empty body is an empty object.
func (o Op) decodeBody(in any, r *http.Request) error {
	data, err := io.ReadAll(io.LimitReader(r.Body, o.MaxBody+1))
	defer clear(data)
	if err != nil {
		return readFailure(err)
	}
	if int64(len(data)) > o.MaxBody {
		return locket.Errorf(locket.CodeTooLarge, "the body is larger than %d bytes; send less at once, or long texts as blobs", o.MaxBody)
	}
	if len(data) == 0 {
		data = []byte("{}")
	} else if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return locket.Errorf(locket.CodeInvalid, "the body must be JSON, and the Content-Type header application/json")
	}
	return decodeJSON(data, in, "")
}

// checkUpload refuses the envelope of a browser form, which would be stored as if
// it were the file.
func checkUpload(r *http.Request) error {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && strings.HasPrefix(t, "multipart/") {
		return locket.Errorf(locket.CodeInvalid, "send the file itself as the body, not as a form: curl --data-binary @FILE")
	}
	return nil
}

// readFailure is what to say of a body that could not be read to its end.
func readFailure(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return locket.Errorf(locket.CodeTooLarge, "the body is larger than this server takes").Because(err)
	}
	return locket.Errorf(locket.CodeInvalid, "the body ended early or came too slowly; send it again").Because(err)
}

// Encode makes the request that [Op.Decode] reads. Its URL has a path and a query
// only, for package client to complete; upload is the body of an operation that
// takes one.
func (o Op) Encode(ctx context.Context, in any, upload io.Reader) (*http.Request, error) {
	path, query, header := o.Path, url.Values{}, http.Header{}
	body := make(map[string]any)
	for _, f := range o.fields {
		v := f.value(in)
		if v.IsZero() {
			if f.Required {
				return nil, locket.Errorf(locket.CodeInvalid, "%s is missing", f.Name)
			}
			continue
		}
		text, err := f.Text(in)
		if err != nil {
			return nil, err
		}
		switch f.Place {
		case InPath:
			path = strings.Replace(path, "{"+f.Key+"}", url.PathEscape(text), 1)
		case InQuery:
			query.Set(f.Key, text)
		case InHeader:
			header.Set(f.Key, text)
		case InBody:
			body[f.Key] = v.Interface()
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return o.request(ctx, path, header, body, upload)
}

func (o Op) request(ctx context.Context, target string, header http.Header, body map[string]any, upload io.Reader) (*http.Request, error) {
	if len(body) > 0 {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		upload = bytes.NewReader(data)
		header.Set("Content-Type", "application/json")
	} else if o.Upload {
		header.Set("Content-Type", "application/octet-stream")
	}
	r, err := http.NewRequestWithContext(ctx, o.Method, target, upload)
	if err != nil {
		return nil, err
	}
	r.Header = header
	return r, nil
}
