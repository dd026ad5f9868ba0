package attack

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var viewUpsert = Probe{
	Name: "view_upsert",
	Doc: `change another tenant's row with an upsert through a view

A view that can be written to takes ON CONFLICT too, and runs it as its owner does. What the new row meets in a key the view need
not show: servers before 15.20, 16.16, 17.12 and 18.7 do not look.`,
	Command: "INSERT", Variant: "on_conflict", Kind: "isolation", Quiet: true, Writes: true, Applies: conflicting,
	Ways: func(t *Target) []*Target {
		return slices.DeleteFunc(t.over(catalog.View), func(v *Target) bool {
			return slices.ContainsFunc(t.Key, func(c string) bool { return v.seen.ColumnByName(c) == nil })
		})
	},
	Try: tryUpsert,
}

// shown leaves of a row what the relation that is asked in place of the table has columns for.
func (t *Target) shown(row map[string]*string) map[string]*string {
	if t.seen == nil {
		return row
	}
	out := map[string]*string{}
	for c, v := range row {
		if t.seen.ColumnByName(c) != nil {
			out[c] = v
		}
	}
	return out
}
