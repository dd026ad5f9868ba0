package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// privilegeFault makes a rule for a privilege on tenant tables that policies do not look at. Owners have it by nature: what
// they can do, other rules tell.
func privilegeFault(r Rule, command reach.Command) Rule {
	r.Check = func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			for _, g := range t.Relation.Grants {
				if g.Privilege != string(command) || g.Grantee == t.Relation.Owner {
					continue
				}
				app, path, ok := in.holder(g.Grantee)
				if !ok || !in.mayUse(app, t.Relation) {
					continue
				}
				f := Finding{Object: t.Relation.Identity(), ObjectType: string(t.Relation.Kind), Table: t.Relation.Identity(), Role: app, Command: string(command), Path: path}
				f.Detail = fmt.Sprintf("%s is granted to %s.", command, grantee(g))
				f.Fix = &Fix{SQL: revoke(string(command), t.Relation, g), Why: "nothing else changes for the application", Grants: []catalog.Grant{g}}
				report(f)
			}
		}
	}
	return r
}

// holder returns an application role that has what is granted to grantee, by the shortest path.
func (in *Input) holder(name string) (app string, path reach.Path, ok bool) {
	for _, a := range in.Model.Applications() {
		if name == "" {
			return a, nil, true
		}
		for _, id := range in.identities(a) {
			if id.role == name && (!ok || len(id.path) < len(path)) {
				app, path, ok = a, id.path, true
			}
		}
	}
	return app, path, ok
}

// mayUse reports whether the role, or one it can act as, may use the relation's schema at all.
func (in *Input) mayUse(app string, r *catalog.Relation) bool {
	for _, id := range in.identities(app) {
		if in.Model.Rights.Schema(id.role, r.Schema, "USAGE") {
			return true
		}
	}
	return false
}

// grantee names who was granted something, for people.
func grantee(g catalog.Grant) string {
	if g.Grantee == "" {
		return "PUBLIC"
	}
	return g.Grantee
}

// granted says in a sentence which privileges on what the grantee of g holds.
func granted(privileges []string, on string, g catalog.Grant) string {
	are := " are"
	if len(privileges) == 1 {
		are = " is"
	}
	return list(privileges) + on + are + " granted to " + grantee(g) + "."
}

// revoke is the SQL that takes one grant on a relation back.
func revoke(privilege string, r *catalog.Relation, g catalog.Grant) string {
	to := "PUBLIC"
	if g.Grantee != "" {
		to = pg.Ident(g.Grantee)
	}
	return fmt.Sprintf("REVOKE %s ON TABLE %s FROM %s", privilege, r.Identity(), to)
}
