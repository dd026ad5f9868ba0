package decide

import (
	"math/big"
	"strconv"
	"strings"
)

// A kind is a family of SQL types whose values the evaluator can tell apart.
type kind uint8

const (
	kindOther  kind = iota // equality only, by text
	kindText               // text, varchar, name, enums
	kindBpchar             // char(n): trailing blanks do not count
	kindCitext             // case does not count
	kindUUID
	kindNum
	kindBool
	kindJSON
	kindArray
	kindRow
)

// A value is one SQL value in output form. The zero value is not NULL: use null.
type value struct {
	k     kind
	null  bool
	s     string
	elems []value
	// fresh is the rank of a value that stands for "any other", from 1; 0 is a value with a meaning of its own.
	fresh uint8
}

var (
	null      = value{null: true}
	trueV     = value{k: kindBool, s: "true"}
	falseV    = value{k: kindBool, s: "false"}
	emptyText = value{k: kindText}
)

func text(s string) value { return value{k: kindText, s: s} }

func boolean(b bool) value {
	if b {
		return trueV
	}
	return falseV
}

func number(i int64) value { return value{k: kindNum, s: strconv.FormatInt(i, 10)} }

func (v value) isTrue() bool  { return !v.null && v.k == kindBool && v.s == "true" }
func (v value) isFalse() bool { return !v.null && v.k == kindBool && v.s == "false" }

// order compares two values of one kind that are not NULL; ok is false where the order is not known (text collates by the
// server's rules; equality is still told).
func order(a, b value) (cmp int, ok bool) {
	switch {
	case a.k == kindNum && b.k == kindNum:
		return orderNumbers(a.s, b.s), true
	case a.k == kindUUID && b.k == kindUUID, a.k == kindBool && b.k == kindBool:
		return strings.Compare(a.s, b.s), true
	}
	if equal(a, b) {
		return 0, true
	}
	if a.k == kindOther && b.k == kindOther && isDay(a.s) && isDay(b.s) && a.s[:10] != b.s[:10] {
		return strings.Compare(a.s, b.s), true
	}
	return strings.Compare(a.s, b.s), plainOrder(a.s) && plainOrder(b.s)
}

// isDay reports whether a string begins with a day, as dates and timestamps do.
func isDay(s string) bool {
	if len(s) < 10 {
		return false
	}
	for i := range 10 {
		if (i == 4 || i == 7) != (s[i] == '-') || i != 4 && i != 7 && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}

// plainOrder reports whether every collation in use orders such strings alike: lower-case letters only.
func plainOrder(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return true
}

func orderNumbers(a, b string) int {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	if errX == nil && errY == nil {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	p, okP := new(big.Rat).SetString(a)
	q, okQ := new(big.Rat).SetString(b)
	if !okP || !okQ {
		return strings.Compare(a, b)
	}
	return p.Cmp(q)
}

// equal is the type's own equality of two values that are not NULL.
func equal(a, b value) bool {
	switch {
	case a.k == kindBpchar || b.k == kindBpchar:
		return strings.TrimRight(a.s, " ") == strings.TrimRight(b.s, " ")
	case a.k == kindCitext || b.k == kindCitext:
		//lint:ignore SA6005 citext compares what lower() gives, which is not Unicode's folding
		return strings.ToLower(a.s) == strings.ToLower(b.s)
	case a.k == kindJSON && b.k == kindJSON:
		return a.s == b.s || equalDocuments(a.s, b.s)
	case a.k == kindNum && b.k == kindNum:
		return a.s == b.s || orderNumbers(a.s, b.s) == 0
	case a.k == kindArray && b.k == kindArray, a.k == kindRow && b.k == kindRow:
		if len(a.elems) != len(b.elems) {
			return false
		}
		for i := range a.elems {
			if !same(a.elems[i], b.elems[i]) {
				return false
			}
		}
		return true
	}
	return a.s == b.s
}

// same is equality in which NULL equals NULL.
func same(a, b value) bool {
	if a.null || b.null {
		return a.null && b.null
	}
	return equal(a, b)
}

// sameTenant reports whether a row's key and a value from the context name one tenant: the same bytes, or two spellings of
// one uuid or of one number. It is identity, whatever operator a policy uses.
func sameTenant(key, ctx value) bool {
	if key.null || ctx.null {
		return false
	}
	a, b := key.s, ctx.s
	if key.k == kindBpchar || ctx.k == kindBpchar {
		a, b = strings.TrimRight(a, " "), strings.TrimRight(b, " ")
	}
	if a == b {
		return true
	}
	if x, ok := parseUUID(a); ok {
		y, ok := parseUUID(b)
		return ok && x == y
	}
	x, okX := parseInt(a)
	y, okY := parseInt(b)
	if okX && okY || key.k != kindNum && ctx.k != kindNum {
		return okX && okY && x == y
	}
	x, okX, _ = parseNumeric(a)
	y, okY, _ = parseNumeric(b)
	return okX && okY && x == y
}

// output is a value's text form, as the server prints it.
func (v value) output() string {
	switch v.k {
	case kindArray:
		return arrayText(v.elems)
	case kindRow:
		parts := make([]string, len(v.elems))
		for i, e := range v.elems {
			if !e.null {
				parts[i] = e.output()
			}
		}
		return "(" + strings.Join(parts, ",") + ")"
	}
	return v.s
}
