package expr

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// outlives reports whether what a loop leaves behind may be looked at outside of its body: the last row that it took, skipped or not,
// stays in its variables, and FOUND says whether there was any.
func (p *plReader) outlives(loop plNode) bool {
	into := loop.sub("var")
	names := []string{into.text("refname")}
	if into.kind == "row" {
		names = nil
		for _, at := range p.rowFields(into) {
			if at >= len(p.names) {
				return true
			}
			names = append(names, cmp.Or(p.telling.name[at], p.names[at]))
		}
	}
	for i, name := range names {
		names[i], _, _ = strings.Cut(strings.ToLower(name), ".")
		if slices.Contains(outs(p.a.fn), names[i]) && !p.a.fn.ReturnsSet || !slices.Contains(words(names[i]), names[i]) {
			return true
		}
	}
	return p.mentioned(p.action, string(loop.fields["var"]), append(names, "found"))
}

// mentioned reports whether a statement, or one within it, may look at variables, but for the bodies of loops that give them anew.
func (p *plReader) mentioned(n plNode, into string, names []string) bool {
	if n.kind == "stmt_return_next" && n.query("expr") == "" { // the parser does not say of which variable
		return true
	}
	if n.kind == "expr" {
		return slices.ContainsFunc(words(strings.ToLower(n.text("query"))), func(w string) bool { return slices.Contains(names, w) })
	}
	for field := range n.fields {
		if field == "body" && string(n.fields["var"]) == into {
			continue
		}
		if slices.ContainsFunc(append(n.list(field), n.sub(field)), func(n plNode) bool { return n.kind != "" && p.mentioned(n, into, names) }) {
			return true
		}
	}
	return false
}

// words are the plain identifiers of a text, and its other words with them.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// outs lists the arguments that a function gives back.
func outs(f *catalog.Function) []string {
	var out []string
	for i, m := range f.ArgumentModes {
		if m != "in" && m != "variadic" && i < len(f.ArgumentNames) {
			out = append(out, f.ArgumentNames[i])
		}
	}
	return out
}
