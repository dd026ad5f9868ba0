package bounded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// deepest is how far lists and mappings of a configuration may stand in each other; parsing takes the square of it.
const deepest = 64

// YAML gives the text of a configuration file, without a byte order mark, to be decoded. It refuses what costs far more to read than to
// write, nesting without end and aliases, and a second document, which no decoder would look at.
func YAML(text []byte) ([]byte, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	for i, line := range bytes.Split(text, []byte("\n")) {
		if nested(line) > deepest {
			return nil, fmt.Errorf("line %d: nested too deeply", i+1)
		}
	}
	if depth(text) > deepest {
		return nil, errors.New("nested too deeply")
	}
	content := false
	for _, t := range lexer.Tokenize(string(text)) {
		switch t.Type {
		case token.AliasType:
			return nil, fmt.Errorf("line %d: aliases are not read: write the value out", t.Position.Line)
		case token.DocumentHeaderType:
			if content {
				return nil, fmt.Errorf("line %d: a second document begins: a file holds one", t.Position.Line)
			}
		case token.CommentType:
		default:
			content = true
		}
	}
	return text, nil
}

// nested is how many lists a line opens by its dashes, or how far it is indented in steps of the most that a list or mapping needs.
func nested(line []byte) int {
	rest := bytes.TrimLeft(line, " ")
	n := (len(line) - len(rest)) / 4
	for bytes.HasPrefix(rest, []byte("- ")) || bytes.HasPrefix(rest, []byte("? ")) {
		n++
		rest = bytes.TrimLeft(rest[2:], " ")
	}
	return n
}

// depth is how far brackets stand in each other, outside quotes and comments.
func depth(text []byte) int {
	var quote byte
	now, most := 0, 0
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote && (quote != '"' || text[i-1] != '\\') || c == '\n' {
				quote = 0
			}
		case c == '#' && i > 0 && (text[i-1] == ' ' || text[i-1] == '\n'):
			quote = '\n'
		case (c == '"' || c == '\'') && i > 0 && bytes.IndexByte([]byte(" [{,:\n"), text[i-1]) >= 0:
			quote = c
		case c == '[' || c == '{':
			now++
			most = max(most, now)
		case (c == ']' || c == '}') && now > 0:
			now--
		}
	}
	return most
}

// YAMLFault says what is wrong with a text that could not be decoded, and in which line; 0 where that cannot be told. The decoder's own
// words would show lines of the file, and name types of this program.
func YAMLFault(err error) (line int, problem string) {
	var fault yaml.Error
	if !errors.As(err, &fault) {
		return 0, "this is not YAML"
	}
	if t := fault.GetToken(); t != nil && t.Position != nil {
		line = t.Position.Line
	}
	var wrong *yaml.TypeError
	if errors.As(err, &wrong) {
		return line, fmt.Sprintf("%s cannot stand here, which wants %s", KindOf(wrong.SrcType), KindOf(wrong.DstType))
	}
	return line, fault.GetMessage()
}

// YAMLError is YAMLFault as an error.
func YAMLError(err error) error {
	line, problem := YAMLFault(err)
	if line == 0 {
		return errors.New(problem)
	}
	return fmt.Errorf("line %d: %s", line, problem)
}

// DecodeYAML fills v from the text of a configuration file, as YAML lets it be read and with no key that v has not. An empty text is
// io.EOF, and leaves v as it is; any other error is one of YAML or YAMLError.
func DecodeYAML(text []byte, v any) error {
	text, err := YAML(text)
	if err != nil {
		return err
	}
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(v)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return YAMLError(err)
}

// KindOf names what values of a type look like in a file.
func KindOf(t reflect.Type) string {
	if t == reflect.TypeFor[time.Duration]() {
		return "a time such as 30s"
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "keys of its own"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64, reflect.Float64:
		return "a number"
	}
	return "something else"
}
