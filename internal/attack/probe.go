// Package attack makes two tenants' rows in any schema and tries each way to reach the other's. A probe runs twice on the
// same target: first as the tenant that owns the row (the control), then as the stranger. It never judges a policy by reading
// it, and everything it does is rolled back.
//
// To add a probe: write probe_NAME.go with one Probe value and testdata/NAME.txtar (held.sql, leaked.sql, inconclusive.sql),
// and its line in list.go; a test holds the three together.
package attack

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// Outcome is what a probe earned.
type Outcome string

// The three outcomes. Inconclusive is never counted as held.
const (
	Held         Outcome = "held"         // the owner reached the row, the stranger did not
	Leaked       Outcome = "leaked"       // the stranger reached the row
	Inconclusive Outcome = "inconclusive" // the control failed, or the probe could not run
)

// A Probe is one way to try to reach a row.
type Probe struct {
	Name    string // file name without "probe_" and ".go"
	Doc     string // what an attacker gains; first line is the title
	Command string // of the cell it bears on: SELECT, INSERT, …
	Variant string // of the cell: "", blind, on_conflict, copy, move
	Kind    string // isolation or inference
	Writes  bool   // refused where writes are
	Blind   bool   // touches every row of the relation: refused on large tables outside a clone
	Clone   bool   // run on a clone only
	Commits bool   // what it looks for comes with COMMIT: it needs Ways and Applies, which look at the table alone, and Target.commit
	DDL     bool   // fires event triggers: refused where one reaches out of the transaction
	// Stranger is the state of the stranger's context; Proper, the zero value, is the other tenant's own context.
	Stranger State
	// Informational marks what every setting-based scheme allows by its nature: told, never counted as a leak of a policy.
	Informational bool
	// Applies reports whether the probe makes sense on the target; nil: always.
	Applies func(t *Target) bool
	// Quiet drops the ways by which the owner did not reach the row: of many functions few have to do with the table.
	Quiet bool
	// Ways returns what is tried in place of the table itself: views over it, its partitions; nil: the table.
	Ways func(t *Target) []*Target
	// Try reports whether the tenant acting on tx reached the target. A refusal by the database is "not reached", not an error.
	Try func(ctx context.Context, tx pgx.Tx, t *Target) (reached bool, err error)
}

// A Target is one tenant's row in one table, as a probe sees it. Row and Foreign hold column values in text form.
type Target struct {
	Table    *tenancy.Table
	Relation string             // quoted, schema-qualified: where the row is looked for (the table, a view, a partition)
	Key      []string           // columns that identify the row (primary key, else every column that can be compared)
	Row      map[string]*string // the row that is to be reached
	Owner    Tenant             // whose row it is
	Actor    Tenant             // who tries; equal to Owner in the control
	Other    Tenant             // the other of the two tenants
	Marker   string             // text that occurs in the row and nowhere else; "" where no column could hold one
	Spare    map[string]*string // a row of Owner's that satisfies every constraint and is not in the table: for insert probes

	// Role is the application role that tries.
	Role string
	// Mine is the row of the other tenant in the same table: what the stranger owns itself; nil where there is none.
	Mine map[string]*string
	// Ours is a row of Other's that satisfies every constraint and is not in the table.
	Ours map[string]*string
	// Rows are the rows made in other tables: identity → name of the tenant → row.
	Rows map[string]map[string]map[string]*string

	// Path leads from the role to the table, where it is not reached directly.
	Path Path

	existing bool              // the rows were found, not made
	vacate   bool              // Spare is the row itself: it has to be taken away before it is made again
	stored   *catalog.Relation // where the row is stored: a partition, or the table

	commit  func(ctx context.Context, tx pgx.Tx) error // ends the transaction of a probe that Commits, its rows taken away again
	trusted []*catalog.Relation                        // tables that policies look tenants up in
	make    func(ctx context.Context, tx pgx.Tx, rel *catalog.Relation, tenant Tenant) (map[string]*string, error)

	seen  *catalog.Relation // the view that is asked in place of the table
	call  *catalog.Function // the function that is called
	named string            // a role to take first
	only  string            // the one key or constraint that is tried
	cell  string            // identity of the relation that the way's cell speaks of, where it is not the table
	kind  string            // of the way, where it is another than the probe's

	base string   // quoted name of the table the row is stored in
	s    *session // who tries, and how to look from outside
}

// A Hop is one step of a path from a role to a table. Via is one of: inherit, set_role, owner, view, matview, rule, function,
// trigger, default, partition, parent, foreign_table, publication, constraint.
type Hop struct {
	Via  string `json:"via"`
	Name string `json:"name"`
}

// A Path leads from the role to the table; empty is directly.
type Path []Hop

// A Tenant is one of the two tenants of an attack: its key value, and how a session becomes it.
type Tenant struct {
	Name    string            // A or B
	Value   string            // tenant key in text form
	Context map[string]string // settings to make with set_config(…, true)
	Role    string            // role to take where the context is the role itself; "" otherwise
}
