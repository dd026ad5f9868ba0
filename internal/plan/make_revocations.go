package plan

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/definer"
	"github.com/ringfencehq/ringfence/internal/revocation"
)

// revocations plans their table where ringfence.yaml has revocations, and who uses it. It is asked for by name there, so that no
// danger has to be allowed again.
func (p *planner) revocations() {
	c := p.config.Revocations
	if c == nil {
		return
	}
	p.allow["revocations"] = true
	if !p.revocationsStand() {
		p.add(&revocationTable, Target{}, how{})
	}
	type use struct{ name, role string }
	uses := []use{{revocation.Follower, c.Follower}, {revocation.Revoker, c.Revoker}}
	for _, role := range c.Revokers {
		uses = append(uses, use{revocation.Revoker, role})
	}
	for _, use := range uses {
		if use.role == "" || p.revocationsOpenTo(use.name, use.role) {
			continue
		}
		if p.snap.Role(use.role) == nil {
			p.withhold("revocation_access", use.role, "there is no role of this name to be the "+use.name+" of revocations", "")
			continue
		}
		if use.role == p.roleName() || slices.Contains(p.m.Applications(), use.role) {
			p.withhold("revocation_access", use.role, "it is an application's role: with it one tenant's session could cut another's sockets", "")
			continue
		}
		p.add(&revocationAccess, Target{Role: use.role, Options: []string{use.name}, Privileges: p.schemaUsage(use.role)}, how{})
	}
}

// revocationsStand answers from the snapshot what the step's Done asks the catalogue.
func (p *planner) revocationsStand() bool {
	r := p.snap.Relation(Name{definer.Schema, revocation.Table}.Identity())
	return hasAll(revocation.Functions(), func(f definer.Function) bool { return p.ownFunction(f, revocation.Owner) }) &&
		r != nil && r.Owner == revocation.Owner && r.RowSecurity && r.ForceRLS && len(r.Policies) == 1 &&
		slices.Equal(r.Policies[0].Roles, []string{revocation.Owner}) &&
		!slices.ContainsFunc(r.Grants, func(g catalog.Grant) bool { return g.Grantee != revocation.Owner })
}

// revocationsOpenTo answers from the snapshot whether the role may use revocations so.
func (p *planner) revocationsOpenTo(use, role string) bool {
	return hasAll(revocation.UsedBy(use), func(f definer.Function) bool {
		has := p.schemaFunction(f.Name)
		return has != nil && len(missing(has.Grants, role, []string{"EXECUTE"})) == 0
	})
}
