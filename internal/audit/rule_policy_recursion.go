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
	Source:   "79",
	Doc: `PostgreSQL refuses every statement on the table with 42P17, infinite recursion detected in policy. Nothing leaks and nothing works; what is done
about it in a hurry, a SECURITY DEFINER helper, often leaks.

Break the circle: let the membership table's own policy compare its user column with the context, without a sub-query on itself.`,

	Check: func(in *Input, report func(Finding)) {
		asks := in.asking()
		for _, t := range in.tables() {
			if !t.Relation.RowSecurity {
				continue
			}
			if path := circle(asks, t.Relation.Identity()); path != nil {
				report(Finding{
					Object: t.Relation.Identity(), ObjectType: string(t.Relation.Kind), Table: t.Relation.Identity(),
					Detail: fmt.Sprintf("The way back: %s.", strings.Join(path, " → ")),
				})
			}
		}
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

// circle returns a way from start back to itself, or nil.
func circle(asks map[string][]string, start string) []string {
	seen := map[string]bool{}
	var walk func(at string, path []string) []string
	walk = func(at string, path []string) []string {
		for _, next := range asks[at] {
			if next == start {
				return append(path, next)
			}
			if !seen[next] {
				seen[next] = true
				if found := walk(next, append(path, next)); found != nil {
					return found
				}
			}
		}
		return nil
	}
	return walk(start, []string{start})
}
