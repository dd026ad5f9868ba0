package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var partitionBypass = Rule{
	ID:       "VIA007",
	Name:     "partition-bypass",
	Title:    "a partition can be reached directly, without its parent's policies",
	Severity: High,
	Fix:      "enable_rls",
	Source:   "9",
	Doc: `Policies of a partitioned table bind only statements that name the partitioned table. Who holds a privilege on a partition reads it directly, under the
partition's own policies, which it has not.

Switch row level security on for each partition, or take the privilege on partitions away.`,

	Check: func(in *Input, report func(Finding)) {
		opens := in.opens(func(o open) bool {
			return bypassesParent(in, o.way.Relation) && direct(o) && o.way.Unbound != "" && plain(o.way)
		})
		for _, g := range byTable(opens, func(open) string { return "" }) {
			f := g.finding("Its parent " + g.way.Relation.Partition.Parent + " has row level security; nothing filters " + g.does() + " here.")
			f.Fix = &Fix{SQL: fmt.Sprintf("REVOKE ALL ON TABLE %s FROM %s", g.way.Relation.Identity(), pg.Ident(g.way.As)), Why: "the rows are reached through the parent only"}
			report(f)
		}
	},
}

// bypassesParent reports whether the relation is a partition without row level security of a table that has it.
func bypassesParent(in *Input, r *catalog.Relation) bool {
	if r.Partition == nil || r.RowSecurity {
		return false
	}
	parent := in.Model.Snapshot.Relation(r.Partition.Parent)
	return parent != nil && parent.RowSecurity
}
