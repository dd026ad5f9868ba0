package attack

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// What a CHECK's text is searched for. The text only suggests values; the server judges each.
var (
	quotedLiteral = regexp.MustCompile(`'((?:[^']|'')*)'`)
	bareNumber    = regexp.MustCompile(`(?:^|[^\w'.])(-?\d+(?:\.\d+)?)`)
	lengthOf      = regexp.MustCompile(`(?i)(?:char_length|character_length|octet_length|length|array_length|cardinality)\(`)
	matchOperator = regexp.MustCompile(`(!?~~?\*?)\s*\(?'((?:[^']|'')*)'`)
)

// fromCheck proposes values from the text of a CHECK that speaks of the column, or of a domain's.
func (v *values) fromCheck(text string) []string {
	var out []string
	for _, m := range matchOperator.FindAllStringSubmatch(text, -1) {
		out = append(out, v.fromPattern(m[1], strings.ReplaceAll(m[2], "''", "'"))...)
	}
	for _, m := range quotedLiteral.FindAllStringSubmatch(text, -1) {
		out = append(out, strings.ReplaceAll(m[1], "''", "'"))
	}
	var numbers []float64
	for _, m := range bareNumber.FindAllStringSubmatch(quotedLiteral.ReplaceAllString(text, ""), -1) {
		if n, err := strconv.ParseFloat(m[1], 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	if lengthOf.MatchString(text) {
		out = append(out, v.ofLengths(numbers)...)
	}
	return append(out, around(numbers)...)
}

// mentions reports whether the text names the column: as a word, or quoted.
func mentions(text, column string) bool {
	return slices.Contains(identifiers(strings.ToLower(text)), strings.ToLower(column)) || strings.Contains(text, pg.Ident(column))
}

// fromPattern proposes texts that a LIKE or a regular expression accepts.
func (v *values) fromPattern(operator, pattern string) []string {
	switch {
	case strings.HasPrefix(operator, "!"):
		return nil
	case strings.HasPrefix(operator, "~~"):
		return []string{strings.NewReplacer("%", v.word(6), "_", "a").Replace(pattern)}
	}
	var out []string
	for range 3 {
		if s, ok := v.matching(pattern); ok {
			out = append(out, s)
		}
	}
	return out
}

// ofLengths proposes texts of the lengths named, letters first, then digits and upper case.
func (v *values) ofLengths(numbers []float64) []string {
	var out []string
	for _, n := range numbers {
		for _, d := range []int{0, 1, -1} {
			if l := int(n) + d; l > 0 && l <= 10000 {
				w := v.word(l)
				out = append(out, w, strings.ToUpper(w), strings.Repeat("1", l))
			}
		}
	}
	return out
}

// around proposes the numbers named, their neighbours and the middle between each two.
func around(numbers []float64) []string {
	var out []string
	add := func(f float64) { out = append(out, strconv.FormatFloat(f, 'f', -1, 64)) }
	for i, n := range numbers {
		add(n)
		add(n + 1)
		add(n - 1)
		if i > 0 {
			add(float64(int64((numbers[i-1] + n) / 2)))
			add((numbers[i-1] + n) / 2)
		}
	}
	return out
}

// called returns the bodies of the schema's own functions that a check names: what they compare with is worth a try.
func (m *maker) called(check string) string {
	var b strings.Builder
	names := identifiers(strings.ToLower(check))
	for i := range m.s.snap.Functions {
		f := &m.s.snap.Functions[i]
		if !f.System && f.Extension == "" && len(f.Source) < 10000 && slices.Contains(names, strings.ToLower(f.Name)) {
			b.WriteString(" " + f.Source)
		}
	}
	return b.String()
}

// maxMembers bounds the documents that a check's words make.
const maxMembers = 20

// documents proposes JSON objects with the members that a check names.
func documents(check string) []string {
	var names []string
	for _, m := range quotedLiteral.FindAllStringSubmatch(check, maxMembers) {
		if name := strings.ReplaceAll(m[1], "''", "'"); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	var out []string
	for _, value := range []any{"x", 1, map[string]any{}, []any{}, true} {
		object := map[string]any{}
		for _, n := range names {
			object[n] = value
		}
		if text, err := json.Marshal(object); err == nil {
			out = append(out, string(text))
		}
	}
	return out
}
