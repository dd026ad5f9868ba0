package plan

import (
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/definer"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// runners are the roles of whom one will run the plan: who plans, where it is a superuser or acts for an owner of tables that hold a
// tenant key; else, where it only looks, all those owners.
func (p *planner) runners() []string {
	var owners []string
	for _, t := range p.m.TenantTables() {
		if (t.Class == tenancy.Owned || t.Class == tenancy.Root) && !slices.Contains(owners, t.Relation.Owner) {
			owners = append(owners, t.Relation.Owner)
		}
	}
	session := p.snap.Server.SessionRole
	if p.m.Rights == nil || p.snap.Role(session) == nil {
		return owners
	}
	if p.m.Rights.Superuser(session) || slices.ContainsFunc(owners, func(o string) bool { return p.m.Rights.HasPrivsOf(session, o) }) {
		return []string{session}
	}
	return owners
}

// outOfReach says why nobody who runs the plan may change what the target names; "" where somebody may, or it is not there yet.
func (p *planner) outOfReach(t Target) string {
	owner := p.ownerOf(t)
	if owner == "" || len(p.runs) == 0 || p.m.Rights == nil {
		return ""
	}
	if slices.ContainsFunc(p.runs, func(r string) bool { return p.m.Rights.HasPrivsOf(r, owner) }) {
		return ""
	}
	return fmt.Sprintf("it belongs to %s, for whom %s may not act: whoever may has to do it, or to plan", owner, p.runs[0])
}

// ownerOf returns who owns what a step of the target changes; "" where nothing of the name is there, and for Ringfence's own schema.
func (p *planner) ownerOf(t Target) string {
	if t.Schema == definer.Schema {
		return ""
	}
	if t.ObjectType == "schema" {
		if n := p.snap.Namespace(t.Schema); n != nil {
			return n.Owner
		}
		return ""
	}
	if r := p.snap.Relation(t.Identity()); r != nil && t.ObjectType != "function" && len(t.Arguments) == 0 {
		return r.Owner
	}
	if f := p.findFunction(routineIdentity(t.Name, t.Arguments)); f != nil && t.Name.Name != "" {
		return f.Owner
	}
	return ""
}
