package attack

import (
	"regexp/syntax"
	"strings"
)

// matching draws a text that a regular expression accepts. Only what Go and PostgreSQL write alike is understood; the rest
// reports false.
func (v *values) matching(pattern string) (string, bool) {
	re, err := syntax.Parse(strings.ReplaceAll(pattern, `\m`, ""), syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	if !v.emit(&b, re.Simplify(), 0) {
		return "", false
	}
	return b.String(), true
}

// emit writes a text for one node; false where there is none.
func (v *values) emit(b *strings.Builder, re *syntax.Regexp, depth int) bool {
	if depth > 64 || b.Len() > 10000 {
		return false
	}
	switch re.Op {
	case syntax.OpNoMatch:
		return false
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(v.fromClass(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpPlus, syntax.OpStar, syntax.OpRepeat:
		return v.repeat(b, re, depth)
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			if !v.emit(b, sub, depth+1) {
				return false
			}
		}
	case syntax.OpAlternate:
		return v.emit(b, re.Sub[v.random.IntN(len(re.Sub))], depth+1)
	}
	return true // anchors, boundaries, empty matches and what is optional
}

// repeat writes the least number that is allowed, a few more where more are, so that two draws differ.
func (v *values) repeat(b *strings.Builder, re *syntax.Regexp, depth int) bool {
	n := 6
	if re.Op == syntax.OpRepeat {
		n = re.Min
		if re.Max > re.Min {
			n += v.random.IntN(min(re.Max-re.Min, 6) + 1)
		}
	}
	for range n {
		if !v.emit(b, re.Sub[0], depth+1) {
			return false
		}
	}
	return true
}

// fromClass draws a printable character of a class given as pairs of bounds.
func (v *values) fromClass(pairs []rune) rune {
	var printable []rune
	for i := 0; i+1 < len(pairs); i += 2 {
		for r := max(pairs[i], '!'); r <= min(pairs[i+1], '~'); r++ {
			printable = append(printable, r)
		}
	}
	if len(printable) > 0 {
		return printable[v.random.IntN(len(printable))]
	}
	if len(pairs) > 0 {
		return pairs[0]
	}
	return 'a'
}
