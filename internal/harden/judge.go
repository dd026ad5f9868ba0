package harden

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// judge returns the planner's verdict on single policies, by logic.
func judge(m *tenancy.Model) func(*catalog.Relation, *catalog.Policy) plan.Verdict {
	j := prove.NewJudge(m)
	return func(r *catalog.Relation, p *catalog.Policy) plan.Verdict {
		switch j.Policy(r, p) {
		case prove.Proved:
			return plan.Holds
		case prove.Leak:
			return plan.Leaks
		}
		return plan.Unjudged
	}
}
