package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var catalogueGranted = Rule{
	ID:       "GRT011",
	Name:     "catalogue-granted",
	Title:    "the application may read a system catalogue that holds values of all tenants' rows",
	Severity: High,
	Fix:      "revoke",
	Source:   "144; catalogues that initdb keeps from PUBLIC; verified attacks over pg_statistic",
	Doc: `pg_statistic and pg_statistic_ext_data hold the commonest values of every analysed column, pg_largeobject every large object, pg_authid and
pg_user_mapping what people log in with. initdb keeps them from all but superusers; the views over them (pg_stats and its like) ask for privileges
and row level security. A grant, or a view or function that reads them in a superuser's name, does not; and for a function, or a materialized view
when it is filled, these views ask whether its owner may see the rows, not who calls or reads it.

Revoke the grant, or let what reads it ask as pg_stats does.`,

	Check: func(in *Input, report func(Finding)) {
		in.cataloguesGranted(report)
		for i := range in.Model.Snapshot.Relations {
			if v := &in.Model.Snapshot.Relations[i]; v.Kind == catalog.View || v.Kind == catalog.MatView {
				in.viewShows(v, report)
			}
		}
		in.eachDefiner("GRT011", func(f *catalog.Function, app string, body *expr.Body) {
			name := in.shows(body.Statements, f.Owner, secretColumns)
			if name == "" && in.seesTenants(f.Owner) {
				name = in.shows(body.Statements, f.Owner, ownersColumns)
			}
			if name != "" {
				report(definerFinding(f, app, "reads "+name))
			}
		})
	},
}

// secretColumns are those of the catalogues that initdb keeps back that hold values of rows, or secrets.
var secretColumns = map[string][]string{
	"pg_statistic":          {"stavalues1", "stavalues2", "stavalues3", "stavalues4", "stavalues5"},
	"pg_statistic_ext_data": {"stxdmcv", "stxdexpr"},
	"pg_largeobject":        {"data"},
	"pg_authid":             {"rolpassword"},
	"pg_user_mapping":       {"umoptions"},
}

// ownersColumns are those of the views that ask the current user's rights, which in a definer's function are its owner's.
var ownersColumns = map[string][]string{
	"pg_stats":           {"most_common_vals", "histogram_bounds", "most_common_elems"},
	"pg_stats_ext":       {"most_common_vals"},
	"pg_stats_ext_exprs": {"most_common_vals", "histogram_bounds", "most_common_elems"},
}

func secret(r *catalog.Relation, column string, columns map[string][]string) bool {
	return r != nil && r.System && r.Schema == "pg_catalog" && slices.Contains(columns[r.Name], column)
}

// seesTenants reports whether a role reads a table of tenants' rows whose policies do not bind it.
func (in *Input) seesTenants(role string) bool {
	return slices.ContainsFunc(in.Model.Tables, func(t *tenancy.Table) bool { return t.Class.Tenant() && in.readsFreely(role, t.Relation) })
}

// readsFreely reports whether a role reads a table whose policies do not bind it.
func (in *Input) readsFreely(role string, t *catalog.Relation) bool {
	r := in.Model.Rights
	return (r.Bypass(role) || !t.RowSecurity || r.Owns(role, t) && !t.ForceRLS) && r.Relation(role, t, "SELECT").Held
}

// cataloguesGranted reports the grants on such catalogues themselves.
func (in *Input) cataloguesGranted(report func(Finding)) {
	for i := range in.Model.Snapshot.Relations {
		r := &in.Model.Snapshot.Relations[i]
		if !r.System || r.Schema != "pg_catalog" || secretColumns[r.Name] == nil {
			continue
		}
		grants := slices.Clone(r.Grants)
		for k := range r.Columns {
			if secret(r, r.Columns[k].Name, secretColumns) {
				grants = append(grants, r.Columns[k].Grants...)
			}
		}
		for _, g := range grants {
			app, path, ok := in.holder(g.Grantee)
			if !ok || g.Grantee == r.Owner || g.Privilege != "SELECT" {
				continue
			}
			report(Finding{
				Object: r.Identity(), ObjectType: string(r.Kind), Role: app, Path: path, Command: "SELECT", Detail: "SELECT is granted to " + grantee(g) + ".",
				Fix: &Fix{SQL: "REVOKE SELECT ON " + r.Identity() + " FROM " + to(g), Why: "pg_stats shows what a role may see of it", Grants: []catalog.Grant{g}},
			})
			break
		}
	}
}

// viewShows reports a view that shows such columns in the rights of an owner who may read them.
func (in *Input) viewShows(v *catalog.Relation, report func(Finding)) {
	if v.System || v.Extension != "" || reach.InvokersView(v) {
		return
	}
	queries, err := in.Model.Reader.View(v)
	if err != nil {
		in.Unchecked("GRT011", v.Identity(), err.Error())
		return
	}
	name := in.shows(queries, v.Owner, secretColumns)
	if name == "" && v.Kind == catalog.MatView && in.seesTenants(v.Owner) {
		name = in.shows(queries, v.Owner, ownersColumns)
	}
	for _, app := range in.Model.Applications() {
		if name == "" || !in.reads(app, v) {
			continue
		}
		report(Finding{
			Object: v.Identity(), ObjectType: string(v.Kind), Role: app, Command: "SELECT", Detail: "It reads " + name + " as " + v.Owner + ".",
			Fix: &Fix{SQL: "REVOKE ALL ON " + v.Identity() + " FROM PUBLIC, " + pg.Ident(app), Why: "pg_stats shows what a role may see of it"},
		})
		break
	}
}

// shows names the catalogue of which stored queries of a role's give such columns without asking who reads, or "".
func (in *Input) shows(queries []*expr.Query, role string, columns map[string][]string) string {
	found, asks := "", false
	for _, q := range queries {
		expr.Queries(q, func(q *expr.Query) {
			for _, t := range q.Targets {
				expr.Walk(t.Expr, func(e expr.Expr) bool {
					v, ok := e.(*expr.Var)
					if ok && v.Level == 0 && v.RTE >= 1 && v.RTE <= len(q.Range) && secret(q.Range[v.RTE-1].Relation, v.Name, columns) &&
						in.Model.Rights.Relation(role, q.Range[v.RTE-1].Relation, "SELECT").Held {
						found = q.Range[v.RTE-1].Relation.Identity()
					}
					return true
				})
			}
		})
		expr.WalkQuery(q, func(e expr.Expr, _ int) bool {
			c, ok := e.(*expr.Call)
			asks = asks || ok && c.Func != nil && c.Func.System && (c.Func.Name == "has_column_privilege" || c.Func.Name == "has_table_privilege" || c.Func.Name == "row_security_active")
			return true
		})
	}
	if asks {
		return ""
	}
	return found
}
