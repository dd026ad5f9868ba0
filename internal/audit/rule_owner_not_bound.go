package audit

import "fmt"

var ownerNotBound = Rule{
	ID:       "RLS003",
	Name:     "owner-not-bound",
	Title:    "the application acts as the table's owner, whom the policies do not bind",
	Severity: Critical,
	Fix:      "force_rls",
	Source:   "6, 7",
	Doc: `PostgreSQL does not apply policies to a table's owner unless row level security is forced. An application that connects as
the owner, inherits it, or may become it by SET ROLE, reads every tenant's rows, and every policy on the table is decoration.

Force row level security, and let the application connect as a role that does not own the table: an owner can switch it off again.`,

	Check: func(in *Input, report func(Finding)) {
		opens := in.opens(func(o open) bool {
			r := o.way.Relation
			_, around := detour(o.way.Path)
			return !around && r.RowSecurity && !r.ForceRLS && o.way.Unbound != "" && in.Model.Rights.Owns(o.way.As, r) && plain(o.way)
		})
		for _, g := range byTable(opens, func(open) string { return "" }) {
			f := g.finding(fmt.Sprintf("%s owns the table, and it is not forced: its policies do not bind %s.", g.way.As, g.does()))
			f.Fix = &Fix{SQL: force(g.way.Relation), Why: "the policies bind the owner too"}
			report(f)
		}
	},
}
