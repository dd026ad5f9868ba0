// Package visible keeps what stands in names and values from doing anything where it is shown: it cannot move a cursor, forge
// a line, hide, turn the text around it, or speak to the program that runs a build and reads its log for commands.
package visible

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line makes one line of a text: what cannot be seen in it becomes U+FFFD, and so does what is not UTF-8.
func Line(s string) string {
	return broken(strings.Map(func(r rune) rune {
		if hidden(r) {
			return utf8.RuneError
		}
		return r
	}, s))
}

// Text is Line for each of several lines.
func Text(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Start(Line(lines[i]))
	}
	return strings.Join(lines, "\n")
}

// Start keeps a line from beginning, behind blanks, with the colons that a runner takes for a command of its own.
func Start(line string) string {
	if rest := strings.TrimLeftFunc(line, unicode.IsSpace); strings.HasPrefix(rest, "::") {
		return line[:len(line)-len(rest)] + "\uFFFD" + rest
	}
	return line
}

// Page shows what cannot be seen in a page of many lines, whose own ends of lines and tabs stay, as Line does.
func Page(text []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && hidden(r) {
			return utf8.RuneError
		}
		return r
	}, text)
}

// JSON writes out, in a JSON text, what cannot be seen and what would be a command: the value stays the same.
func JSON(text []byte) []byte {
	if !bytes.ContainsFunc(text, hiddenInJSON) && !command.Match(text) {
		return text
	}
	out := make([]byte, 0, len(text)+len(text)/8)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case hiddenInJSON(r) && r > 0xffff:
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		case hiddenInJSON(r):
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, text[i:i+n]...)
		}
		i += n
	}
	return command.ReplaceAll(out, []byte(`#\u0023$1`))
}

// command is how runners of builds are spoken to from anywhere in a line: ##[error], ##vso[…], ##teamcity[…].
var command = regexp.MustCompile(`##(\w*\[)`)

func broken(s string) string {
	if !strings.Contains(s, "##") {
		return s
	}
	return command.ReplaceAllString(s, "#\uFFFD#$1")
}

// hidden reports whether a character has no picture of its own: controls, marks of direction and width, fillers, selectors.
func hidden(r rune) bool {
	return r < 0x20 || r >= 0x7f && (r < 0xa0 || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point))
}

// hiddenInJSON is hidden but for the white space between values.
func hiddenInJSON(r rune) bool { return r > ' ' && hidden(r) }
