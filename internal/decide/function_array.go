package decide

import (
	"strconv"
	"strings"
)

var subscriptFunction = function{name: "subscript", args: 2, strict: true, extract: true, run: func(v []value) (value, outcome) {
	i, err := strconv.Atoi(v[1].s)
	if err != nil || v[0].k != kindArray {
		return null, opaque
	}
	if i < 1 || i > len(v[0].elems) {
		return null, done
	}
	return v[0].elems[i-1], done
}}

func minMax(greatest bool) *function {
	return &function{name: "minmax", ordered: true, args: -1, run: func(v []value) (value, outcome) {
		out := null
		for _, x := range v {
			if x.null {
				continue
			}
			if out.null {
				out = x
				continue
			}
			c, ok := order(x, out)
			if !ok {
				return null, opaque
			}
			if c > 0 == greatest && c != 0 {
				out = x
			}
		}
		return out, done
	}}
}

func stringToArray(v []value) (value, outcome) {
	if v[0].null {
		return null, done
	}
	out := value{k: kindArray, fresh: v[0].fresh}
	switch {
	case v[0].s == "":
		return out, done
	case v[1].null:
		for _, r := range v[0].s {
			out.elems = append(out.elems, text(string(r)))
		}
	case v[1].s == "":
		out.elems = []value{text(v[0].s)}
	default:
		for _, p := range strings.Split(v[0].s, v[1].s) {
			out.elems = append(out.elems, text(p))
		}
	}
	return out, done
}

func arrayLength(v []value) (value, outcome) {
	if v[1].s != "1" || len(v[0].elems) == 0 {
		return null, done
	}
	return number(int64(len(v[0].elems))), done
}

func cardinality(v []value) (value, outcome) { return number(int64(len(v[0].elems))), done }

func arrayPosition(v []value) (value, outcome) {
	if v[0].null {
		return null, done
	}
	for i, e := range v[0].elems {
		if same(e, v[1]) {
			return number(int64(i + 1)), done
		}
	}
	return null, done
}

func arrayRemove(v []value) (value, outcome) {
	if v[0].null {
		return null, done
	}
	out := value{k: kindArray}
	for _, e := range v[0].elems {
		if !same(e, v[1]) {
			out.elems = append(out.elems, e)
		}
	}
	return out, done
}

// holdsElement is equality that NULL never fulfils, as @> and && have it.
func holdsElement(a, e value) bool {
	for _, x := range a.elems {
		if !x.null && !e.null && equal(x, e) {
			return true
		}
	}
	return false
}

func arrayContains(v []value) (value, outcome) {
	for _, e := range v[1].elems {
		if !holdsElement(v[0], e) {
			return falseV, done
		}
	}
	return trueV, done
}

func arrayOverlap(v []value) (value, outcome) {
	for _, e := range v[1].elems {
		if holdsElement(v[0], e) {
			return trueV, done
		}
	}
	return falseV, done
}

func swapped(f func([]value) (value, outcome)) func([]value) (value, outcome) {
	return func(v []value) (value, outcome) { return f([]value{v[1], v[0]}) }
}
