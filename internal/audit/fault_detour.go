package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// detourFault makes a rule for the ways to a tenant table that lead over another object of the kind via: those that are refuted,
// and those without row security on which the caller himself chooses what the rows are told apart by. The finding is about that
// object; the table it opens is named beside it.
func detourFault(r Rule, via string) Rule {
	r.Check = func(in *Input, report func(Finding)) {
		opens := in.ways(func(o open) bool {
			h, around := detour(o.way.Path)
			return around && h.Via == via && (o.answer.Verdict == decide.Leak || chosen(o))
		})
		name := func(o open) string { h, _ := detour(o.way.Path); return h.Name }
		for _, g := range byTable(opens, name) {
			f := g.finding(fmt.Sprintf("%s. Open for %s on %s.", g.because(), g.does(), g.way.Relation.Identity()))
			f.Object, f.ObjectType, f.Severity = name(g.open), objectType(via), g.gravity(in, r.Severity)
			if r.Fix != "" {
				f.Fix = &Fix{}
			}
			report(f)
		}
	}
	return r
}

// chosen reports whether the rows of a way are told apart by what the caller passes, and by nothing else that is known. What is written
// to a log that only its owner sees is no tenant's row.
func chosen(o open) bool {
	logs := o.table.Class == tenancy.Infrastructure && !o.table.LookUp && o.way.Command == "INSERT"
	return (o.table.Class.Tenant() || o.table.Class == tenancy.Infrastructure && !logs) && o.answer.Verdict == decide.Undecided && o.way.Args && o.way.Unbound != "" && o.way.Opaque == ""
}

// because says why the way is open.
func (g group) because() string {
	switch {
	case g.way.Unbound == "":
		return g.answer.Why
	case g.way.Args:
		return fmt.Sprintf("It acts as %s, whom no policy binds (%s), and the caller chooses the rows by what he passes", g.way.As, g.way.Unbound)
	}
	return fmt.Sprintf("It acts as %s, whom no policy binds (%s)", g.way.As, g.way.Unbound)
}

// gravity is s, but milder for what no tenant's data hang on directly: tables in which functions look the session up, and
// look-ups by a natural key that the caller has to know, as a login has it.
func (g group) gravity(in *Input, s Severity) Severity {
	switch {
	case g.table.Class == tenancy.Infrastructure && g.way.Command == "SELECT":
		return min2(s, Low)
	case g.table.Class == tenancy.Infrastructure:
		return min2(s, Medium)
	case in.naturalLookup(g.way):
		return min2(s, Low)
	}
	return s
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
