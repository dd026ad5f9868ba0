package attack

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var rule = Probe{
	Name: "rule",
	Doc: `write to another tenant's row through a rewrite rule of another table

The action of a rule runs as the owner of the table the rule is on.`,
	Command: "UPDATE", Kind: "isolation", Quiet: true, Writes: true,
	Ways: func(t *Target) []*Target {
		return t.sources("rule", func(r *catalog.Relation) bool {
			return slices.ContainsFunc(r.Rules, func(rule catalog.Rule) bool { return rule.Event == "INSERT" && reads(rule.Action, t.Table.Relation) })
		})
	},
	Try: tryIndirect,
}
