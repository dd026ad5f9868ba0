package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

var definerMeetsSessions = Rule{
	ID:       "SRV003",
	Name:     "definer-meets-sessions",
	Title:    "a SECURITY DEFINER function shows or ends other people's sessions",
	Severity: Medium,
	Fix:      "function_execute",
	Source:   "verified attacks: pg_stat_activity, pg_stat_statements and pg_terminate_backend in a superuser's function",
	Doc: `pg_stat_activity and pg_stat_statements show the text of statements, with the values in it, only of the caller's own role; a function that
reads them runs as its owner, who sees those of all roles. One that calls pg_terminate_backend or pg_cancel_backend ends whatever its owner may.
A view does not: these functions ask who runs the statement, not whose view it is.

Limit it to the session itself (pid = pg_backend_pid()), or take EXECUTE away.`,

	Check: func(in *Input, report func(Finding)) {
		in.eachDefiner("SRV003", func(f *catalog.Function, app string, body *expr.Body) {
			does := ""
			if ends := calls(body, "pg_terminate_backend", "pg_cancel_backend"); ends != "" && in.everySession(f.Owner, "pg_signal_backend") {
				does = "calls " + ends
			} else if in.everySession(f.Owner, "pg_read_all_stats") {
				does = showsStatements(body)
			}
			if does != "" && !ownSession(body) {
				report(definerFinding(f, app, does))
			}
		})
	},
}

// statementColumns are the columns that hold other sessions' statements, by what shows them: views, and the functions under them.
var statementColumns = map[string]string{
	"pg_stat_activity": "query", "pg_stat_get_activity": "query", "pg_stat_statements": "query", "pg_stat_get_backend_activity": "",
}

// everySession reports whether a role reaches the sessions of all others, by the predefined role for that or as a superuser.
func (in *Input) everySession(role, by string) bool {
	return in.Model.Rights.Superuser(role) || in.Model.Rights.Inherited(role)[by]
}

// showsStatements says which of them a body reads, or "".
func showsStatements(b *expr.Body) string {
	found := ""
	note := func(name, column string) {
		if c, known := statementColumns[name]; known && c == column {
			found = "reads the statements of " + name
		}
	}
	for _, s := range b.Statements {
		expr.Queries(s, func(q *expr.Query) {
			for i := range q.Range {
				e := &q.Range[i]
				if r := e.Relation; r != nil && (r.System || r.Extension != "") && readsColumn(q, i+1, statementColumns[r.Name]) {
					note(r.Name, "query")
				}
				for _, f := range e.Funcs {
					if c, ok := f.(*expr.Call); ok && c.Func != nil && readsColumn(q, i+1, statementColumns[c.Func.Name]) {
						note(c.Func.Name, "query")
					}
				}
			}
		})
		expr.WalkQuery(s, func(e expr.Expr, _ int) bool {
			if c, ok := e.(*expr.Call); ok && c.Func != nil && c.Func.System {
				note(c.Func.Name, "")
			}
			return true
		})
	}
	return found
}

// readsColumn reports whether a query looks at a column of one of its entries.
func readsColumn(q *expr.Query, rte int, column string) bool {
	return slices.ContainsFunc(q.Targets, func(t expr.Target) bool {
		found := false
		expr.Walk(t.Expr, func(e expr.Expr) bool {
			v, ok := e.(*expr.Var)
			found = found || ok && v.Level == 0 && v.RTE == rte && v.Name == column
			return !found
		})
		return found
	})
}

// ownSession reports whether a body tells the caller's own session, or own role, from others.
func ownSession(b *expr.Body) bool {
	found := calls(b, "pg_backend_pid") != ""
	for _, s := range b.Statements {
		expr.WalkQuery(s, func(e expr.Expr, _ int) bool {
			c, ok := expr.ContextOf(e)
			found = found || ok && c.Kind == "user" && c.Name == "session_user"
			return !found
		})
	}
	return found
}
