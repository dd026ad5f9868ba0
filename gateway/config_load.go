package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/ringfencehq/ringfence/internal/bounded"
)

// maxConfig bounds a configuration file.
const maxConfig = 1 << 20

// Load reads a gateway.yaml of at most 1 MiB, refuses what it does not know, reads secrets from files and by env, which is
// os.LookupEnv or like it, and checks the whole. The Config is ready for New.
func Load(file string, env func(string) (string, bool)) (*Config, error) {
	text, err := bounded.ReadFile(file, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := Parse(text, env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// Parse is Load for a text at hand. A key that is not known is an error that names its line and the nearest known one.
func Parse(text []byte, env func(string) (string, bool)) (*Config, error) {
	text, err := bounded.YAML(text)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, bounded.YAMLError(err)
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if err := unfit(doc.Body, reflect.TypeFor[Config](), ""); err != nil {
			return nil, err
		}
	}
	c := new(Config)
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, bounded.YAMLError(err)
	}
	if err := c.Check(env); err != nil {
		return nil, locate(file, err)
	}
	return c, nil
}

// Locate puts a line of the text before an error that begins with a key, as those of Check do: the key's, or that of the nearest
// one above it that the text has.
func Locate(text []byte, err error) error {
	if file, broken := parser.ParseBytes(text, 0); broken == nil {
		return locate(file, err)
	}
	return err
}

func locate(file *ast.File, err error) error {
	for _, doc := range file.Docs {
		if line := lineOf(doc.Body, err.Error()); line > 0 {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	return err
}

// lineOf follows a text that begins with a key, such as auth: issuers[0].secret: it is empty, and returns the line of the last part
// that is there, or 0.
func lineOf(node ast.Node, at string) int {
	if list, ok := node.(*ast.SequenceNode); ok {
		for i, v := range list.Values {
			if rest, ok := strings.CutPrefix(at, fmt.Sprintf("[%d]", i)); ok {
				return max(v.GetToken().Position.Line, lineOf(v, strings.TrimLeft(rest, ".: ")))
			}
		}
		return 0
	}
	var found *ast.MappingValueNode
	var below string
	for v := range topLevel(node) {
		rest, ok := strings.CutPrefix(at, keyOf(v))
		if ok && (rest == "" || strings.ContainsRune(".:[", rune(rest[0]))) && (found == nil || len(rest) < len(below)) {
			found, below = v, rest
		}
	}
	if found == nil {
		return 0
	}
	return max(found.Key.GetToken().Position.Line, lineOf(found.Value, strings.TrimLeft(below, ".: ")))
}

// Section reads one top-level section of a file into a struct of another package's, as strictly as Parse reads its own. A
// section that is not there leaves the struct as it is.
func Section(text []byte, name string, into any) error {
	text, err := bounded.YAML(text)
	if err != nil {
		return err
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return bounded.YAMLError(err)
	}
	for _, doc := range file.Docs {
		for v := range topLevel(doc.Body) {
			if keyOf(v) != name {
				continue
			}
			if err := unfit(v.Value, reflect.TypeOf(into).Elem(), name); err != nil {
				return err
			}
			if err := yaml.NodeToValue(v.Value, into, yaml.Strict()); err != nil {
				return bounded.YAMLError(err)
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

// unfit walks a value beside the type that it is to fill, and tells the first key that the type has not, or the first value that it
// cannot hold.
func unfit(node ast.Node, into reflect.Type, path string) error {
	if into.Kind() == reflect.Pointer {
		into = into.Elem()
	}
	kind := into.Kind()
	fits := true
	switch n := node.(type) {
	case *ast.NullNode:
	case *ast.MappingNode, *ast.MappingValueNode:
		fits = kind == reflect.Struct || kind == reflect.Map
		for v := range topLevel(n) {
			if err := unfitValue(v, into, path); err != nil {
				return err
			}
		}
	case *ast.SequenceNode:
		if fits = kind == reflect.Slice; !fits {
			break
		}
		for i, v := range n.Values {
			if err := unfit(v, into.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case ast.ScalarNode:
		fits = kind != reflect.Struct && kind != reflect.Map && kind != reflect.Slice &&
			yaml.NodeToValue(node, reflect.New(into).Interface()) == nil
	}
	if fits || kind == reflect.Interface {
		return nil
	}
	return fmt.Errorf("line %d: %s: it wants %s", node.GetToken().Position.Line, path, wanted(into))
}

func unfitValue(v *ast.MappingValueNode, into reflect.Type, path string) error {
	key := keyOf(v)
	at := strings.TrimPrefix(path+"."+key, ".")
	switch into.Kind() {
	case reflect.Map:
		return unfit(v.Value, into.Elem(), at)
	case reflect.Struct:
		var known []string
		for i := range into.NumField() {
			name := into.Field(i).Tag.Get("yaml")
			if name == key {
				return unfit(v.Value, into.Field(i).Type, at)
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

// wanted says what a value of a type is written like.
func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Size]():
		return "a number of bytes such as 65536, 64KiB or 1MiB"
	case t != reflect.TypeFor[time.Duration]() && (t.Kind() == reflect.Int || t.Kind() == reflect.Int64):
		return "a whole number"
	}
	return bounded.KindOf(t)
}

// Size is a number of bytes, from 0 to 1 TiB: 65536, or "64KiB", "1MiB", "1GiB".
type Size int64

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
		return errors.New("this is no number of bytes")
	}
	*s = Size(n * unit)
	return nil
}
