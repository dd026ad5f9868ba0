package audit

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var policyRecursion = Rule{
	ID:       "POL013",
	Name:     "policy-recursion",
	Title:    "the policy asks a table whose policy leads back to it",
	Severity: Medium,
	Fix:      "replace_policy",
	Source:   "79",
	Doc: `PostgreSQL refuses every statement on the table with 42P17, infinite recursion detected in policy. Nothing leaks and nothing works; what is done
about it in a hurry, a SECURITY DEFINER helper, often leaks.

Break the circle: let the membership table's own policy compare its user column with the context, without a sub-query on itself.`,

	Check: func(in *Input, report func(Finding)) {
		asks := in.asking()
		told := map[*catalog.Policy]bool{}
		in.eachSubquery("POL013", func(p *catalog.Policy, rel, read *catalog.Relation) {
			if told[p] || !rel.RowSecurity {
				return
			}
			path := circle(asks, rel.Identity(), read.Identity())
			if path == nil {
				return
			}
			told[p] = true
			report(Finding{
				Object: p.Identity(rel), ObjectType: "policy", Table: rel.Identity(),
				Detail: fmt.Sprintf("The way back: %s.", strings.Join(path, " → ")),
				Fix:    &Fix{Why: "the policies of the table are replaced by one that compares the tenant key with the context"},
			})
		})
	},
}

// asked maps each table with row level security to the tables that sub-queries of its policies read, where these have it too.
func asked(in *Input) map[string][]string {
	out := map[string][]string{}
	in.eachSubquery("POL013", func(_ *catalog.Policy, rel, read *catalog.Relation) {
		if rel.RowSecurity && read.RowSecurity {
			out[rel.Identity()] = append(out[rel.Identity()], read.Identity())
		}
	})
	return out
}

// circle returns a way from start over next back to start, or nil.
func circle(asks map[string][]string, start, next string) []string {
	seen := map[string]bool{}
	var walk func(at string, path []string) []string
	walk = func(at string, path []string) []string {
		path = append(path, at)
		if at == start {
			return path
		}
		if seen[at] {
			return nil
		}
		seen[at] = true
		for _, next := range asks[at] {
			if found := walk(next, path); found != nil {
				return found
			}
		}
		return nil
	}
	return walk(next, []string{start})
}
