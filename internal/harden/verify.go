package harden

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A Verdict is what logic, and an attack where there was one, say of a plan's tables.
type Verdict struct {
	Cells []prove.Cell
	Tried *attack.Result        // nil: not attacked
	Wrong []prove.Contradiction // cells that logic proved and a probe broke
}

// Reason proves the plan's tables by logic.
func Reason(m *tenancy.Model, p *plan.Plan) Verdict {
	tables := Tables(p, m)
	cells := prove.Logic(m, time.Now())
	return Verdict{Cells: slices.DeleteFunc(cells, func(c prove.Cell) bool { return !slices.Contains(tables, c.Relation) })}
}

// Attack proves the plan's tables and then tries each way to their rows on conn, in one transaction that is rolled back. The
// connection must be able to act as the tables' owners and as the application's roles. Then the same tables are read through the
// application's own ways in; what stays unproven without them is noted.
func Attack(ctx context.Context, conn *pgx.Conn, m *tenancy.Model, p *plan.Plan, ways []attack.Way, progress func(done, total int)) (Verdict, error) {
	v := Reason(m, p)
	tables := Tables(p, m)
	if len(tables) == 0 {
		return v, nil
	}
	tried, err := attack.Run(ctx, attack.Options{Conn: conn, Model: m, Tables: tables, AllowWrites: true, Progress: progress})
	if err != nil {
		return v, err
	}
	v.Tried = tried
	bearing := slices.Clone(tried.Entries)
	for _, way := range ways {
		entries, notes, err := attack.RunWay(ctx, way, attack.WayOptions{Conn: conn, Model: m, Tables: tables, Switches: Switches})
		if err != nil {
			return v, err
		}
		tried.Entries, tried.Notes = append(tried.Entries, entries...), append(tried.Notes, notes...)
		// These only read: that they held does not raise a cell that logic left open.
		bearing = append(bearing, slices.DeleteFunc(slices.Clone(entries), func(e attack.Entry) bool { return e.Outcome != attack.Leaked })...)
	}
	tried.Notes = append(tried.Notes, Unproven(ways)...)
	v.Cells, v.Wrong = prove.Merge(m, v.Cells, bearing, time.Now())
	return v, nil
}

// Switches is how often two clients take turns on a table through the application's own ways in.
const Switches = 25

// The names of the ways that an application may have to its database.
const (
	AppWay    = "app_dsn"
	PoolerWay = "pooler"
)

// Unproven says what an attack leaves open without the application's own ways in.
func Unproven(ways []attack.Way) []string {
	var out []string
	has := func(name string) bool {
		return slices.ContainsFunc(ways, func(w attack.Way) bool { return w.Name == name })
	}
	if !has(AppWay) && !has(PoolerWay) {
		out = append(out, "the application's role was taken, not logged in as: what its own log-in brings with it is unproven (--app-dsn)")
	}
	if !has(PoolerWay) {
		out = append(out, "no pooler was in the path: whether it keeps tenants' contexts apart is unproven (--pooler-dsn)")
	}
	return out
}

// Tables lists the tables that a plan touches and that belong to tenants; all of the model's where the plan touches none.
func Tables(p *plan.Plan, m *tenancy.Model) []string {
	var out []string
	for _, t := range m.TenantTables() {
		id := t.Relation.Identity()
		if len(p.Steps) == 0 || slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Table == id || s.Object == id }) {
			out = append(out, id)
		}
	}
	return out
}
