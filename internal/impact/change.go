package impact

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A change is what the plan does to one table's row security.
type change struct {
	table   *tenancy.Table // nil where the model does not know it
	rel     *catalog.Relation
	shape   *plan.PolicyShape // the policy that is made; nil: none
	dropped map[string]bool   // policies that go, by name
	enabled bool              // row security afterwards
	forced  bool
	newRole string // the role that the plan makes for the application; ""
}

// changes lists what the plan does, by table, sorted. Tables whose row security stays as it is are left out.
func changes(m *tenancy.Model, p *plan.Plan) []*change {
	by := map[string]*change{}
	newRole := ""
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Kind == "application_role" {
			newRole = roleOf(m.Snapshot, s.Object)
			continue
		}
		rel := m.Snapshot.Relation(s.Table)
		if rel == nil || !slices.Contains([]string{"create_policy", "replace_policy", "drop_policy", "enable_rls", "force_rls"}, s.Kind) {
			continue
		}
		c := by[s.Table]
		if c == nil {
			c = &change{table: m.Table(s.Table), rel: rel, dropped: map[string]bool{}, enabled: rel.RowSecurity, forced: rel.ForceRLS}
			by[s.Table] = c
		}
		c.note(s)
	}
	var out []*change
	for _, c := range by {
		c.newRole = newRole
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *change) int { return cmp.Compare(a.rel.Identity(), b.rel.Identity()) })
	return out
}

// roleOf returns the name that a step's object stands for: it is printed as an identifier.
func roleOf(s *catalog.Snapshot, object string) string {
	if len(object) > 1 && object[0] == '"' {
		return strings.ReplaceAll(object[1:len(object)-1], `""`, `"`)
	}
	return object
}

func (c *change) note(s *plan.Step) {
	switch s.Kind {
	case "enable_rls":
		c.enabled = true
	case "force_rls":
		c.forced = true
	default:
		for i := range c.rel.Policies {
			if pol := &c.rel.Policies[i]; s.Object == pol.Identity(c.rel) {
				c.dropped[pol.Name] = true
			}
		}
		if s.Policy != nil {
			c.shape = s.Policy
		}
	}
}

// kept lists the policies that stay as they are.
func (c *change) kept() []*catalog.Policy {
	var out []*catalog.Policy
	for i := range c.rel.Policies {
		if !c.dropped[c.rel.Policies[i].Name] {
			out = append(out, &c.rel.Policies[i])
		}
	}
	return out
}

// done reports whether the plan's state is there already, as far as row security goes.
func (c *change) done() bool {
	if c.rel.RowSecurity != c.enabled || c.rel.ForceRLS != c.forced || len(c.dropped) > 0 && c.shape == nil {
		return false
	}
	if c.shape == nil {
		return true
	}
	return slices.ContainsFunc(c.rel.Policies, func(p catalog.Policy) bool { return plan.Means(c.rel, &p, *c.shape) })
}

// bound reports whether row security binds role on the table, before or after.
func (c *change) bound(m *tenancy.Model, role string, enabled, forced bool) bool {
	return enabled && !m.Rights.Bypass(role) && (forced || !m.Rights.Owns(role, c.rel))
}
