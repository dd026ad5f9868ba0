package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var notIdentity = policyFault(Rule{
	ID:       "POL007",
	Name:     "policy-not-identity",
	Title:    "the comparison takes different tenants for one",
	Severity: High,
	Source:   "B of the attack corpus: citext, collations, padding, lossy casts, hashes",
	Doc: `The policy compares the tenant key by something coarser than identity: citext or a case-insensitive collation ('acme' and
'ACME'), padded char(n), a cast that cuts or rounds, a hash. Two tenants whose keys fall together see each other's rows.

Compare the values themselves, by the = of their own type and a deterministic collation.`,
}, decide.CaseInsensitive)
