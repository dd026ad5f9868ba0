package plan

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// addKey plans a child's own tenant key: the column, the trigger that fills it for programs that do not know it, the back-fill, and
// its closing against NULL. The index and the policy follow like any owned table's.
func (p *planner) addKey(t *tenancy.Table, column string) {
	r := t.Relation
	if t.Parent == nil || r.Partition != nil {
		return
	}
	key := ancestorKey(t)
	way, err := p.wayToKey(t)
	if key == nil || err != nil {
		p.withhold("tenant_column", r.Identity(), "the way to its parent's tenant key is not known", "")
		return
	}
	target := Target{Name: nameOf(r), Columns: []string{column}, Type: key.Type, Parent: way, Partitions: p.partitionsOf(r)}
	h := how{why: []string{}}
	existing := r.ColumnByName(column)
	if existing == nil {
		p.add(&tenantColumn, target, h)
	}
	target.Procedure = Name{"ringfence", uniqueName(func(string) bool { return false }, "fill", r.Schema, r.Name, column)}
	if !p.hasTrigger(r, target.Procedure) {
		target.Object.Name = triggerName(r, "fill_"+column)
		p.add(&tenantFillTrigger, target, h)
	}
	if existing != nil && existing.NotNull {
		return
	}
	for _, leaf := range p.leaves(r) {
		p.add(&tenantBackfill, Target{Name: nameOf(leaf), Columns: []string{column}, Parent: way}, h)
	}
	p.closeAgainstNull(t, column)
}

// wayToKey is how a row of the child finds its tenant, by the parents that have it today.
func (p *planner) wayToKey(t *tenancy.Table) (*ParentTest, error) {
	seen := []*tenancy.Table{t}
	rows, err := p.parentPredicate(t, seen)
	if err != nil {
		return nil, err
	}
	return rows.Parent, nil
}

func (p *planner) hasTrigger(r *catalog.Relation, function Name) bool {
	for _, g := range r.Triggers {
		if g.Function == routineIdentity(function, nil) && g.Enabled != "disabled" {
			return true
		}
	}
	return false
}
