package decide

import "strings"

// like is LIKE with the default escape, matched after fold; ASCII only where fold changes letters.
func like(fold func(string) string, want bool) func([]value) (value, outcome) {
	return func(v []value) (value, outcome) {
		if v[0].k != kindText || v[1].k != kindText {
			return null, opaque
		}
		ok, how := likeMatch([]rune(fold(v[0].s)), []rune(fold(v[1].s)))
		if how != done {
			return null, how
		}
		return boolean(ok == want), done
	}
}

func likeMatch(s, p []rune) (bool, outcome) {
	for i, r := range p {
		if r == '\\' && i == len(p)-1 && (i == 0 || p[i-1] != '\\') {
			return false, raised // pattern must not end with escape
		}
	}
	for len(p) > 0 {
		switch p[0] {
		case '%':
			for i := 0; i <= len(s); i++ {
				if ok, how := likeMatch(s[i:], p[1:]); ok || how != done {
					return ok, how
				}
			}
			return false, done
		case '\\':
			p = p[1:]
			if len(p) == 0 {
				return false, raised
			}
			if len(s) == 0 || s[0] != p[0] {
				return false, done
			}
		case '_':
			if len(s) == 0 {
				return false, done
			}
		default:
			if len(s) == 0 || s[0] != p[0] {
				return false, done
			}
		}
		s, p = s[1:], p[1:]
	}
	return len(s) == 0, done
}

// regex is ~ for the patterns whose meaning needs no engine: the empty one and ".*", which match everything, and letters and digits, which
// are a search for themselves, at the beginning after ^ and at the end before $.
func regex(want bool) func([]value) (value, outcome) {
	return func(v []value) (value, outcome) {
		if v[0].k != kindText || v[1].k != kindText {
			return null, opaque
		}
		p, first := strings.CutPrefix(v[1].s, "^")
		p, last := strings.CutSuffix(p, "$")
		if p == ".*" {
			p, first, last = "", false, false
		}
		if p != "" && !isWord(p) {
			return null, opaque
		}
		hit := strings.Contains(v[0].s, p)
		switch {
		case first && last:
			hit = v[0].s == p
		case first:
			hit = strings.HasPrefix(v[0].s, p)
		case last:
			hit = strings.HasSuffix(v[0].s, p)
		}
		return boolean(hit == want), done
	}
}

// foldedRegex is ~*, of ASCII.
func foldedRegex(want bool) func([]value) (value, outcome) {
	match := regex(want)
	return func(v []value) (value, outcome) {
		if v[0].k != kindText || v[1].k != kindText || !ascii(v[0].s) || !ascii(v[1].s) {
			return null, opaque
		}
		return match([]value{text(strings.ToLower(v[0].s)), text(strings.ToLower(v[1].s))})
	}
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func isWord(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return s != ""
}

// alphabets are the characters of a type's text form.
var alphabets = map[kind]string{kindUUID: "0123456789abcdef-", kindBool: "truefals"}

const digits = "-0123456789"

// never reports whether a pattern asks for a character that the text of what it is held against never has: the text of a number has
// no letters.
func never(f *function, args []*node) bool {
	subject, pattern := args[0], args[1]
	if subject.op != opConvert || subject.to.kind != kindText || pattern.op != opConst || pattern.val.null {
		return false
	}
	from := subject.args[0].t
	letters := alphabets[from.kind]
	if from.kind == kindNum && from.bits > 0 {
		letters = digits
	}
	asked := pattern.val.s
	if f.caseless {
		asked = strings.ToLower(asked)
	}
	if f.regex {
		asked = strings.TrimSuffix(strings.TrimPrefix(asked, "^"), "$")
		return letters != "" && isWord(asked) && strings.Trim(asked, letters) != ""
	}
	return letters != "" && !strings.Contains(asked, `\`) && strings.Trim(asked, letters+"%_") != ""
}

// unlike is what LIKE or ~, or its negation, says where nothing matches.
func (f *function) unlike() value {
	v, _ := f.run([]value{text("a"), text("b")})
	return v
}
