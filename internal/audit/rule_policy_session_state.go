package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var policySessionState = Rule{
	ID:       "POL027",
	Name:     "policy-session-state",
	Title:    "the policy goes by the state of the session instead of the tenant",
	Severity: High,
	Fix:      "replace_policy",
	Source:   "verified attacks: pg_trigger_depth() > 0, a local connection, the current schema",
	Doc: `Nothing but what the session says of itself keeps other tenants' rows out: where it comes from, whether a trigger runs, which schema comes first in its search_path, whether
the server is a standby. That is no tenant, and whoever runs SQL has a say in it: a trigger on a temporary table makes pg_trigger_depth() 1.

Compare with the tenant's context alone. A job that has to see every row gets a role of its own.`,

	Check: func(in *Input, report func(Finding)) {
		open := in.ways(func(o open) bool {
			return o.answer.Verdict == decide.Undecided && o.answer.Reason == decide.SessionState && direct(o) && o.table.Class.Tenant() && plain(o.way)
		})
		for _, g := range byTable(open, policyName) {
			f := g.finding(g.answer.Why + ". It concerns " + g.does() + ".")
			if len(g.way.Policies) == 1 {
				f.Object, f.ObjectType = g.way.Policies[0].Identity(g.way.Relation), "policy"
			}
			f.Fix = &Fix{Why: "the policies of the table are replaced by one that compares the tenant key with the context"}
			report(f)
		}
	},
}
