package impact

import (
	"cmp"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// rowCommands are the commands that reach rows of a table directly.
var rowCommands = []reach.Command{reach.Select, reach.Insert, reach.Update, reach.Delete}

// Logic says, without a database, what becomes of each command of each application role on every table whose row security the plan
// changes. Nothing is counted: every table's Unknown says so.
func Logic(m *tenancy.Model, p *plan.Plan) (*Document, error) {
	all := changes(m, p)
	doc := of(p)
	effects, err := effectsOf(m, p, all)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		doc.Impact = append(doc.Impact, Table{
			Table: c.rel.Identity(), Effects: effects[c], Losses: []Loss{}, Tenants: []Tenant{}, Unknown: "nothing was counted: there was no database to ask",
		})
	}
	doc.Summary = summarize(doc.Impact)
	return doc, nil
}

// effectsOf decides every direct way before and after the plan.
func effectsOf(m *tenancy.Model, p *plan.Plan, all []*change) (map[*change][]Effect, error) {
	out := map[*change][]Effect{}
	if len(all) == 0 {
		return out, nil
	}
	after, err := afterModel(m, all)
	if err != nil {
		return nil, err
	}
	before, later := extents(m, all), extents(after, all)
	for _, c := range all {
		for _, role := range m.Applications() {
			for _, command := range rowCommands {
				key := way{c.rel.Identity(), role, command}
				b, ok := before[key]
				if !ok {
					continue // no privilege
				}
				a := c.afterExtent(m, role, command, later[key])
				name := role
				if c.newRole != "" {
					name = c.newRole
				}
				out[c] = append(out[c], effect(name, command, b, a, c.newRole != ""))
			}
		}
		slices.SortFunc(out[c], func(a, b Effect) int {
			return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Command, b.Command), cmp.Compare(a.Before, b.Before))
		})
		out[c] = slices.Compact(out[c])
	}
	return out, nil
}

// A way names one command of a role on a table.
type way struct {
	table, role string
	command     reach.Command
}

// extents judges the direct ways of the model's application roles to the changed tables.
func extents(m *tenancy.Model, all []*change) map[way]Extent {
	rels := make([]*catalog.Relation, 0, len(all))
	for _, c := range all {
		if r := m.Snapshot.Relation(c.rel.Identity()); r != nil && m.Table(r.Identity()) != nil {
			rels = append(rels, r)
		}
	}
	d, out := decide.New(m), map[way]Extent{}
	for _, w := range reach.WaysTo(m, rels...) {
		if len(w.Path) > 0 || w.Variant != "" || w.Kind != reach.Isolation || !w.Privileged || !slices.Contains(rowCommands, w.Command) {
			continue
		}
		key := way{w.Relation.Identity(), w.Role, w.Command}
		out[key] = extentOf(d.Decide(w), m.Table(key.table).Class)
	}
	return out
}

func extentOf(d decide.Decision, class tenancy.Class) Extent {
	switch {
	case d.Unusable:
		return NoRow
	case d.Verdict == decide.Leak && !class.Tenant():
		return Everything
	case d.Verdict == decide.Leak:
		return EveryTenant
	case d.Verdict == decide.Proved && !class.Tenant():
		return Everything
	case d.Verdict == decide.Proved:
		return OwnTenant
	}
	return NotKnown
}

// afterExtent joins what the policies that stay give with what the policy that is made gives: permissive ones are joined by OR. The
// made one is the tenant's rows by construction, and Done holds the database to its exact text.
func (c *change) afterExtent(m *tenancy.Model, role string, command reach.Command, kept Extent) Extent {
	if c.newRole == "" && !c.bound(m, role, c.enabled, c.forced) {
		return kept
	}
	if c.shape == nil || c.shape.Command != "ALL" && c.shape.Command != string(command) {
		return kept
	}
	if c.shape.Rows.Every {
		return Everything
	}
	if kept == EveryTenant || kept == NotKnown {
		return kept
	}
	return OwnTenant
}

func effect(role string, command reach.Command, before, after Extent, taken bool) Effect {
	e := Effect{Role: role, Command: string(command), Before: before, After: after}
	size := map[Extent]int{NoRow: 0, OwnTenant: 1, Everything: 2, EveryTenant: 2}
	switch {
	case before == NotKnown || after == NotKnown || after == "":
		e.Change, e.After = "unknown", NotKnown
	case size[after] < size[before]:
		e.Change = "loses"
	case size[after] > size[before]:
		e.Change = "gains"
	default:
		e.Change = "none"
	}
	if taken {
		e.Why = "it takes over from the role of today"
	}
	return e
}

// afterModel is the model with the tables' row security as the plan leaves it, the policies that it makes left out: these are no
// stored trees yet. An application that the plan moves to a role of its own is judged as one that owns nothing.
func afterModel(m *tenancy.Model, all []*change) (*tenancy.Model, error) {
	s := *m.Snapshot
	s.Relations = slices.Clone(s.Relations)
	by := map[string]*change{}
	for _, c := range all {
		by[c.rel.Identity()] = c
	}
	for i := range s.Relations {
		r := &s.Relations[i]
		c := by[r.Identity()]
		if c == nil {
			continue
		}
		r.RowSecurity, r.ForceRLS, r.Policies = c.enabled, c.forced || c.newRole != "", nil
		for _, p := range c.kept() {
			r.Policies = append(r.Policies, *p)
		}
	}
	s.Reindex()
	return tenancy.Infer(&s, tenancy.Options{Config: m.Config, TenantColumns: m.TenantColumns, AppRoles: m.Applications()})
}
