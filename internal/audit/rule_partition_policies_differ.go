package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var partitionSkew = Rule{
	ID:       "RLS008",
	Name:     "partition-policies-differ",
	Title:    "a partition has other policies than its parent",
	Severity: Low,
	Source:   "10",
	Doc: `A partition that can be reached directly is bound by its own policies, not by its parent's. Theirs differ here: none of them was found open, but whoever
changes the parent's will forget these.

Copy the parent's policies, or take the privilege on the partition away.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			r := t.Relation
			if r.Partition == nil || !r.RowSecurity {
				continue
			}
			parent := in.Model.Snapshot.Relation(r.Partition.Parent)
			w := in.canTouch(r, reach.Select, reach.Insert, reach.Update, reach.Delete)
			if parent == nil || w == nil || !parent.RowSecurity || alikePolicies(parent, r) {
				continue
			}
			report(Finding{
				Object: r.Identity(), ObjectType: string(r.Kind), Table: r.Identity(), Role: w.Role, Path: w.Path,
				Detail: "Its parent is " + parent.Identity() + ".",
			})
		}
	},
}

// alikePolicies reports whether two tables have policies that are written alike.
func alikePolicies(a, b *catalog.Relation) bool {
	sign := func(r *catalog.Relation) []string {
		var out []string
		for i := range r.Policies {
			p := &r.Policies[i]
			out = append(out, p.Command+"\x00"+text(p.Using)+"\x00"+text(p.Check)+map[bool]string{true: "\x00permissive"}[p.Permissive])
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(sign(a), sign(b))
}
