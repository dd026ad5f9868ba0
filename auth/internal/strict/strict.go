// Package strict reads JSON that has one meaning only, whoever reads it: what is verified here is what others would read there.
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a token's JSON: real claims nest three or four deep.
const maxDepth = 16

var errObject = errors.New("not a JSON object that is read one way only")

// Object reads one JSON object so that no two readers can differ on it: valid UTF-8, no key twice at any level, nothing after
// it, bounded depth. Numbers stay json.Number.
func Object(data []byte) (map[string]any, error) {
	if !utf8.Valid(data) {
		return nil, errObject
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := value(d, 0)
	if err != nil {
		return nil, errObject
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errObject
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, errObject
	}
	return o, nil
}

func value(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errObject
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return members(d, depth)
	case json.Delim('['):
		return elements(d, depth)
	}
	return t, nil
}

func members(d *json.Decoder, depth int) (any, error) {
	o := map[string]any{}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, ok := k.(string)
		if _, twice := o[key]; !ok || twice {
			return nil, errObject
		}
		if o[key], err = value(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return o, err
}

func elements(d *json.Decoder, depth int) (any, error) {
	a := []any{}
	for d.More() {
		v, err := value(d, depth+1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	_, err := d.Token()
	return a, err
}
