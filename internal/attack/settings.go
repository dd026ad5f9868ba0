package attack

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// settingRead finds the settings that a printed expression or a function's body reads. It only suggests what to try.
var settingRead = regexp.MustCompile(`(?i)current_setting\s*\(\s*'([^']+)'`)

// maxDepthOfBodies bounds how far function bodies are followed.
const maxDepthOfBodies = 4

// settingsOf returns the settings that the policies of a relation read, their functions followed.
func (s *session) settingsOf(rel *catalog.Relation) []string {
	var out []string
	for _, text := range s.policyTexts(rel) {
		for _, m := range settingRead.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(out, m[1]) {
				out = append(out, m[1])
			}
		}
	}
	return out
}

// policyTexts returns the printed expressions of a relation's policies and the bodies of the functions they name.
func (s *session) policyTexts(rel *catalog.Relation) []string {
	var out []string
	for _, p := range rel.Policies {
		for _, tree := range []*catalog.Tree{p.Using, p.Check} {
			if tree != nil {
				out = append(out, tree.Text)
			}
		}
	}
	seen := map[string]bool{}
	from := 0
	for range maxDepthOfBodies {
		to := len(out)
		for _, text := range out[from:to] {
			for _, f := range s.named(text) {
				if !seen[f.Identity()] {
					seen[f.Identity()] = true
					out = append(out, f.Source+" "+f.Definition)
				}
			}
		}
		from = to
	}
	return out
}

// named returns the user-defined functions whose names occur in a text.
func (s *session) named(text string) []*catalog.Function {
	if s.byName == nil {
		s.byName = newWalker(s.snap)
	}
	var out []*catalog.Function
	for _, word := range identifiers(strings.ToLower(text)) {
		out = append(out, s.byName.functions[word]...)
	}
	return out
}

// lookups returns the tables, not the relation itself, that its policies or their functions name: where a tenant is looked up.
func (s *session) lookups(rel *catalog.Relation) []*catalog.Relation {
	var out []*catalog.Relation
	for _, text := range s.policyTexts(rel) {
		for _, word := range identifiers(strings.ToLower(text)) {
			for _, r := range s.byName.relations[word] {
				if r.OID != rel.OID && r.Kind == catalog.Table && !slices.Contains(out, r) {
					out = append(out, r)
				}
			}
		}
	}
	return out
}

// signed reports whether a context is signed.
func (s *session) signed(name string) bool {
	return slices.ContainsFunc(s.contexts, func(c setting) bool { return c.name == name && c.signed })
}

// forge puts another tenant into a signed context, whose signature then should not hold.
func forge(token, mine, theirs string) string { return strings.ReplaceAll(token, mine, theirs) }

// touches reports whether a function may reach a relation: it names it, or a view over it, or a function that does, or it
// builds its statements as it goes, or its language is not read here.
func (s *session) touches(f *catalog.Function, rel *catalog.Relation) bool {
	key := [2]uint32{f.OID, rel.OID}
	if known, ok := s.touching[key]; ok {
		return known
	}
	names := []string{strings.ToLower(rel.Name)}
	for _, v := range (&Target{Table: &tenancy.Table{Relation: rel}, s: s}).above() {
		names = append(names, strings.ToLower(v.Name))
	}
	if s.touching == nil {
		s.touching = map[[2]uint32]bool{}
	}
	s.touching[key] = s.names(f, names, maxDepthOfBodies)
	return s.touching[key]
}

// names reports whether a function's body, or that of a function it calls, holds one of the names.
func (s *session) names(f *catalog.Function, names []string, depth int) bool {
	if f.Language != "sql" && f.Language != "plpgsql" {
		return true
	}
	text := f.Source + " " + f.Definition
	words := identifiers(strings.ToLower(text))
	if f.Language == "plpgsql" && slices.Contains(words, "execute") {
		return true
	}
	for _, n := range names {
		if slices.Contains(words, n) || strings.Contains(strings.ToLower(text), n) {
			return true
		}
	}
	return depth > 0 && slices.ContainsFunc(s.named(text), func(g *catalog.Function) bool {
		return g.OID != f.OID && s.names(g, names, depth-1)
	})
}
