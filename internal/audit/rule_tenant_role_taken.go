package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var tenantRoleTaken = Rule{
	ID:       "ROL006",
	Name:     "tenant-role-taken",
	Title:    "one login may take the roles of several tenants",
	Severity: High,
	Fix:      "revoke_membership",
	Source:   "59; verified attack by SET ROLE under a current_user policy",
	Doc: `The policy compares the tenant key with current_user, or asks pg_has_role: each tenant has a role. The application logs in as one role that may SET ROLE to the others, so that
any SQL it runs chooses the tenant. A login that may become one role only, and is granted nothing itself, is that tenant's.

Give each tenant a login of its own, without membership in the others; or compare with session_user; or use a context that is signed.`,

	Check: func(in *Input, report func(Finding)) {
		told := map[string]bool{}
		for _, o := range in.ways(func(o open) bool {
			return direct(o) && o.table.Class.Tenant() && len(o.way.Path) > 0 && o.way.Path[0].Via == "set_role" && o.way.CurrentUser != o.way.Role && !in.group(o.way.As)
		}) {
			for _, p := range o.way.Policies {
				id := p.Identity(o.way.Relation)
				if told[o.way.Role+" "+id] || !in.readsUser(p) {
					continue
				}
				told[o.way.Role+" "+id] = true
				f := Finding{Object: id, ObjectType: "policy", Table: o.way.Relation.Identity(), Role: o.way.Role, Path: o.way.Path}
				f.Detail = o.way.Role + " may become " + o.way.As + ", whose rows these are."
				f.Fix = &Fix{SQL: "REVOKE " + pg.Ident(o.way.As) + " FROM " + pg.Ident(o.way.Role), Why: "the tenant's role is nobody else's"}
				report(f)
			}
		}
		in.membersOfSeveral(report)
	},
}

// membersOfSeveral reports policies that ask pg_has_role of a column, where a login is a member of several roles that were granted the same:
// it has the rows of all of them at once.
func (in *Input) membersOfSeveral(report func(Finding)) {
	told := map[string]bool{}
	in.eachPolicy("ROL006", func(p *catalog.Policy, rel *catalog.Relation, e expr.Expr) {
		way := in.canTouch(rel)
		if way == nil || !asksMembership(e) || told[p.Identity(rel)] {
			return
		}
		a, b := in.twoAlike(way.Role)
		if a == "" {
			return
		}
		told[p.Identity(rel)] = true
		report(Finding{
			Object: p.Identity(rel), ObjectType: "policy", Table: rel.Identity(), Role: way.Role, Path: way.Path, Command: string(way.Command),
			Detail: way.Role + " is a member of " + a + " and of " + b + ", and has the rows of both.",
			Fix:    &Fix{SQL: "REVOKE " + pg.Ident(b) + " FROM " + pg.Ident(way.Role), Why: "the tenant's role is nobody else's"},
		})
	})
}

// asksMembership reports whether a policy asks pg_has_role of a role that a row names.
func asksMembership(e expr.Expr) bool {
	found := false
	expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
		c, ok := e.(*expr.Call)
		if !ok || c.Func == nil || !c.Func.System || c.Func.Name != "pg_has_role" || len(c.Args) < 2 {
			return !found
		}
		expr.Walk(c.Args[len(c.Args)-2], func(e expr.Expr) bool {
			_, column := e.(*expr.Var)
			found = found || column
			return !found
		})
		return !found
	})
	return found
}

// twoAlike names two roles that an application role is a member of and that were granted the same; "" where there are none.
func (in *Input) twoAlike(app string) (a, b string) {
	for _, id := range in.identities(app) {
		r := in.Model.Snapshot.Role(id.role)
		if id.role == app || r == nil || r.Login || r.Predefined || !in.Model.Rights.MemberOf(app, id.role) {
			continue
		}
		if a != "" && a != id.role && in.alike(a, id.role) {
			return a, id.role
		}
		if a == "" && in.alike(id.role, id.role) {
			a = id.role
		}
	}
	return "", ""
}

// group reports whether a role only passes privileges on: nobody logs in as it, and it is no tenant's, since all logins that
// are tenants inherit it. A tenant's role is held by the one login that stands for the tenants.
func (in *Input) group(role string) bool {
	r := in.Model.Snapshot.Role(role)
	if r == nil || r.Login || r.Predefined {
		return false
	}
	members := 0
	for i := range in.Model.Snapshot.Roles {
		if m := &in.Model.Snapshot.Roles[i]; m.Login && !m.Superuser && in.Model.Rights.Inherited(m.Name)[role] {
			members++
		}
	}
	for _, app := range in.Model.Applications() {
		for _, id := range in.identities(app) {
			if id.role != app && id.role != role && len(id.path) > 0 && id.path[0].Via == "set_role" && in.alike(role, id.role) {
				return false // one login takes several: it chooses among them
			}
		}
	}
	return members > 1
}

// alike reports whether two roles were granted the same: neither is then what only passes privileges on.
func (in *Input) alike(a, b string) bool {
	if r := in.Model.Snapshot.Role(b); r == nil || r.Login || r.Superuser || r.BypassRLS || r.Predefined {
		return false
	}
	for _, t := range in.Model.TenantTables() {
		for _, p := range []string{"SELECT", "INSERT", "UPDATE", "DELETE"} {
			if in.Model.Rights.Relation(a, t.Relation, p).Held != in.Model.Rights.Relation(b, t.Relation, p).Held {
				return false
			}
		}
	}
	return true
}

// readsUser reports whether the policy looks at current_user.
func (in *Input) readsUser(p *catalog.Policy) bool {
	for _, w := range in.policies() {
		if w.policy == p && slices.ContainsFunc(w.contexts, func(c expr.Context) bool { return c.Kind == "user" && c.Name != "session_user" }) {
			return true
		}
	}
	return false
}
