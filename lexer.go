package ringfence

import "strings"

// tokenKind is what kind of thing a token of SQL is.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a keyword or an identifier without quotes
	tokenQuoted           // a quoted identifier; text is what stands between the quotes, doubled quotes as they are
	tokenString           // a plain string constant '…' without escapes; text is what stands between the quotes
	tokenOpaque           // a string constant of another form, a dollar quote, a Unicode identifier
	tokenSymbol           // one byte of anything else
)

// lexer splits a statement as PostgreSQL does where standard_conforming_strings is on, which Check makes sure of. It
// allocates nothing. What never ends (an open quote or comment) ends with the text: the server refuses it anyway.
type lexer struct {
	sql  string
	at   int
	kind tokenKind
	text string
}

// next reads one token, and reports whether there was one.
func (l *lexer) next() bool {
	l.skip()
	if l.at >= len(l.sql) {
		l.kind, l.text = tokenEnd, ""
		return false
	}
	c := l.sql[l.at]
	switch {
	case c == '\'':
		l.text, l.kind = l.quoted('\'', false), tokenString
	case c == '"':
		l.text, l.kind = l.quoted('"', false), tokenQuoted
	case c == '$':
		l.dollar()
	case isWordStart(c):
		l.word()
	case isDigit(c):
		// Digits only: what letters follow is read as a word, as servers before 15 do (1E'…' is a number and a string there).
		start := l.at
		for l.at < len(l.sql) && isDigit(l.sql[l.at]) {
			l.at++
		}
		l.kind, l.text = tokenSymbol, l.sql[start:l.at]
	default:
		l.kind, l.text = tokenSymbol, l.sql[l.at:l.at+1]
		l.at++
	}
	return true
}

// skip passes white space and comments; comments of the second form nest.
func (l *lexer) skip() {
	for l.at < len(l.sql) {
		rest := l.sql[l.at:]
		switch {
		case strings.IndexByte(" \t\n\r\f\v", rest[0]) >= 0:
			l.at++
		case strings.HasPrefix(rest, "--"):
			end := strings.IndexAny(rest, "\n\r")
			if end < 0 {
				end = len(rest)
			}
			l.at += end
		case strings.HasPrefix(rest, "/*"):
			l.comment()
		default:
			return
		}
	}
}

func (l *lexer) comment() {
	depth := 0
	for l.at < len(l.sql) {
		switch rest := l.sql[l.at:]; {
		case strings.HasPrefix(rest, "/*"):
			depth++
			l.at += 2
		case strings.HasPrefix(rest, "*/"):
			depth--
			l.at += 2
			if depth == 0 {
				return
			}
		default:
			l.at++
		}
	}
}

// quoted reads what stands between two quotes; a doubled quote, and where escapes is set a backslash, takes the next
// character with it.
func (l *lexer) quoted(quote byte, escapes bool) string {
	l.at++
	start := l.at
	for l.at < len(l.sql) {
		switch {
		case escapes && l.sql[l.at] == '\\':
			l.at = min(l.at+2, len(l.sql))
		case l.sql[l.at] != quote:
			l.at++
		case l.at+1 < len(l.sql) && l.sql[l.at+1] == quote:
			l.at += 2
		default:
			l.at++
			return l.sql[start : l.at-1]
		}
	}
	return l.sql[start:]
}

// dollar reads a parameter ($1), or a dollar quote ($tag$ … $tag$).
func (l *lexer) dollar() {
	end := l.at + 1
	parameter := end < len(l.sql) && isDigit(l.sql[end])
	for end < len(l.sql) && isWordPart(l.sql[end]) && l.sql[end] != '$' && (!parameter || isDigit(l.sql[end])) {
		end++
	}
	if parameter || end >= len(l.sql) || l.sql[end] != '$' {
		l.kind, l.text = tokenSymbol, l.sql[l.at:end]
		l.at = end
		return
	}
	tag := l.sql[l.at : end+1]
	l.kind, l.text = tokenOpaque, tag
	body := l.sql[end+1:]
	close := strings.Index(body, tag)
	if close < 0 {
		l.at = len(l.sql)
		return
	}
	l.at = end + 1 + close + len(tag)
}

// word reads a keyword or identifier, or a string constant or identifier whose form a prefix names: E, B, X, N,
// U&.
func (l *lexer) word() {
	rest := l.sql[l.at:]
	if len(rest) > 2 && (rest[0] == 'u' || rest[0] == 'U') && rest[1] == '&' && (rest[2] == '"' || rest[2] == '\'') {
		l.at += 2
		l.quoted(rest[2], false)
		l.kind, l.text = tokenOpaque, `U&`+rest[2:3]
		return
	}
	if len(rest) > 1 && rest[1] == '\'' && strings.IndexByte("eEbBxXnN", rest[0]) >= 0 {
		l.at++
		l.quoted('\'', rest[0] == 'e' || rest[0] == 'E')
		l.kind, l.text = tokenOpaque, "E'"
		return
	}
	start := l.at
	for l.at < len(l.sql) && isWordPart(l.sql[l.at]) {
		l.at++
	}
	l.kind, l.text = tokenWord, l.sql[start:l.at]
}

func isWordStart(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

func isWordPart(c byte) bool { return isWordStart(c) || isDigit(c) || c == '$' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
