package audit

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var publicationUnfiltered = Rule{
	ID:       "VIA010",
	Name:     "publication-unfiltered",
	Title:    "a publication carries every tenant's rows",
	Severity: Medium,
	Fix:      "publication_table",
	Source:   "14",
	Doc: `Logical replication does not look at policies. The publication carries tenant tables without a row filter: whoever may open a replication slot here
receives all rows of all tenants, and keeps getting them.

Publish with a row filter (15 and later) where the subscriber serves some tenants only, and keep REPLICATION from every role that the application can become.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Publications {
			p := &in.Model.Snapshot.Publications[i]
			carried := unfiltered(in, p)
			if len(carried) == 0 {
				continue
			}
			f := Finding{Object: catalog.QuoteIdent(p.Name), ObjectType: "publication", Table: carried[0], Detail: "It carries " + strings.Join(first(carried, 5), ", ") + ".", Fix: &Fix{}}
			for _, app := range in.Model.Applications() {
				for _, id := range in.identities(app) {
					if r := in.Model.Snapshot.Role(id.role); r != nil && r.Replication && (len(id.path) == 0 || id.path[0].Via != "inherit") {
						f.Severity, f.Role, f.Path = High, app, id.path
					}
				}
			}
			report(f)
		}
	},
}

// unfiltered lists the tenant tables that a publication carries whole.
func unfiltered(in *Input, p *catalog.Publication) []string {
	var out []string
	for _, t := range in.Model.TenantTables() {
		name, filtered := t.Relation.Identity(), false
		carried := p.AllTables || has(p.Schemas, t.Relation.Schema)
		for _, pt := range p.Tables {
			if pt.Table == name {
				carried, filtered = true, pt.Filter != nil
			}
		}
		if carried && !filtered && t.Relation.Kind != catalog.Foreign {
			out = append(out, name)
		}
	}
	return out
}

// first returns at most n of the words, and says how many more there are.
func first(words []string, n int) []string {
	if len(words) <= n {
		return words
	}
	return append(append([]string(nil), words[:n]...), fmt.Sprintf("and %d more", len(words)-n))
}
