package audit

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var copyOfTenantTable = Rule{
	ID:       "TBL004",
	Name:     "copy-of-tenant-table",
	Title:    "a table looks like a copy of a tenants' table, without the tenant",
	Severity: Medium,
	Fix:      "revoke",
	Source:   "wild schemas: backup, archive and staging copies",
	Doc: `The table is called like a tenants' table with something added, and has its columns but for the tenant key. Copies made for a migration or a report keep
every tenant's rows where no policy looks.

Drop the copy, or take the privileges on it away.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.Tables {
			if t.Class != tenancy.Global && t.Class != tenancy.Unclassified || t.Relation.RowSecurity {
				continue
			}
			w := in.canTouch(t.Relation, reach.Select)
			if w == nil {
				continue
			}
			for _, o := range in.Model.TenantTables() {
				if copied(o.Relation, t.Relation) {
					report(Finding{
						Object: t.Relation.Identity(), ObjectType: string(t.Relation.Kind), Table: t.Relation.Identity(), Role: w.Role, Path: w.Path, Command: "SELECT",
						Detail: "It has the columns of " + o.Relation.Identity() + " but for its key.",
						Fix:    &Fix{SQL: "REVOKE ALL ON TABLE " + t.Relation.Identity() + " FROM " + pg.Ident(w.As), Why: "nobody reads a copy"},
					})
					break
				}
			}
		}
	},
}

// copied reports whether b is called like a with something added, and has columns of a only, at least two.
func copied(a, b *catalog.Relation) bool {
	if a == b || len(b.Columns) < 2 || len(a.Name) < 3 || !strings.Contains(strings.ToLower(b.Name), strings.ToLower(a.Name)) {
		return false
	}
	for i := range b.Columns {
		c := a.ColumnByName(b.Columns[i].Name)
		if c == nil || c.TypeOID != b.Columns[i].TypeOID {
			return false
		}
	}
	return true
}
