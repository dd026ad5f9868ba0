package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var triggerCopiesRows = Rule{
	ID:       "TBL005",
	Name:     "trigger-copies-rows",
	Title:    "triggers fill a table from tenants' rows, and it has no tenant",
	Severity: High,
	Fix:      "revoke",
	Source:   "wild schemas: audit and history tables",
	Doc: `A trigger writes what changes in a tenants' table into another one, an audit log or a history, which carries no tenant key and no policy. Who may read it
reads every tenant's rows there, old values included. So it is where a function that no policy binds fills a cache or a summary.

Give the table the tenant key and a policy, or take SELECT on it away from the application.`,

	Check: func(in *Input, report func(Finding)) {
		open := map[*catalog.Relation]*reach.Way{}
		var words []string
		for _, t := range in.Model.Tables {
			if t.Class != tenancy.Global && t.Class != tenancy.Unclassified || t.Relation.RowSecurity {
				continue
			}
			if w := in.canTouch(t.Relation, reach.Select); w != nil {
				open[t.Relation] = w
				words = append(words, strings.ToLower(t.Relation.Name))
			}
		}
		if len(words) == 0 {
			return
		}
		told := map[*catalog.Relation]bool{}
		in.copiesByFunctions(open, told, report)
		in.eachTriggerBody("TBL005", words, func(t *catalog.Relation, key []string, g *catalog.Trigger, f *catalog.Function, b *expr.Body) {
			for _, s := range b.Statements {
				to := copiesInto(s, t, key)
				w := open[to]
				if w == nil || told[to] {
					continue
				}
				told[to] = true
				report(Finding{
					Object: to.Identity(), ObjectType: string(to.Kind), Table: to.Identity(), Role: w.Role, Path: w.Path, Command: "SELECT",
					Detail: fmt.Sprintf("%s writes rows of %s into it, by %s.", g.Identity(t), t.Identity(), f.Identity()),
					Fix:    &Fix{SQL: "REVOKE ALL ON TABLE " + to.Identity() + " FROM " + pg.Ident(w.As), Why: "the application no longer reads it"},
				})
			}
		})
	},
}

// copiesByFunctions reports the open tables that functions fill from tenants' rows as an owner whom no policy binds.
func (in *Input) copiesByFunctions(open map[*catalog.Relation]*reach.Way, told map[*catalog.Relation]bool, report func(Finding)) {
	for i := range in.Model.Snapshot.Functions {
		f := &in.Model.Snapshot.Functions[i]
		if f.System || f.Extension != "" || !f.SecurityDefiner {
			continue
		}
		b, err := in.Model.Reader.Body(f)
		if err != nil {
			in.Unchecked("TBL005", f.Identity(), "its body could not be read: "+err.Error())
			continue
		}
		for _, q := range b.Statements {
			to, from := in.copied(q, f.Owner)
			w := open[to]
			if from == nil || w == nil || told[to] {
				continue
			}
			told[to] = true
			report(Finding{
				Object: to.Identity(), ObjectType: string(to.Kind), Table: to.Identity(), Role: w.Role, Path: w.Path, Command: "SELECT",
				Detail: fmt.Sprintf("%s writes rows of %s into it as %s, whom no policy binds.", f.Identity(), from.Identity(), f.Owner),
				Fix:    &Fix{SQL: "REVOKE ALL ON TABLE " + to.Identity() + " FROM " + pg.Ident(w.As), Why: "the application no longer reads it"},
			})
		}
	}
}

// copied returns the table that an INSERT … SELECT puts rows into and a tenants' table that it takes them from unfiltered by policies; nil
// for anything else.
func (in *Input) copied(q *expr.Query, as string) (to, from *catalog.Relation) {
	if q.Command != "insert" {
		return nil, nil
	}
	expr.Queries(q, func(q *expr.Query) {
		for i := range q.Range {
			if r := q.Range[i].Relation; r != nil {
				if t := in.Model.Table(r.Identity()); t != nil && t.Class.Tenant() && in.readsFreely(as, r) && values(q, i+1) {
					from = r
				}
			}
		}
	})
	return q.Written(), from
}

// values reports whether a query's columns hold values of one of its entries, and not only what aggregates make of them.
func values(q *expr.Query, rte int) bool {
	return slices.ContainsFunc(q.Targets, func(t expr.Target) bool {
		found := false
		expr.Walk(t.Expr, func(e expr.Expr) bool {
			if _, ok := e.(*expr.Aggregate); ok {
				return false
			}
			v, ok := e.(*expr.Var)
			found = found || ok && v.Level == 0 && v.RTE == rte
			return !found
		})
		return found
	})
}

// copiesInto returns the table that an INSERT puts the content of the fired row into; nil for anything else.
func copiesInto(q *expr.Query, t *catalog.Relation, key []string) *catalog.Relation {
	if q.Command != "insert" {
		return nil
	}
	content := false
	expr.WalkQuery(q, func(e expr.Expr, _ int) bool {
		content = content || reach.RowContent(e, t, key)
		return false // RowContent goes inside itself
	})
	if !content {
		return nil
	}
	return q.Written()
}
