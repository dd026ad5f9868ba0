package attack

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
)

var trigger = Probe{
	Name: "trigger",
	Doc: `write to another tenant's row through a trigger of another table

A trigger whose function is SECURITY DEFINER writes as that function's owner, on values that the one who fired it chose.`,
	Command: "UPDATE", Kind: "isolation", Quiet: true, Writes: true,
	Ways: func(t *Target) []*Target {
		return t.sources("trigger", func(r *catalog.Relation) []string {
			var names []string
			for _, g := range r.Triggers {
				f := t.s.snap.Function(g.Function)
				if f != nil && f.SecurityDefiner && t.s.touches(f, t.Table.Relation) {
					names = append(names, g.Name)
				}
			}
			return names
		})
	},
	Try: tryIndirect,
}
