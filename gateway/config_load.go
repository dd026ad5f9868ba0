package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxConfig bounds a configuration file.
const maxConfig = 1 << 20

// Load reads a gateway.yaml, refuses what it does not know, reads secrets by env and from files, and checks the whole.
func Load(file string, env func(string) (string, bool)) (*Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if len(text) > maxConfig {
		return nil, fmt.Errorf("reading the configuration: %s is over 1 MiB", file)
	}
	c, err := Parse(text, env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// Parse is Load for a text at hand. A key that is not known is an error that names its line and the nearest known one.
func Parse(text []byte, env func(string) (string, bool)) (*Config, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, plainYAML(err)
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if err := unknownKey(doc.Body, reflect.TypeFor[Config](), ""); err != nil {
			return nil, err
		}
	}
	c := new(Config)
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, plainYAML(err)
	}
	if err := c.Check(env); err != nil {
		return nil, err
	}
	return c, nil
}

// Section reads one top-level section of a file into a struct of another package's, as strictly as Parse reads its own. A
// section that is not there leaves the struct as it is.
func Section(text []byte, name string, into any) error {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return plainYAML(err)
	}
	for _, doc := range file.Docs {
		for v := range topLevel(doc.Body) {
			if keyOf(v) != name {
				continue
			}
			if err := unknownKey(v.Value, reflect.TypeOf(into).Elem(), name); err != nil {
				return err
			}
			if err := yaml.NodeToValue(v.Value, into, yaml.Strict()); err != nil {
				return fmt.Errorf("%s: %w", name, plainYAML(err))
			}
		}
	}
	return nil
}

func topLevel(body ast.Node) iter.Seq[*ast.MappingValueNode] {
	return func(yield func(*ast.MappingValueNode) bool) {
		switch n := body.(type) {
		case *ast.MappingNode:
			for _, v := range n.Values {
				if !yield(v) {
					return
				}
			}
		case *ast.MappingValueNode:
			yield(n)
		}
	}
}

func keyOf(v *ast.MappingValueNode) string {
	key := v.Key.String()
	if unquoted, err := strconv.Unquote(key); err == nil {
		return unquoted
	}
	return key
}

// plainYAML takes the line and the message out of the library's error, and leaves out the lines of the file that it would
// show: they may hold what was meant to be secret.
func plainYAML(err error) error {
	var typed yaml.Error
	var size *sizeError
	switch {
	case errors.As(err, &size):
		return size
	case !errors.As(err, &typed):
		return errors.New("this is not YAML")
	}
	if t := typed.GetToken(); t != nil && t.Position != nil {
		return fmt.Errorf("line %d: %s", t.Position.Line, typed.GetMessage())
	}
	return errors.New(typed.GetMessage())
}

// unknownKey walks a mapping beside the type that it is to fill, and names the first key that the type has not.
func unknownKey(node ast.Node, into reflect.Type, path string) error {
	switch n := node.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if err := unknownValue(v, into, path); err != nil {
				return err
			}
		}
	case *ast.MappingValueNode:
		return unknownValue(n, into, path)
	case *ast.SequenceNode:
		if into.Kind() == reflect.Slice {
			for i, v := range n.Values {
				if err := unknownKey(v, into.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func unknownValue(v *ast.MappingValueNode, into reflect.Type, path string) error {
	key := keyOf(v)
	at := strings.TrimPrefix(path+"."+key, ".")
	switch into.Kind() {
	case reflect.Map:
		return unknownKey(v.Value, into.Elem(), at)
	case reflect.Struct:
		var known []string
		for i := range into.NumField() {
			name := into.Field(i).Tag.Get("yaml")
			if name == key {
				return unknownKey(v.Value, into.Field(i).Type, at)
			}
			if name != "" {
				known = append(known, name)
			}
		}
		slices.Sort(known)
		return fmt.Errorf("line %d: %s is not known%s", v.Key.GetToken().Position.Line, at, nearest(key, known))
	}
	return nil
}

// Size is a number of bytes: 65536, or "64KiB", "1MiB".
type Size int64

// sizeError is a number of bytes that is none.
type sizeError struct{}

func (*sizeError) Error() string { return "a number of bytes is no size: write 65536, 64KiB or 1MiB" }

// UnmarshalYAML reads a size.
func (s *Size) UnmarshalYAML(text []byte) error {
	word := strings.Trim(strings.TrimSpace(string(text)), `"'`)
	unit := int64(1)
	for suffix, n := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if rest, ok := strings.CutSuffix(word, suffix); ok {
			word, unit = strings.TrimSpace(rest), n
		}
	}
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || n < 0 || n > (1<<40)/unit {
		return &sizeError{}
	}
	*s = Size(n * unit)
	return nil
}
