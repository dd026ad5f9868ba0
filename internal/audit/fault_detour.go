package audit

import "fmt"

// detourFault makes a rule for the ways to a tenant table that lead over another object of the kind via. The finding is about
// that object; the table it opens is named beside it.
func detourFault(r Rule, via string) Rule {
	r.Check = func(in *Input, report func(Finding)) {
		opens := in.opens(func(o open) bool {
			h, around := detour(o.way.Path)
			return around && h.Via == via
		})
		name := func(o open) string { h, _ := detour(o.way.Path); return h.Name }
		for _, g := range byTable(opens, name) {
			f := g.finding(fmt.Sprintf("%s. Open for %s on %s.", g.answer.Why, g.does(), g.way.Relation.Identity()))
			f.Object, f.ObjectType = name(g.open), objectType(via)
			if r.Fix != "" {
				f.Fix = &Fix{}
			}
			report(f)
		}
	}
	return r
}

// objectType is what kind of object the hop via names.
func objectType(via string) string {
	switch via {
	case "matview":
		return "materialized view"
	case "foreign_table":
		return "foreign table"
	case "partition", "parent":
		return "table"
	case "default":
		return "table column"
	}
	return via
}
