package locket

import (
	"bytes"
	"encoding/json"
	"errors"
)

var errMatch = errors.New(`a test in "where" is a value, a list of values or {"prefix": "text"}`)

// MarshalJSON gives the shortest form. A test that holds for nothing has none.
func (m Match) MarshalJSON() ([]byte, error) {
	switch {
	case len(m.In) == 1:
		return json.Marshal(m.In[0])
	case len(m.In) > 1:
		return json.Marshal(m.In)
	case m.Prefix == "":
		return nil, errMatch
	}
	return json.Marshal(map[string]string{"prefix": m.Prefix})
}

// UnmarshalJSON reads a value, a list or a prefix.
func (m *Match) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	*m = Match{}
	if bytes.HasPrefix(data, []byte("{")) {
		return m.readPrefix(d)
	}
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) == 0 {
		return errMatch
	}
	for _, e := range list {
		switch e.(type) {
		case string, bool, json.Number:
		default:
			return errMatch
		}
	}
	m.In = list
	return nil
}

// readPrefix goes by tokens, since a map would hide a second prefix.
func (m *Match) readPrefix(d *json.Decoder) error {
	var toks [4]json.Token
	for i := range toks {
		var err error
		if toks[i], err = d.Token(); err != nil {
			return errMatch
		}
	}
	p, ok := toks[2].(string)
	if toks[1] != "prefix" || !ok || p == "" || toks[3] != json.Delim('}') {
		return errMatch
	}
	m.Prefix = p
	return nil
}
