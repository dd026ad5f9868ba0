package monitor

import (
	"context"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/metrics"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var tablesCheck = Check{
	Name: "tables",
	Doc: `tables that came since the state was accepted (or since the monitor began): bad where one holds tenants' rows, or nobody can say
what it holds, and some way of an application role to its rows is not proved`,
	Run: func(_ context.Context, e *eye) Result {
		known := e.known()
		var open []string
		for _, t := range e.model.Tables {
			name := t.Relation.Identity()
			if !known(name) && (t.Class.Tenant() || t.Class == tenancy.Unclassified) && e.unproved(name) {
				open = append(open, name)
			}
		}
		slices.Sort(open)
		e.o.Stats.Set(metrics.MonitorNewTables, float64(len(open)))
		if len(open) == 0 {
			return fine("no new table is without isolation")
		}
		r := bad("%d new tables are not isolated", len(open))
		r.Details = map[string]string{"tables": strings.Join(open, ", ")}
		return r
	},
}

// known tells the tables that were there: in the accepted state, else in the first run.
func (e *eye) known() func(string) bool {
	if e.o.Accepted != nil {
		return func(name string) bool { return e.o.Accepted.Relation(name) != nil }
	}
	if e.kept.tables == nil {
		e.kept.tables = map[string]bool{}
		for _, t := range e.model.Tables {
			e.kept.tables[t.Relation.Identity()] = true
		}
	}
	return func(name string) bool { return e.kept.tables[name] }
}

// unproved reports whether some way to a table's rows is neither proved nor accepted.
func (e *eye) unproved(name string) bool {
	return slices.ContainsFunc(e.cells, func(c prove.Cell) bool {
		return c.Relation == name && c.Kind != reach.Inference && c.Accepted == nil && c.Verdict != prove.Proved && c.Verdict != prove.Probed
	})
}
