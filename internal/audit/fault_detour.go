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
			return around && h.Via == via && o.way.Below == nil && !told(o) && (o.answer.Verdict == decide.Leak || chosen(o) || in.builds(o) || o.way.Unbound != "" && o.table.Class.Tenant() && in.guards(o))
		})
		name := func(o open) string { h, _ := detour(o.way.Path); return h.Name }
		for _, g := range byTable(opens, name) {
			f := g.finding(fmt.Sprintf("%s. Open for %s on %s.", g.because(), g.does(), g.what()))
			if in.guards(g.open) {
				f.Detail += " Its body refuses some callers; whom, was not followed."
			}
			f.Object, f.ObjectType, f.Severity = name(g.open), objectType(via), g.gravity(in, r.Severity)
			if r.Fix != "" {
				f.Fix = &Fix{}
			}
			report(f)
		}
	}
	return r
}

// told reports whether a way to what all tenants share is open to the role itself: global-writable says it without the detour.
func told(o open) bool { return o.table.Class == tenancy.Global && o.way.As == o.way.Role }

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

// what names the rows that are reached.
func (g group) what() string {
	if g.table.Class == tenancy.Global {
		return g.way.Relation.Identity() + ", which all tenants share"
	}
	return g.way.Relation.Identity()
}

// gravity is s, but milder for what no tenant's data hang on directly: tables in which functions look the session up, and
// look-ups by a natural key that the caller has to know, as a login has it; and for what all tenants share, as where it is written to
// without a detour.
func (g group) gravity(in *Input, s Severity) Severity {
	switch {
	case in.guards(g.open):
		return min2(s, Medium)
	case in.boundRowFires(g.open):
		return min2(s, Low)
	case g.table.Class == tenancy.Global:
		return min2(s, Medium)
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

// guards reports whether a way leads over a function that refuses some callers by what the session is.
func (in *Input) guards(o open) bool {
	h, _ := detour(o.way.Path)
	f := in.Model.Snapshot.Function(h.Name)
	return h.Via == "function" && f != nil && (o.way.Asked || in.Model.Reader.RefusesUnfollowed(f))
}

// boundRowFires reports whether a way that nobody could decide leads over a trigger of a table whose policies bind who fires it: the row
// that it works from is one that they let through.
func (in *Input) boundRowFires(o open) bool {
	h, _ := detour(o.way.Path)
	if h.Via != "trigger" || o.answer.Verdict == decide.Leak {
		return false
	}
	for i := range in.Model.Snapshot.Relations {
		r := &in.Model.Snapshot.Relations[i]
		for n := range r.Triggers {
			if g := &r.Triggers[n]; g.Identity(r) == h.Name {
				return g.Timing != "instead" && r.RowSecurity && (r.ForceRLS || !in.Model.Rights.Owns(o.way.Role, r))
			}
		}
	}
	return false
}
