package harden

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// judge returns the planner's verdict on single policies. One that reads its tenant from another setting than the plan's is
// nobody's to vouch for: two tenants could be in force at once.
func judge(m *tenancy.Model, setting string) func(*catalog.Relation, *catalog.Policy) plan.Verdict {
	j := prove.NewJudge(m)
	return func(r *catalog.Relation, p *catalog.Policy) plan.Verdict {
		if strays(m, r, p, setting) {
			return plan.Unjudged
		}
		switch j.Policy(r, p) {
		case prove.Proved:
			return plan.Holds
		case prove.Leak:
			return plan.Leaks
		}
		return plan.Unjudged
	}
}

// settingOf is the setting that the plan's policies read: what was asked for, else what ringfence.yaml or most policies say.
func settingOf(m *tenancy.Model, o plan.Options) string {
	if o.Context != "" {
		return o.Context
	}
	for _, c := range m.Contexts {
		if c.Kind == "setting" && !c.Principal {
			return c.Name
		}
	}
	return ""
}

// strays reports whether the policy reads a tenant setting of the model that is not the plan's.
func strays(m *tenancy.Model, r *catalog.Relation, p *catalog.Policy, setting string) bool {
	stray := false
	for _, tree := range []*catalog.Tree{p.Using, p.Check} {
		if tree == nil {
			continue
		}
		e, err := m.Reader.Expression(tree, r)
		if err != nil {
			return false // the judge says what cannot be read
		}
		expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
			if c, ok := expr.ContextOf(e); ok && c.Kind == "setting" && c.Name != setting && tenantSetting(m, c.Name) {
				stray = true
			}
			return true
		})
	}
	return stray
}

func tenantSetting(m *tenancy.Model, name string) bool {
	for _, c := range m.Contexts {
		if c.Kind == "setting" && !c.Principal && c.Name == name {
			return true
		}
	}
	return false
}
