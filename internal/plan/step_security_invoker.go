package plan

import "fmt"

var securityInvoker = Kind{
	Name: "security_invoker",
	Doc: `let a view run with the rights of who asks

A view reads its tables as its owner, whom policies may not bind: every tenant then reads all tenants' rows through it. From this step
on the one who asks needs the right to read the tables beneath, and their policies hold. PostgreSQL 15 and later.`,
	Wave:  7,
	Needs: 15,
	Lock:  AccessExclusive, UndoLock: AccessExclusive,

	Do: func(t Target) []string { return oneStatement("ALTER VIEW %s SET (security_invoker = true)", t.sql()) },
	Undo: func(t Target) []string {
		if t.WasValue == nil {
			return oneStatement("ALTER VIEW %s RESET (security_invoker)", t.sql())
		}
		return oneStatement("ALTER VIEW %s SET (security_invoker = %s)", t.sql(), lit(*t.WasValue))
	},
	Done: func(t Target) string {
		return fmt.Sprintf("SELECT EXISTS (SELECT %s AND c.relkind = 'v' AND EXISTS (SELECT FROM pg_catalog.pg_options_to_table(c.reloptions) o"+
			" WHERE o.option_name = 'security_invoker' AND o.option_value::pg_catalog.bool))", ofRelation(t.Name))
	},
}
