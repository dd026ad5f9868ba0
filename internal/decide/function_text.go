package decide

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// functions are the functions of pg_catalog that can be run, by name. Operators are here by their function's name.
var functions = map[string]function{
	"lower":           {name: "lower", args: 1, strict: true, lossy: true, exact: true, run: mapASCII(strings.ToLower)},
	"upper":           {name: "upper", args: 1, strict: true, lossy: true, exact: true, run: mapASCII(strings.ToUpper)},
	"btrim":           {name: "btrim", args: 1, strict: true, lossy: true, exact: true, run: mapText(func(s string) string { return strings.Trim(s, " ") })},
	"ltrim":           {name: "ltrim", args: 1, strict: true, lossy: true, exact: true, run: mapText(func(s string) string { return strings.TrimLeft(s, " ") })},
	"rtrim":           {name: "rtrim", args: 1, strict: true, lossy: true, exact: true, run: mapText(func(s string) string { return strings.TrimRight(s, " ") })},
	"length":          {name: "length", args: 1, strict: true, lossy: true, run: textLength},
	"char_length":     {name: "char_length", args: 1, strict: true, lossy: true, run: textLength},
	"md5":             {name: "md5", args: 1, strict: true, collide: collidingMD5, run: hashText(func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) })},
	"hashtext":        {name: "hashtext", args: 1, strict: true, lossy: true, hash: true, collide: collidingText, run: hashText32},
	"textcat":         {name: "textcat", args: 2, strict: true, run: concatenate},
	"textlike":        {name: "textlike", args: 2, strict: true, pattern: true, like: true, refuses: true, run: like(func(s string) string { return s }, true)},
	"textnlike":       {name: "textnlike", args: 2, strict: true, pattern: true, like: true, refuses: true, run: like(func(s string) string { return s }, false)},
	"texticlike":      {name: "texticlike", args: 2, strict: true, pattern: true, like: true, caseless: true, refuses: true, run: like(strings.ToLower, true)},
	"texticnlike":     {name: "texticnlike", args: 2, strict: true, pattern: true, like: true, caseless: true, refuses: true, run: like(strings.ToLower, false)},
	"like":            {name: "like", args: 2, strict: true, pattern: true, like: true, refuses: true, run: like(func(s string) string { return s }, true)},
	"notlike":         {name: "notlike", args: 2, strict: true, pattern: true, like: true, refuses: true, run: like(func(s string) string { return s }, false)},
	"starts_with":     {name: "starts_with", args: 2, strict: true, pattern: true, refuses: true, run: startsWith},
	"textregexeq":     {name: "textregexeq", args: 2, strict: true, pattern: true, regex: true, refuses: true, run: regex(true)},
	"textregexne":     {name: "textregexne", args: 2, strict: true, pattern: true, regex: true, refuses: true, run: regex(false)},
	"texticregexeq":   {name: "texticregexeq", args: 2, strict: true, pattern: true, regex: true, caseless: true, refuses: true, run: foldedRegex(true)},
	"texticregexne":   {name: "texticregexne", args: 2, strict: true, pattern: true, regex: true, caseless: true, refuses: true, run: foldedRegex(false)},
	"initcap":         {name: "initcap", args: 1, strict: true, lossy: true, run: mapASCII(titled)},
	"translate":       {name: "translate", args: 3, strict: true, lossy: true, run: translated},
	"left":            {name: "left", args: 2, strict: true, lossy: true, pattern: true, cuts: true, run: leftText},
	"right":           {name: "right", args: 2, strict: true, lossy: true, pattern: true, run: rightText},
	"reverse":         {name: "reverse", args: 1, strict: true, run: mapText(reversed)},
	"substr":          {name: "substr", args: -1, strict: true, lossy: true, pattern: true, cuts: true, run: substring},
	"substring":       {name: "substring", args: -1, strict: true, lossy: true, pattern: true, cuts: true, run: substring},
	"replace":         {name: "replace", args: 3, strict: true, lossy: true, run: replaceText},
	"strpos":          {name: "strpos", args: 2, strict: true, pattern: true, finds: true, run: position},
	"position":        {name: "position", args: 2, strict: true, pattern: true, finds: true, run: position},
	"split_part":      {name: "split_part", args: 3, strict: true, extract: true, run: splitPart},
	"string_to_array": {name: "string_to_array", args: 2, run: stringToArray},
	"array_length":    {name: "array_length", args: 2, strict: true, run: arrayLength},
	"cardinality":     {name: "cardinality", args: 1, strict: true, run: cardinality},
	"array_position":  {name: "array_position", args: 2, holds: true, run: arrayPosition},
	"arraycontains":   {name: "arraycontains", args: 2, strict: true, holds: true, run: arrayContains},
	"arraycontained":  {name: "arraycontained", args: 2, strict: true, holds: true, run: swapped(arrayContains)},
	"arrayoverlap":    {name: "arrayoverlap", args: 2, strict: true, holds: true, run: arrayOverlap},
	"array_remove":    {name: "array_remove", args: 2, run: arrayRemove},
	"booleq":          {name: "booleq", args: 2, strict: true, run: func(v []value) (value, outcome) { return boolean(v[0].s == v[1].s), done }},
	"int4pl":          {name: "int4pl", args: 2, strict: true, run: arithmetic((*big.Int).Add, 32)},
	"int4mi":          {name: "int4mi", args: 2, strict: true, run: arithmetic((*big.Int).Sub, 32)},
	"int4mod":         {name: "int4mod", args: 2, strict: true, lossy: true, step: true, run: arithmetic((*big.Int).Rem, 32)},
	"int4div":         {name: "int4div", args: 2, strict: true, lossy: true, run: arithmetic((*big.Int).Quo, 32)},
	"int4and":         {name: "int4and", args: 2, strict: true, lossy: true, run: bitwise((*big.Int).And)},
	"int8and":         {name: "int8and", args: 2, strict: true, lossy: true, run: bitwise((*big.Int).And)},
	"int4or":          {name: "int4or", args: 2, strict: true, lossy: true, run: bitwise((*big.Int).Or)},
	"int8or":          {name: "int8or", args: 2, strict: true, lossy: true, run: bitwise((*big.Int).Or)},
	"int8pl":          {name: "int8pl", args: 2, strict: true, run: arithmetic((*big.Int).Add, 64)},
	"int8mi":          {name: "int8mi", args: 2, strict: true, run: arithmetic((*big.Int).Sub, 64)},
	"int8mod":         {name: "int8mod", args: 2, strict: true, lossy: true, step: true, run: arithmetic((*big.Int).Rem, 64)},
	"round":           {name: "round", args: 1, strict: true, lossy: true, rounds: true, run: rounded},
	"floor":           {name: "floor", args: 1, strict: true, lossy: true, rounds: true, run: whole},
	"trunc":           {name: "trunc", args: 1, strict: true, lossy: true, rounds: true, run: whole},
	"sha256hex":       {name: "sha256hex", args: 1, strict: true, collide: collidingSHA256, run: hashText(func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) })},
}

