package decide

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// jsonFunctions are the functions and operators over jsonb whose arguments are documents.
var jsonFunctions = map[string]function{
	"to_jsonb":         {name: "to_jsonb", args: 1, strict: true, exact: true, run: toJSONB},
	"jsonb_exists":     {name: "jsonb_exists", args: 2, strict: true, exact: true, holds: true, bytes: true, run: jsonExists},
	"jsonb_exists_any": {name: "jsonb_exists_any", args: 2, strict: true, holds: true, bytes: true, run: jsonExistsAny},
	"jsonb_contains":   {name: "jsonb_contains", args: 2, strict: true, holds: true, bytes: true, run: jsonContains},
	"jsonb_contained":  {name: "jsonb_contained", args: 2, strict: true, holds: true, bytes: true, run: swapped(jsonContains)},
}

// jsonFunction returns the function of that name, exact where the documents that are tried cover what it tells apart: where what is looked
// for is one value, or a constant.
func jsonFunction(name string, args []*node) *function {
	f, ok := jsonFunctions[name]
	if !ok || f.args != len(args) {
		return nil
	}
	if f.holds && len(args) == 2 {
		part := args[1]
		if name == "jsonb_contained" {
			part = args[0]
		}
		f.exact = f.exact || part.op == opConst || part.op == opCall && part.fn.name == "to_jsonb"
	}
	return &f
}

// document reads a document; false where it is none. What it returns is shared, and must not be changed.
func document(s string) (any, bool) {
	if v, ok := documents.Load(s); ok {
		read := v.(readDocument)
		return read.x, read.ok
	}
	if documentsRead.Add(1)%maxDocuments == 0 {
		documents.Clear()
	}
	x, ok := parseDocument(s)
	documents.Store(s, readDocument{x, ok})
	return x, ok
}

// documents holds what was read: a search looks at few documents, and at each of them many times.
var (
	documents     sync.Map
	documentsRead atomic.Int64
)

// maxDocuments bounds what is held.
const maxDocuments = 1 << 14

type readDocument struct {
	x  any
	ok bool
}

func parseDocument(s string) (any, bool) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var x any
	if d.Decode(&x) != nil || d.More() {
		return nil, false
	}
	return x, true
}

func toJSONB(v []value) (value, outcome) {
	x, ok := jsonOf(v[0])
	if !ok {
		return null, opaque
	}
	b, err := json.Marshal(x)
	if err != nil {
		return null, opaque
	}
	return value{k: kindJSON, s: string(b), fresh: v[0].fresh}, done
}

func jsonOf(v value) (any, bool) {
	if v.null {
		return nil, true
	}
	switch v.k {
	case kindText, kindUUID, kindBpchar, kindCitext:
		return v.s, true
	case kindNum:
		return json.Number(v.s), true
	case kindBool:
		return v.isTrue(), true
	case kindJSON:
		return document(v.s)
	case kindArray:
		out := make([]any, len(v.elems))
		for i, e := range v.elems {
			x, ok := jsonOf(e)
			if !ok {
				return nil, false
			}
			out[i] = x
		}
		return out, true
	}
	return nil, false
}

// jsonExists is ?: a string among an array's members, a key of an object, or a string itself.
func jsonExists(v []value) (value, outcome) {
	x, ok := document(v[0].s)
	if !ok || v[1].k != kindText {
		return null, opaque
	}
	return boolean(hasName(x, v[1].s)), done
}

func hasName(x any, name string) bool {
	switch x := x.(type) {
	case map[string]any:
		_, ok := x[name]
		return ok
	case []any:
		for _, e := range x {
			if s, ok := e.(string); ok && s == name {
				return true
			}
		}
	case string:
		return x == name
	}
	return false
}

func jsonExistsAny(v []value) (value, outcome) {
	x, ok := document(v[0].s)
	if !ok || v[1].k != kindArray {
		return null, opaque
	}
	for _, e := range v[1].elems {
		if !e.null && hasName(x, e.s) {
			return trueV, done
		}
	}
	return falseV, done
}

// jsonContains is @>. At the top an array contains a scalar that is one of its members.
func jsonContains(v []value) (value, outcome) {
	whole, okW := document(v[0].s)
	part, okP := document(v[1].s)
	if !okW || !okP {
		return null, opaque
	}
	if list, ok := whole.([]any); ok {
		switch part.(type) {
		case map[string]any:
			return falseV, done
		case []any:
		default:
			return boolean(memberOf(list, part)), done
		}
	}
	return boolean(containsJSON(whole, part)), done
}

func memberOf(list []any, x any) bool {
	for _, e := range list {
		if containsJSON(e, x) {
			return true
		}
	}
	return false
}

func containsJSON(whole, part any) bool {
	switch part := part.(type) {
	case map[string]any:
		in, ok := whole.(map[string]any)
		for k, x := range part {
			y, there := in[k]
			ok = ok && there && containsJSON(y, x)
		}
		return ok
	case []any:
		in, ok := whole.([]any)
		for _, x := range part {
			ok = ok && memberOf(in, x)
		}
		return ok
	}
	return sameJSON(whole, part)
}

// sameJSON is jsonb's equality: numbers by value, objects without regard to order.
func sameJSON(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, okX := new(big.Rat).SetString(string(a))
		y, okY := new(big.Rat).SetString(string(b))
		return okX && okY && x.Cmp(y) == 0
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, x := range a {
			if y, ok := b[k]; !ok || !sameJSON(x, y) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !sameJSON(a[i], b[i]) {
				return false
			}
		}
		return true
	}
	return a == b
}

// equalDocuments compares two documents as jsonb does.
func equalDocuments(a, b string) bool {
	x, okX := document(a)
	y, okY := document(b)
	return okX && okY && sameJSON(x, y)
}

// learnDocument notes the members that a constant document names, under the path at which it is looked for.
func (g *group) learnDocument(s string, at []string) {
	x, ok := document(s)
	if ok {
		g.learnMember(x, at)
	}
}

func (g *group) learnMember(x any, at []string) {
	g.literals = append(g.literals, x)
	switch x := x.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			path := append(append([]string(nil), at...), k)
			g.paths = append(g.paths, path)
			g.learnMember(x[k], path)
		}
	case []any:
		for _, y := range x {
			if s, ok := y.(string); ok {
				g.consts = append(g.consts, text(s))
			}
		}
	case string:
		g.consts = append(g.consts, text(x))
	case json.Number:
		g.consts = append(g.consts, value{k: kindNum, s: string(x)})
	}
}

// learnJSON notes what a function over documents looks for.
func (g *group) learnJSON(x *node) {
	switch x.fn.name {
	case "to_jsonb":
		g.jsonNumbers = g.jsonNumbers || x.args[0].t.kind == kindNum
	case "jsonb_exists", "jsonb_exists_any", "jsonb_contains", "jsonb_contained":
		whole, part := x.args[0], x.args[1]
		if x.fn.name == "jsonb_contained" {
			whole, part = part, whole
		}
		var at []string
		if whole.op == opCall && whole.fn.path != nil {
			at = wholePath(whole)
		}
		switch {
		case part.op == opConst && part.val.k == kindJSON:
			g.learnDocument(part.val.s, at)
		case part.op == opConst && part.val.k == kindText:
			g.literals = append(g.literals, []any{part.val.s}, part.val.s)
			g.paths = append(g.paths, append(append([]string(nil), at...), part.val.s))
		}
		g.elems = g.elems || part.op != opConst
	}
}
