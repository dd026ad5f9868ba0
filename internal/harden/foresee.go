package harden

import (
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// foreseenSteps are the kinds of step that only show once tables are protected and the application has a role of its own.
var foreseenSteps = []string{"security_invoker", "function_execute", "function_search_path"}

// foresee returns what the plan has to do beyond today's findings. While tables stand open, or the application is their owner,
// a view or function that runs as the owner gives nothing that is not there anyway; the moment they are closed it is the hole.
// So the rules are asked again about the database as it will be: every tenant table forced, the new role granted.
func foresee(m *tenancy.Model, role string) ([]plan.Want, error) {
	next := protected(m, role)
	o := tenancy.Options{Config: m.Config, TenantColumns: m.TenantColumns, AppRoles: m.Applications()}
	if role != "" {
		o.AppRoles = []string{role}
	}
	future, err := tenancy.Infer(next, o)
	if err != nil {
		return nil, err
	}
	var out []plan.Want
	for _, w := range wants(audit.Run(audit.Read(future), audit.Rules(), time.Now()).Findings) {
		if slices.Contains(foreseenSteps, w.Kind) {
			out = append(out, w)
		}
	}
	return out, nil
}

// protected returns a copy of the model's snapshot in which tenant tables are forced and closed, and role, where it is named, is
// an ordinary login that may use every schema and table. The model's own snapshot is not changed.
func protected(m *tenancy.Model, role string) *catalog.Snapshot {
	s := *m.Snapshot
	s.Relations = slices.Clone(s.Relations)
	for i := range s.Relations {
		r := &s.Relations[i]
		if t := m.Table(r.Identity()); t != nil && t.Class.Tenant() {
			r.RowSecurity, r.ForceRLS, r.Policies = true, true, nil
		}
		if role != "" && !r.System {
			r.Grants = granted(r.Grants, r.Owner, role, "SELECT", "INSERT", "UPDATE", "DELETE")
		}
	}
	if role != "" {
		s.Schemas = slices.Clone(s.Schemas)
		for i := range s.Schemas {
			s.Schemas[i].Grants = granted(s.Schemas[i].Grants, s.Schemas[i].Owner, role, "USAGE")
		}
		if m.Snapshot.Role(role) == nil {
			s.Roles = append(slices.Clone(s.Roles), catalog.Role{Name: role, Inherit: true, Login: true, ConnLimit: -1})
		}
	}
	s.Reindex()
	return &s
}

func granted(has []catalog.Grant, owner, role string, privileges ...string) []catalog.Grant {
	out := slices.Clone(has)
	for _, p := range privileges {
		out = append(out, catalog.Grant{Grantee: role, Grantor: owner, Privilege: p})
	}
	return out
}
