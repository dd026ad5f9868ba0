package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/decide"
)

var notIdentity = rounding(policyFault(Rule{
	ID:       "POL007",
	Name:     "policy-not-identity",
	Title:    "the comparison takes different tenants for one",
	Severity: High,
	Source:   "B of the attack corpus: citext, collations, padding, lossy casts, hashes",
	Doc: `The policy compares the tenant key by something coarser than identity: citext or a case-insensitive collation ('acme' and
'ACME'), padded char(n), a cast that cuts or rounds, a hash. Two tenants whose keys fall together see each other's rows.

Compare the values themselves, by the = of their own type and a deterministic collation.`,
}, decide.CaseInsensitive))

// rounding adds to a rule the policies over numbers that round the key: how far apart two are that fall together, is not decided.
func rounding(r Rule) Rule {
	decided := r.Check
	r.Check = func(in *Input, report func(Finding)) {
		told := map[string]bool{}
		decided(in, func(f Finding) { told[f.Object] = true; report(f) })
		in.eachWritten(r.ID, func(w *written) {
			t, way, id := in.Model.Table(w.rel.Identity()), in.canTouch(w.rel), w.policy.Identity(w.rel)
			if t == nil || way == nil || told[id] {
				return
			}
			if column := comparedAs(w.e, t.Key, in.rounded); column != "" {
				told[id] = true
				report(Finding{
					Object: id, ObjectType: "policy", Table: w.rel.Identity(), Role: way.Role, Path: way.Path, Command: string(way.Command),
					Detail: fmt.Sprintf("It rounds %s before it compares it: tenants whose numbers fall together see each other's rows.", column),
					Fix:    &Fix{Why: "the policies of the table are replaced by one that compares the tenant key with the context"},
				})
			}
		})
	}
	return r
}