func mapText(f func(string) string) func([]value) (value, outcome) {
	return func(v []value) (value, outcome) {
		if v[0].k == kindArray || v[0].k == kindOther {
			return null, opaque
		}
		return value{k: kindText, s: f(stringOf(v[0]))}, done
	}
}

// mapASCII is mapText where letters beyond ASCII depend on the collation.
func mapASCII(f func(string) string) func([]value) (value, outcome) {
	run := mapText(f)
	return func(v []value) (value, outcome) {
		for i := range len(v[0].s) {
			if v[0].s[i] >= utf8.RuneSelf && f(v[0].s) != v[0].s {
				return null, opaque
			}
		}
		return run(v)
	}
}

func hashText(f func(string) string) func([]value) (value, outcome) {
	return func(v []value) (value, outcome) {
		if v[0].k != kindText {
			return null, opaque
		}
		return text(f(v[0].s)), done
	}
}

func textLength(v []value) (value, outcome) {
	if v[0].k != kindText && v[0].k != kindBpchar {
		return null, opaque
	}
	return number(int64(utf8.RuneCountInString(stringOf(v[0])))), done
}

func concatenate(v []value) (value, outcome) { return text(stringOf(v[0]) + stringOf(v[1])), done }

func startsWith(v []value) (value, outcome) { return boolean(strings.HasPrefix(v[0].s, v[1].s)), done }

func leftText(v []value) (value, outcome) {
	n, err := strconv.Atoi(v[1].s)
	r := []rune(v[0].s)
	if err != nil {
		return null, opaque
	}
	if n < 0 {
		n = max(0, len(r)+n)
	}
	return text(string(r[:min(n, len(r))])), done
}

