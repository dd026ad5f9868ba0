// Package harden is the flow from a model to a plan, and from an applied plan to what it is worth: the rules' findings become
// wants, the wants a plan; the plan's steps, logic and an attack become one verification. The command line and the demo call it;
// each part stands in a package of its own.
package harden

import (
	"time"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// Plan plans what the model and its findings ask for, today and once the tables are closed.
func Plan(m *tenancy.Model, o plan.Options) (*plan.Plan, error) {
	found := audit.Run(audit.Read(m), audit.Rules(), time.Now())
	role := o.ApplicationRole
	if role == "" && m.Config != nil {
		role = m.Config.Plan.ApplicationRole
	}
	later, err := foresee(m, role)
	if err != nil {
		return nil, err
	}
	all := append(wants(found.Findings), later...)
	if role == "" {
		if all, err = byOptions(m, all); err != nil {
			return nil, err
		}
	}
	return plan.Make(plan.Input{Model: m, Wants: all, Judge: judge(m), Options: o})
}

// wants turns findings into what the planner is asked for. Information asks for nothing: what it would add is a matter of taste,
// and ringfence.yaml says so where it is wanted.
func wants(found []audit.Finding) []plan.Want {
	var out []plan.Want
	for _, f := range found {
		if f.Accepted != nil || f.Severity == audit.Info || f.Fix == nil || f.Fix.Step == "" {
			continue
		}
		w := plan.Want{Kind: f.Fix.Step, Object: f.Object, Table: f.Table, Role: f.Role, Command: f.Command, Rule: f.ID, Grants: f.Fix.Grants}
		if f.Fix.Step == "revoke_membership" && len(f.Path) > 0 {
			w.Object = f.Path[0].Name
		}
		out = append(out, w)
	}
	return out
}
