package migrations

import (
	"strings"
	"unicode/utf8"
)

// split cuts a script into statements at the semicolons that psql would cut at: not inside quotes, dollar quotes, comments,
// parentheses or a BEGIN ATOMIC body. The rows of COPY … FROM stdin and psql's backslash commands are left out, and reported.
// Numbers of lines count from first.
func split(file, text string, first int) ([]Statement, []Failure) {
	l := &lexer{file: file, text: text, line: first}
	for l.at < len(text) {
		l.step()
	}
	l.cut()
	return l.statements, l.left
}

// space is what PostgreSQL's scanner takes for white space (scan.l): any other byte, be it Unicode's space, is part of a word.
const space = " \t\n\r\f\v"

type lexer struct {
	file string
	text string
	at   int
	line int

	start     int // of the statement; -1 between two
	startLine int
	begun     bool
	parens    int
	atomic    int    // open BEGIN ATOMIC and CASE inside of one
	last      string // the word before, in lower case

	statements []Statement
	left       []Failure
}

// step takes one token.
func (l *lexer) step() {
	rest := l.text[l.at:]
	switch c := rest[0]; {
	case c == '\n':
		l.line++
		l.at++
	case strings.IndexByte(space, c) >= 0:
		l.at++
	case strings.HasPrefix(rest, "--"):
		l.take(lineEnd(rest))
	case strings.HasPrefix(rest, "/*"):
		l.take(commentEnd(rest))
	case c == '\\' && !l.begun:
		l.leave("psql's own command is not run")
	case c == ';' && l.parens == 0 && l.atomic == 0:
		l.cut()
		l.at++
	default:
		l.begin()
		l.token(rest)
	}
}

func (l *lexer) begin() {
	if !l.begun {
		l.begun, l.start, l.startLine = true, l.at, l.line
	}
}

// token takes one token of a statement.
func (l *lexer) token(rest string) {
	switch c := rest[0]; {
	case c == '\'':
		l.take(quoteEnd(rest, '\'', strings.EqualFold(l.last, "e") && l.at > 0 && isLetter(l.text[l.at-1])))
	case c == '"':
		l.take(quoteEnd(rest, '"', false))
	case c == '$':
		l.take(dollarEnd(rest))
	case c == '(':
		l.parens++
		l.at++
	case c == ')':
		l.parens = max(0, l.parens-1)
		l.at++
	case isLetter(c):
		l.word(rest)
		return
	default:
		l.at++
	}
	l.last = ""
}

// word follows BEGIN ATOMIC, and the CASE and END inside of it.
func (l *lexer) word(rest string) {
	n := 1
	for n < len(rest) && (isLetter(rest[n]) || rest[n] == '$' || '0' <= rest[n] && rest[n] <= '9') {
		n++
	}
	word := strings.ToLower(rest[:n])
	switch {
	case word == "atomic" && l.last == "begin", l.atomic > 0 && word == "case":
		l.atomic++
	case l.atomic > 0 && word == "end":
		l.atomic--
	}
	l.last = word
	l.at += n
}

// take moves on by n bytes and counts their lines.
func (l *lexer) take(n int) {
	l.line += strings.Count(l.text[l.at:l.at+n], "\n")
	l.at += n
}

// leave skips the line and says so.
func (l *lexer) leave(why string) {
	l.left = append(l.left, Failure{Place{l.file, l.line}, why})
	l.take(lineEnd(l.text[l.at:]))
}

// cut ends the statement, and skips the rows that follow a COPY FROM stdin.
func (l *lexer) cut() {
	if !l.begun {
		return
	}
	sql := strings.Trim(l.text[l.start:l.at], space)
	l.begun, l.parens, l.atomic, l.last = false, 0, 0, ""
	place := Place{l.file, l.startLine}
	if !copiesIn(sql) {
		l.statements = append(l.statements, Statement{place, sql})
		return
	}
	l.left = append(l.left, Failure{place, "rows of COPY are not loaded"})
	end := len(l.text)
	if i := strings.Index(l.text[l.at:], "\n\\."); i >= 0 {
		end = l.at + i + len("\n\\.")
	}
	l.take(max(0, end-l.at-1)) // the last byte is the semicolon's place: step goes over it
}

func copiesIn(sql string) bool {
	words := strings.Fields(strings.ToLower(sql))
	for i, w := range words {
		if i > 0 && words[0] == "copy" && w == "from" && i+1 < len(words) && strings.HasPrefix(words[i+1], "stdin") {
			return true
		}
	}
	return false
}

func lineEnd(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

// commentEnd returns the length of a comment, which may hold others.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// quoteEnd returns the length of a quoted text; a doubled quote stays inside, and where escapes count, so does \'.
func quoteEnd(s string, quote byte, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// dollarEnd returns the length of a dollar-quoted text, or 1 where the dollar begins none.
func dollarEnd(s string) int {
	n := 1
	for n < len(s) && (isLetter(s[n]) || n > 1 && '0' <= s[n] && s[n] <= '9') {
		n++
	}
	if n >= len(s) || s[n] != '$' {
		return 1
	}
	tag := s[:n+1]
	if i := strings.Index(s[len(tag):], tag); i >= 0 {
		return i + 2*len(tag)
	}
	return len(s)
}

func isLetter(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf
}
