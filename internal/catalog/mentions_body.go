package catalog

import "strings"

// typeSpellings are SQL's own words for types whose catalogue name is another.
var typeSpellings = map[string][]string{
	"int": {"int4"}, "integer": {"int4"}, "bigint": {"int8"}, "smallint": {"int2"}, "boolean": {"bool"}, "decimal": {"numeric"}, "dec": {"numeric"},
	"real": {"float4"}, "float": {"float4", "float8"}, "double": {"float8"}, "character": {"bpchar", "varchar"}, "char": {"bpchar"},
	"varying": {"varchar", "varbit"}, "time": {"timetz"}, "timestamp": {"timestamptz"}, "bit": {"varbit"},
}

// operatorWords are SQL's words that are operators underneath.
var operatorWords = map[string][]string{
	"like": {"~~", "!~~"}, "ilike": {"~~*", "!~~*"}, "similar": {"~", "!~"},
}

// functionWords are SQL's words that are functions underneath.
var functionWords = map[string][]string{
	"similar": {"similar_to_escape"}, "overlay": {"overlay"}, "trim": {"btrim", "ltrim", "rtrim"}, "extract": {"extract"}, "at": {"timezone"},
	"collation": {"pg_collation_for"},
}

// addBodyDefaults adds what almost every string body can mean without saying it: comparison, and the types of literals.
func (m *mentions) addBodyDefaults() {
	for _, s := range []string{"=", "<>", "<", ">", "<=", ">="} {
		m.symbols[s] = true
	}
	for _, t := range []string{"text", "int4", "int8", "numeric", "bool", "unknown"} {
		m.names[t] = true
	}
}

const operatorChars = "+-*/<>=~!@#%^&|`?"

// scanBody takes a string body's words and operators. It does not parse: quoted text and comments are read as words too,
// which can only bring in more than is needed.
func (m *mentions) scanBody(body string) {
	for i := 0; i < len(body); {
		switch c := body[i]; {
		case isWord(c) && (c < '0' || c > '9'):
			j := i
			for j < len(body) && isWord(body[j]) {
				j++
			}
			m.addWord(strings.ToLower(body[i:j]))
			i = j
		case strings.IndexByte(operatorChars, c) >= 0:
			j := i
			for j < len(body) && strings.IndexByte(operatorChars, body[j]) >= 0 {
				j++
			}
			m.addSymbol(body[i:j])
			i = j
		default:
			i++
		}
	}
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

// maxName is NAMEDATALEN - 1.
const maxName = 63

func (m *mentions) addWord(word string) {
	if len(word) > maxName {
		return
	}
	m.names[word] = true
	for _, list := range [][]string{typeSpellings[word], functionWords[word]} {
		for _, name := range list {
			m.names[name] = true
		}
	}
	for _, s := range operatorWords[word] {
		m.symbols[s] = true
	}
}

// addSymbol adds an operator's name; where a sign may have stuck to it ("=-1"), the name without it too.
func (m *mentions) addSymbol(s string) {
	m.symbols[s] = true
	for len(s) > 1 && (s[len(s)-1] == '-' || s[len(s)-1] == '+') {
		s = s[:len(s)-1]
		m.symbols[s] = true
	}
	if s == "!=" {
		m.symbols["<>"] = true
	}
}
