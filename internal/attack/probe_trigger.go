package attack

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var trigger = Probe{
	Name: "trigger",
	Doc: `write to another tenant's row through a trigger of another table

A trigger whose function is SECURITY DEFINER writes as that function's owner, on values that the one who fired it chose.`,
	Command: "UPDATE", Kind: "isolation", Quiet: true, Writes: true,
	Ways: func(t *Target) []*Target {
		return t.sources("trigger", func(r *catalog.Relation) bool {
			return slices.ContainsFunc(r.Triggers, func(g catalog.Trigger) bool {
				f := t.s.snap.Function(g.Function)
				return f != nil && f.SecurityDefiner && slices.Contains(identifiers(strings.ToLower(f.Source)), strings.ToLower(t.Table.Relation.Name))
			})
		})
	},
	Try: tryIndirect,
}
