package decide

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

// regex is ~ for the two patterns whose meaning needs no engine: the empty one and ".*"; each matches everything. A pattern
// of letters and digits alone is a search for itself.
func regex(want bool) func([]value) (value, outcome) {
	return func(v []value) (value, outcome) {
		switch p := v[1].s; {
		case v[0].k != kindText || v[1].k != kindText:
			return null, opaque
		case p == "" || p == ".*":
			return boolean(want), done
		case isWord(p):
			r, how := position(v)
			return boolean((r.s != "0") == want), how
		}
		return null, opaque
	}
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
