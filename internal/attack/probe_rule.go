package attack

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
)

var rule = Probe{
	Name: "rule",
	Doc: `write to another tenant's row through a rewrite rule of another table

The action of a rule runs as the owner of the table the rule is on.`,
	Command: "UPDATE", Kind: "isolation", Quiet: true, Writes: true,
	Ways: func(t *Target) []*Target {
		return t.sources("rule", func(r *catalog.Relation) []string {
			var names []string
			for _, rule := range r.Rules {
				if rule.Event == "INSERT" && reads(rule.Action, t.Table.Relation) {
					names = append(names, rule.Name)
				}
			}
			return names
		})
	},
	Try: tryIndirect,
}
