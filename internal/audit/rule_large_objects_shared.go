package audit

import (
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

var largeObjectsShared = Rule{
	ID:       "LOB001",
	Name:     "large-objects-shared",
	Title:    "large objects know no tenants",
	Severity: Medium,
	Source:   "row security does not exist for large objects",
	Doc: `Large objects belong to a role and have grants, and no policies. Under one application role every tenant's request reads and overwrites all of them, by a
number that counts up. It is graver where they are another role's and a grant opens them, or a SECURITY DEFINER function opens those whose number it is
given: nothing needs that but reading what others put there.

Keep files in a table with row level security (bytea, or outside the database).`,

	Check: func(in *Input, report func(Finding)) {
		in.everyLargeObject(report)
		in.eachDefiner("LOB001", func(f *catalog.Function, app string, body *expr.Body) {
			if name := opensChosen(body); name != "" {
				found := definerFinding(f, app, "calls "+name+" with a number that the caller chooses")
				found.Severity = High
				report(found)
			}
		})
		for _, l := range in.Model.Snapshot.LargeObjects {
			app, path, ok := in.holder(l.Owner)
			severity := Medium
			for _, g := range l.Grants {
				if ok {
					break
				}
				app, path, ok = in.holder(g.Grantee)
				severity = High
			}
			if !ok {
				continue
			}
			report(Finding{
				Object: "large objects of " + catalog.QuoteIdent(l.Owner), ObjectType: "large object", Role: app, Path: path, Severity: severity,
				Detail: strconv.FormatInt(l.Count, 10) + " of them are within its reach.",
			})
		}
	},
}

// opensChosen names the function by which a body comes to the large object whose number is a parameter, or "".
func opensChosen(b *expr.Body) string {
	found := ""
	for _, s := range b.Statements {
		expr.WalkQuery(s, func(e expr.Expr, _ int) bool {
			c, ok := e.(*expr.Call)
			if !ok || c.Func == nil || !c.Func.System || len(c.Args) == 0 || !has([]string{"lo_get", "lo_open", "lo_put", "lo_unlink"}, c.Func.Name) {
				return true
			}
			expr.Walk(c.Args[0], func(e expr.Expr) bool {
				if p, ok := e.(*expr.Param); ok && p.Kind == "extern" {
					found = c.Func.Name
				}
				return true
			})
			return true
		})
	}
	return found
}

// everyLargeObject reports settings by which an application role reads and writes large objects without being asked for a privilege.
func (in *Input) everyLargeObject(report func(Finding)) {
	for _, s := range in.Model.Snapshot.Settings {
		if s.Name != "lo_compat_privileges" || s.Value != "on" && s.Value != "true" && s.Value != "1" || s.Database != "" && s.Database != in.Model.Snapshot.Server.Database {
			continue
		}
		if app, path, ok := in.holder(s.Role); ok {
			report(Finding{
				Object: object(s), ObjectType: "role", Role: app, Path: path, Severity: High,
				Detail: "lo_compat_privileges is on there: every large object is open to every session, whatever its grants.",
				Fix:    &Fix{SQL: reset(s), Why: "privileges of large objects are asked for"},
			})
		}
	}
}