// titled is initcap of ASCII.
func titled(s string) string {
	out, inWord := []byte(s), false
	for i, b := range out {
		letter := b|0x20 >= 'a' && b|0x20 <= 'z'
		switch {
		case letter && inWord:
			out[i] = b | 0x20
		case letter:
			out[i] = b &^ 0x20
		}
		inWord = letter || b >= '0' && b <= '9' || b >= utf8.RuneSelf
	}
	return string(out)
}

func translated(v []value) (value, outcome) {
	from, to := []rune(v[1].s), []rune(v[2].s)
	return text(strings.Map(func(r rune) rune {
		switch i := slices.Index(from, r); {
		case i < 0:
			return r
		case i < len(to):
			return to[i]
		}
		return -1
	}, stringOf(v[0]))), done
}

func rightText(v []value) (value, outcome) {
	n, err := strconv.Atoi(v[1].s)
	r := []rune(v[0].s)
	if err != nil {
		return null, opaque
	}
	if n < 0 {
		n = max(0, len(r)+n)
	}
	return text(string(r[len(r)-min(n, len(r)):])), done
}

func reversed(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

func substring(v []value) (value, outcome) {
	if len(v) < 2 || v[0].k != kindText || v[1].k != kindNum {
		return null, opaque
	}
	r := []rune(v[0].s)
	from, err := strconv.Atoi(v[1].s)
	if err != nil {
		return null, opaque
	}
	to := len(r) + 1
	if len(v) == 3 {
		n, err := strconv.Atoi(v[2].s)
		if err != nil || n > 1<<30 {
			return null, opaque
		}
		if n < 0 {
			return null, raised
		}
		to = min(to, from+n)
	}
	from = max(from, 1)
	if to <= from {
		return emptyText, done
	}
	return text(string(r[from-1 : to-1])), done
}

func replaceText(v []value) (value, outcome) {
	if v[1].s == "" {
		return v[0], done
	}
	return text(strings.ReplaceAll(v[0].s, v[1].s, v[2].s)), done
}

func position(v []value) (value, outcome) {
	i := strings.Index(v[0].s, v[1].s)
	if i < 0 {
		return number(0), done
	}
	return number(int64(utf8.RuneCountInString(v[0].s[:i]) + 1)), done
}

func splitPart(v []value) (value, outcome) {
	n, err := strconv.Atoi(v[2].s)
	if err != nil || n < 0 {
		return null, opaque
	}
	if n == 0 {
		return null, raised
	}
	if v[1].s == "" {
		if n == 1 {
			return text(v[0].s), done
		}
		return emptyText, done
	}
	parts := strings.Split(v[0].s, v[1].s)
	if n > len(parts) {
		return emptyText, done
	}
	return text(parts[n-1]), done
}

// whole takes the fraction of a number that is not negative away.
func whole(v []value) (value, outcome) {
	s, _, _ := strings.Cut(v[0].s, ".")
	if v[0].k != kindNum || strings.HasPrefix(s, "-") || s == "" || s == "NaN" || s == "Infinity" {
		return null, opaque
	}
	return value{k: kindNum, s: s}, done
}

// rounded is a number without its fraction, half away from zero.
func rounded(v []value) (value, outcome) {
	out, how := roundTo(v[0].s, sqlType{bits: 64})
	if v[0].k != kindNum || how != done {
		return null, opaque
	}
	return out, done
}

// integers are two numbers without a fraction.
func integers(v []value) (x, y *big.Int, ok bool) {
	x, okX := new(big.Int).SetString(v[0].s, 10)
	y, okY := new(big.Int).SetString(v[1].s, 10)
	return x, y, okX && okY
}

func arithmetic(f func(z, x, y *big.Int) *big.Int, bits int) func([]value) (value, outcome) {
	return func(v []value) (value, outcome) {
		x, y, ok := integers(v)
		if !ok {
			return null, opaque
		}
		var z big.Int
		if y.Sign() == 0 { // only division and remainder fail on it; adding 0 is left to the server too
			return null, opaque
		}
		f(&z, x, y)
		if z.BitLen() > bits-1 {
			return null, raised
		}
		return value{k: kindNum, s: z.String()}, done
	}
}

// bitwise makes an operator on the bits of two numbers, which fits where they do.
func bitwise(f func(z, x, y *big.Int) *big.Int) func([]value) (value, outcome) {
	return func(v []value) (value, outcome) {
		x, y, ok := integers(v)
		if !ok {
			return null, opaque
		}
		var z big.Int
		return value{k: kindNum, s: f(&z, x, y).String()}, done
	}
}
