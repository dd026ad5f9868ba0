package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// updatedAt plans the column and its trigger where ringfence.yaml or a finding asks for them. A table that is named gets the
// trigger also where it has the column; for "every table" those that have the column are left to the application, which fills it.
func (p *planner) updatedAt(t *tenancy.Table) {
	r := t.Relation
	if r.Kind == catalog.Foreign || r.Partition != nil {
		return
	}
	config := cmp.Or(p.config.UpdatedAt, &tenancy.UpdatedAtConfig{})
	why := slices.Concat(p.wantsFor("updated_at", r.Identity()), p.wantsFor("updated_at_column", r.Identity()), p.wantsFor("updated_at_trigger", r.Identity()))
	asked := slices.ContainsFunc(p.in.Wants, func(w Want) bool { return strings.HasPrefix(w.Kind, "updated_at") && w.Table == r.Identity() })
	all := p.config.UpdatedAt != nil && len(config.Tables) == 0
	for _, pattern := range config.Tables {
		all = all || pattern == "*"
		asked = asked || pattern != "*" && tenancy.Matches(pattern, r.Identity())
	}
	if !all && !asked || slices.ContainsFunc(config.Skip, func(s string) bool { return tenancy.Matches(s, r.Identity()) }) {
		return
	}
	column := cmp.Or(config.Column, "updated_at")
	target := Target{Name: nameOf(r), Columns: []string{column}, Partitions: p.partitionsOf(r)}
	function := updatedAtFunctionName(column)
	existing := r.ColumnByName(column)
	if existing != nil && (!asked && !p.halfway(existing, function) || setsColumn(p.snap, r, column)) {
		return
	}
	h := how{why: why}
	if !p.hasFunction(function, updatedAtBody(column)) {
		p.add(&updatedAtFunction, Target{Name: function, Columns: []string{column}}, h)
	}
	if existing == nil {
		p.add(&updatedAtColumn, target, h)
	}
	if config.Backfill == "created_at" && (existing == nil || p.halfway(existing, function)) {
		p.backfillUpdatedAt(r, column, h)
	}
	target.Procedure = function
	target.Object.Name = triggerName(r, "set_"+column)
	p.add(&updatedAtTrigger, target, h)
}

// updatedAtFunctionName names the function for a spelling of the column.
func updatedAtFunctionName(column string) Name {
	return Name{"ringfence", uniqueName(func(string) bool { return false }, "set", column)}
}

// halfway reports whether the column is one that an interrupted plan added: it has the plan's default, and the function is there.
func (p *planner) halfway(c *catalog.Column, function Name) bool {
	return c.Default != nil && c.Default.Text == "now()" && !c.NotNull && p.snap.Function(routineIdentity(function, nil)) != nil
}

func (p *planner) hasFunction(n Name, body string) bool {
	f := p.snap.Function(routineIdentity(n, nil))
	return f != nil && f.Source == body && f.Language == "plpgsql" && !f.SecurityDefiner
}

// setsColumn reports whether an enabled trigger before UPDATE of each row has a function that speaks of the column.
func setsColumn(s *catalog.Snapshot, r *catalog.Relation, column string) bool {
	return slices.ContainsFunc(r.Triggers, func(g catalog.Trigger) bool {
		f := s.Function(g.Function)
		return g.Timing == "before" && g.EachRow && slices.Contains(g.Events, "UPDATE") && (g.Enabled == "origin" || g.Enabled == "always") &&
			f != nil && strings.Contains(strings.ToLower(f.Source), strings.ToLower(column))
	})
}

func (p *planner) backfillUpdatedAt(r *catalog.Relation, column string, h how) {
	created := r.ColumnByName("created_at")
	if created == nil || !strings.HasPrefix(created.Type, "timestamp") && created.Type != "date" {
		p.withhold("updated_at_backfill", r.Identity(), "it has no created_at to fill from: old rows say NULL", "")
		return
	}
	for _, leaf := range p.leaves(r) {
		p.add(&updatedAtBackfill, Target{Name: nameOf(leaf), Columns: []string{column, created.Name}}, h)
	}
}

// leaves are the tables that hold the rows: the table itself, or the partitions at the bottom.
func (p *planner) leaves(r *catalog.Relation) []*catalog.Relation {
	if r.Kind != catalog.Partitioned {
		return []*catalog.Relation{r}
	}
	var out []*catalog.Relation
	for _, child := range p.children(r) {
		out = append(out, p.leaves(child)...)
	}
	return out
}

// triggerName is the wished name, or another where a trigger has it, whatever that one does.
func triggerName(r *catalog.Relation, wish string) string {
	taken := func(n string) bool {
		return slices.ContainsFunc(r.Triggers, func(g catalog.Trigger) bool { return g.Name == n })
	}
	if taken(wish) {
		wish = "ringfence_" + wish
	}
	return uniqueName(taken, wish)
}
