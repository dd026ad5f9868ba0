package decide

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/ringfencehq/ringfence/internal/expr"
)

// jsonOperator compiles the extraction of a member; nil when name is none. Paths are remembered, so that a search can make
// documents that hold the members the predicate asks for.
func (c *compiler) jsonOperator(name string, e expr.Expr, args []*node, s *scope) *node {
	asText := strings.HasSuffix(name, "_text")
	var path []string
	switch strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(name, "jsonb_"), "json_"), "_text") {
	case "object_field", "array_element", "extract_path":
		for _, a := range args[1:] {
			if a.op != opConst || a.val.null {
				return nil
			}
			if a.val.k == kindArray {
				for _, x := range a.val.elems {
					path = append(path, x.s)
				}
			} else {
				path = append(path, a.val.s)
			}
		}
	default:
		return nil
	}
	if len(args) < 2 || args[0].t.kind != kindJSON {
		return nil
	}
	if asText {
		if m := c.elementMember(args[0], path); m != nil {
			return m
		}
	}
	n := &node{op: opCall, args: args[:1], stand: -1, t: c.typeOf(e.Type(), -1)}
	n.fn = &function{name: name, strict: true, path: path, run: func(v []value) (value, outcome) { return member(v[0], path, asText) }}
	return n
}

// member is what stands at a path of a document; NULL where nothing does. As text, a string loses its quotes.
func member(doc value, path []string, asText bool) (value, outcome) {
	x, ok := document(doc.s)
	if !ok {
		return null, raised
	}
	for _, step := range path {
		switch at := x.(type) {
		case map[string]any:
			var ok bool
			if x, ok = at[step]; !ok {
				return null, done
			}
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return null, done
			}
			x = at[i]
		default:
			return null, done
		}
	}
	return written(x, asText)
}

// written is a part of a document as a value.
func written(x any, asText bool) (value, outcome) {
	if asText {
		switch y := x.(type) {
		case nil:
			return null, done
		case string:
			return value{k: kindText, s: y}, done
		}
	}
	out, err := json.Marshal(x)
	if err != nil {
		return null, opaque
	}
	if asText {
		return text(string(out)), done
	}
	return value{k: kindJSON, s: string(out)}, done
}

// elementsOf are the members of an array document as text.
func elementsOf(doc value) ([]value, bool) {
	if doc.null {
		return nil, false
	}
	read, _ := document(doc.s)
	x, ok := read.([]any)
	if !ok {
		return nil, false
	}
	out := make([]value, len(x))
	for i, e := range x {
		switch e := e.(type) {
		case nil:
			out[i] = null
		case string:
			out[i] = text(e)
		default:
			b, _ := json.Marshal(e)
			out[i] = text(string(b))
		}
	}
	return out, true
}
