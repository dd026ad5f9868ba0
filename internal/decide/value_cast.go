package decide

import (
	"encoding/json"
	"math/big"
	"strings"
)

// An outcome is what an evaluation step came to.
type outcome uint8

const (
	done   outcome = iota
	raised         // the server raises an error: the row is not returned and not written
	opaque         // this evaluator does not know
)

// convert casts a value to a type. An explicit cast cuts what is too long; any other raises.
func convert(v value, to sqlType, explicit bool) (value, outcome) {
	if v.null {
		if to.domain {
			return v, opaque
		}
		return v, done
	}
	out, how := convertTo(v, to, explicit)
	out.fresh = v.fresh
	if how == done && to.domain {
		return out, opaque // its checks are not read here
	}
	return out, how
}

func convertTo(v value, to sqlType, explicit bool) (value, outcome) {
	if v.k == kindOther {
		return v, opaque
	}
	switch to.kind {
	case kindText:
		return toText(v, to, explicit)
	case kindBpchar:
		return toBpchar(v, to, explicit)
	case kindCitext:
		return value{k: kindCitext, s: stringOf(v)}, done
	case kindUUID:
		if s, ok := parseUUID(stringOf(v)); ok {
			return value{k: kindUUID, s: s}, done
		}
		return null, raised
	case kindNum:
		return toNumber(v, to)
	case kindBool:
		return toBool(v)
	case kindArray:
		return toArray(v, to, explicit)
	case kindJSON:
		if v.k == kindJSON {
			return v, done
		}
		if (v.k == kindText || v.k == kindBpchar) && json.Valid([]byte(v.s)) {
			return value{k: kindJSON, s: v.s}, done
		}
		return null, raised
	}
	return v, opaque
}

// stringOf is a value on its way into text: char(n) loses its padding.
func stringOf(v value) string {
	if v.k == kindBpchar {
		return strings.TrimRight(v.s, " ")
	}
	return v.output()
}

func toText(v value, to sqlType, explicit bool) (value, outcome) {
	s := stringOf(v)
	if to.tree {
		switch ok, sure := validTree(s); {
		case !sure:
			return null, opaque
		case !ok:
			return null, raised
		}
	}
	if to.labels != nil {
		for _, l := range to.labels {
			if l == s {
				return text(s), done
			}
		}
		return null, raised
	}
	if to.length > 0 && to.name && len(s) > to.length {
		return text(cutBytes(s, to.length)), done
	}
	if r := []rune(s); to.length > 0 && len(r) > to.length {
		if !explicit && strings.TrimRight(string(r[to.length:]), " ") != "" {
			return null, raised
		}
		return text(string(r[:to.length])), done
	}
	return text(s), done
}

func cutBytes(s string, n int) string {
	for n > 0 && n < len(s) && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

func toBpchar(v value, to sqlType, explicit bool) (value, outcome) {
	r := []rune(v.output())
	if to.length > 0 && len(r) > to.length {
		if !explicit && strings.TrimRight(string(r[to.length:]), " ") != "" {
			return null, raised
		}
		r = r[:to.length]
	}
	return value{k: kindBpchar, s: string(r)}, done
}

func toNumber(v value, to sqlType) (value, outcome) {
	switch v.k {
	case kindBool:
		return number(int64(len("false") - len(v.s))), done
	case kindNum:
		return roundTo(v.s, to)
	}
	if to.bits > 0 {
		s, ok := parseInt(v.s)
		if !ok && mayBeInteger(v.s) {
			return null, opaque // 16 and later read 0x1f and 1_000; out of range is left to the server too
		}
		if !ok {
			return null, raised
		}
		return roundTo(s, to)
	}
	s, ok, known := parseNumeric(v.s)
	switch {
	case !known:
		return null, opaque
	case !ok:
		return null, raised
	}
	return value{k: kindNum, s: s}, done
}

// roundTo brings a number into an integer type: half away from zero, as numeric does; raised when out of range.
func roundTo(s string, to sqlType) (value, outcome) {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return null, opaque
	}
	if to.bits == 0 {
		return value{k: kindNum, s: s}, done
	}
	n := new(big.Int).Set(r.Num())
	if !r.IsInt() {
		half := big.NewRat(1, 2)
		if r.Sign() < 0 {
			half.Neg(half)
		}
		r.Add(r, half)
		n.Quo(r.Num(), r.Denom())
	}
	if to.bits == 33 && (n.Sign() < 0 || n.BitLen() > 32) || to.bits != 33 && n.BitLen() > to.bits-1 {
		return null, raised
	}
	return value{k: kindNum, s: n.String()}, done
}

// startsNumber reports whether a string may be a number in a form that is not read here.
func startsNumber(s string) bool {
	s = strings.TrimLeft(strings.Trim(s, " \t\n\v\f\r"), "+-")
	return s != "" && s[0] >= '0' && s[0] <= '9'
}

// mayBeInteger reports whether a string may be an integer in a form that is not read here: 0x1f, 1_000, one out of range.
func mayBeInteger(s string) bool {
	s = strings.TrimLeft(strings.Trim(s, " \t\n\v\f\r"), "+-")
	if len(s) > 1 && s[0] == '0' && strings.ContainsRune("xXoObB", rune(s[1])) {
		return true
	}
	return s != "" && strings.Trim(s, "0123456789_") == ""
}

func toBool(v value) (value, outcome) {
	switch v.k {
	case kindBool:
		return v, done
	case kindNum:
		return boolean(v.s != "0"), done
	case kindText, kindBpchar, kindCitext:
		if b, ok := parseBool(v.s); ok {
			return boolean(b), done
		}
		return null, raised
	}
	return null, opaque
}

func toArray(v value, to sqlType, explicit bool) (value, outcome) {
	elems := v.elems
	if v.k != kindArray {
		var ok bool
		if elems, ok = parseArray(v.s); !ok {
			if strings.ContainsAny(strings.Trim(v.s, " "), "[=") || strings.Count(v.s, "{") > 1 {
				return null, opaque // bounds, several dimensions
			}
			return null, raised
		}
	}
	out := value{k: kindArray, elems: make([]value, len(elems))}
	for i, e := range elems {
		c, how := convert(e, *to.elem, explicit)
		if how != done {
			return null, how
		}
		out.elems[i] = c
	}
	return out, done
}

// parse reads a constant's output form.
func parse(s string, t sqlType) (value, bool) {
	if t.kind == kindOther {
		return value{k: kindOther, s: s}, true
	}
	t.domain = false
	if t.kind == kindNum {
		if n, ok, known := parseNumeric(s); ok && known {
			return value{k: kindNum, s: n}, true
		}
		return null, false
	}
	v, how := convert(text(s), t, true)
	return v, how == done
}
