package audit

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var functionFixesTenant = Rule{
	ID:       "FUN015",
	Name:     "function-fixes-tenant",
	Title:    "a function acts as a fixed tenant, whoever calls it",
	Severity: High,
	Fix:      "function_execute",
	Source:   "73",
	Doc: `CREATE FUNCTION ... SET gives the tenant setting a value for as long as the function runs. Whoever may call it sees and writes that tenant's rows, whatever
tenant the session has. A SECURITY DEFINER function that sets the tenant in its body, and then reads tenants' rows, does the same for one tenant after the other.
Where it looks the tenant up first, as a login does, it is told as medium. A trigger that sets the tenant from the row that is written, before the policies check that
row, lets every row through, and leaves the session with that row's tenant.

Take the SET away: ALTER FUNCTION ... RESET. A job for one tenant sets its context itself.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			if f.System || f.Extension != "" || len(f.Config) == 0 {
				continue
			}
			name := fixedContext(in, f)
			if name == "" {
				continue
			}
			if app, ok := in.caller(f); ok {
				report(Finding{
					Object: f.Identity(), ObjectType: "function", Role: app, Detail: fmt.Sprintf("%s is set on it.", name),
					Fix: &Fix{SQL: "REVOKE EXECUTE ON FUNCTION " + f.Signature() + " FROM PUBLIC, " + pg.Ident(app), Why: "the application can no longer call it"},
				})
			}
		}
		in.eachDefiner("FUN015", func(f *catalog.Function, app string, body *expr.Body) {
			if name, severity := in.actsAs(body); name != "" && fixedContext(in, f) == "" {
				found := definerFinding(f, app, "sets "+name+" before it reads tenants' rows")
				found.Severity = severity
				report(found)
			}
		})
		in.eachTriggerBody("FUN015", []string{"set"}, func(t *catalog.Relation, _ []string, g *catalog.Trigger, f *catalog.Function, b *expr.Body) {
			w := in.canTouch(t, reach.Insert, reach.Update, reach.Delete)
			if name := in.setByRow(b); name != "" && w != nil && g.Timing == "before" {
				report(Finding{
					Object: g.Identity(t), ObjectType: "trigger", Table: t.Identity(), Role: w.Role, Path: w.Path,
					Detail: fmt.Sprintf("%s gives %s a value that is not the session's own, before the policies look at the row.", f.Identity(), name),
					Fix:    &Fix{SQL: "DROP TRIGGER " + pg.Ident(g.Name) + " ON " + t.Identity(), Why: "the session keeps its tenant"},
				})
			}
		})
	},
}

// setByRow names the tenant setting that a trigger's body gives a value other than the session's own or the old row's, or "".
func (in *Input) setByRow(b *expr.Body) string {
	return in.setsTenant(b, func(*expr.Call) bool { return true })
}

// setsTenant names the tenant setting that a body gives a value other than the session's own, by a call that counts; "" where there is none.
func (in *Input) setsTenant(b *expr.Body, counts func(*expr.Call) bool) string {
	name := ""
	for _, q := range b.Statements {
		expr.WalkQuery(q, func(e expr.Expr, _ int) bool {
			if c, ok := e.(*expr.Call); ok {
				if set, value, ok := expr.SetConfig(c); ok && isContext(in, set) && !ownValue(value) && counts(c) {
					name = set
				}
			}
			return true
		})
	}
	return name
}

// ownValue reports whether a value comes from the old row, or from nothing but settings.
func ownValue(e expr.Expr) bool {
	own := true
	if c, ok := e.(*expr.Const); ok {
		own = c.Null || c.Text == ""
	}
	expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
		switch e := e.(type) {
		case *expr.Param:
			own = own && strings.EqualFold(e.Name, "old")
		case *expr.Unknown:
			own = false
		}
		return own
	})
	return own
}

// actsAs names the tenant setting that a body gives a value of a variable's, which is not the session's own, before it comes to tenants' rows;
// "" where it does not. It is milder where the body looks something up before by what it is given: the tenant, it may be.
func (in *Input) actsAs(b *expr.Body) (name string, s Severity) {
	s = High
	for _, q := range b.Statements {
		asked := false
		expr.WalkQuery(q, func(e expr.Expr, _ int) bool {
			switch e := e.(type) {
			case *expr.Param:
				asked = asked || e.Kind == "extern"
			case *expr.Call:
				if set, value, ok := expr.SetConfig(e); ok && isContext(in, set) && ofVariable(value) {
					name = set
				}
			}
			return true
		})
		tables, tenants := in.tablesIn(q)
		if name != "" && tenants {
			return name, s
		}
		if name == "" && tables && asked {
			s = Medium
		}
	}
	return "", s
}

// tablesIn reports whether a query comes to tables, and to tables of tenants' rows.
func (in *Input) tablesIn(q *expr.Query) (tables, tenants bool) {
	expr.Queries(q, func(q *expr.Query) {
		for i := range q.Range {
			if r := q.Range[i].Relation; r != nil {
				t := in.Model.Table(r.Identity())
				tables, tenants = true, tenants || t != nil && t.Class.Tenant()
			}
		}
	})
	return tables, tenants
}

// ofVariable reports whether a value is one of PL/pgSQL's variables.
func ofVariable(e expr.Expr) bool {
	found := false
	expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
		p, ok := e.(*expr.Param)
		found = found || ok && p.Kind == "variable"
		return !found
	})
	return found
}

// fixedContext names the tenant setting that a function gives a value, or "".
func fixedContext(in *Input, f *catalog.Function) string {
	for _, c := range f.Config {
		name, value, _ := strings.Cut(c, "=")
		if isContext(in, name) && strings.Trim(value, `"' `) != "" {
			return name
		}
	}
	return ""
}
