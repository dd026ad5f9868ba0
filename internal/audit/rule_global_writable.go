package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var globalWritable = Rule{
	ID:       "GLB001",
	Name:     "global-writable",
	Title:    "an application role may change data that all tenants share",
	Severity: Medium,
	Fix:      "revoke",
	Source:   "contract: no tenant writes a global table",
	Doc: `The table has no tenant: what one tenant's request writes there, all others read. Prices, templates and settings are changed for everybody.
It is graver where a foreign key of a tenant table cascades, or sets NULL: no policy binds that.

Take the right to write from the application's role; an administration role keeps it. Where the rows do belong to somebody, name the table's key in
ringfence.yaml.`,

	Check: func(in *Input, report func(Finding)) {
		opens := in.opens(func(o open) bool { return o.table.Class == tenancy.Global && direct(o) && plain(o.way) })
		for _, g := range byTable(opens, func(open) string { return "" }) {
			f := g.finding("Every tenant's request can " + g.does() + " here.")
			if rel := in.takesAlong(g.way.Role, g.way.Relation); rel != "" {
				f.Severity = High
				f.Detail += " A foreign key of " + rel + " then acts on the rows of all tenants that refer to it."
			}
			f.Fix = &Fix{SQL: "REVOKE INSERT, UPDATE, DELETE ON TABLE " + g.way.Relation.Identity() + " FROM " + pg.Ident(g.way.Role), Why: "reference data is only read"}
			report(f)
		}
	},
}

// takesAlong names a tenant table whose rows a role changes or destroys through a foreign key by what it may do to their parent, or "".
func (in *Input) takesAlong(role string, parent *catalog.Relation) string {
	for i := range in.Ways {
		w := &in.Ways[i]
		if w.Role != role || w.Kind != reach.Isolation || len(w.Path) != 1 || w.Path[0].Via != "constraint" || w.Unbound == "" || in.Answers[i].Verdict != decide.Leak {
			continue
		}
		for k := range w.Relation.Constraints {
			c := &w.Relation.Constraints[k]
			if c.Kind == "foreign" && c.RefTable == parent.Identity() && w.Path[0].Name == c.Name+" on "+w.Relation.Identity() {
				return w.Relation.Identity()
			}
		}
	}
	return ""
}
