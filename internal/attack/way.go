package attack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A Way is an application's own way to the database: its log-in and its settings, or the pooler between.
type Way struct {
	Name string // what its probes are named for: "app_dsn", "pooler"
	// Dial opens one of the application's sessions. Two are opened, as two clients of a pooler would be.
	Dial func(ctx context.Context) (*pgx.Conn, error)
}

// WayOptions say what is tried through a way.
type WayOptions struct {
	// Conn sees every row: it finds what is there of two tenants. It must not be in a transaction.
	Conn   *pgx.Conn
	Model  *tenancy.Model
	Tables []string // identities
	Limits Limits
	Sign   Signer // for signed contexts; nil: they are inconclusive
	// AllowWrites lets each tenant make rows of its own through the way, and the other try to reach them; rolled back.
	AllowWrites bool
	// Switches is how often the two clients take turns on one table; 0: 3.
	Switches int
	Progress func(done, total int) // nil for silence
}

// RunWay reads rows that are there through the application's own way in: as two tenants that take turns on two
// connections, each context set for its transaction only; with no context in the transaction that follows another's; and with
// an empty one. Every transaction is read-only and rolled back. The error says that the way could not be taken at all.
//
// With AllowWrites the probes that forge, change, move and destroy follow, in one transaction that is rolled back: each tenant
// makes rows of its own through the way, and the other tries to reach them.
func RunWay(ctx context.Context, way Way, opts WayOptions) ([]Entry, []string, error) {
	w := &wayRunner{way: way.Name, limits: opts.Limits.withDefaults(), switches: max(opts.Switches, 3)}
	for i := range w.clients {
		conn, err := way.Dial(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("connecting by %s: %w", way.Name, err)
		}
		defer conn.Close(context.WithoutCancel(ctx))
		w.clients[i] = conn
	}
	if err := w.clients[0].QueryRow(ctx, "SELECT current_user::text", pgx.QueryExecModeSimpleProtocol).Scan(&w.role); err != nil {
		return nil, nil, fmt.Errorf("connecting by %s: %w", way.Name, err)
	}
	if !slices.Contains(opts.Model.Applications(), w.role) {
		w.notes = append(w.notes, fmt.Sprintf("%s: its role %s is not one that the model names as the application's", w.way, w.role))
	}
	settings, _, why := readContexts(opts.Model.Contexts)
	w.notes = append(w.notes, why...)
	for _, name := range opts.Tables {
		t := tableOf(opts.Model, name)
		if t == nil {
			continue
		}
		if err := w.table(ctx, opts, settings, t); err != nil {
			return w.entries, w.notes, err
		}
	}
	if opts.AllowWrites && len(opts.Tables) > 0 {
		w.leave(ctx, opts.Tables[0])
	}
	return w.entries, w.notes, w.write(ctx, opts)
}

func tableOf(m *tenancy.Model, name string) *tenancy.Table {
	for i := range m.Tables {
		if m.Tables[i].Relation.Identity() == name {
			return m.Tables[i]
		}
	}
	return nil
}

// A wayRunner is one way on its way through the tables.
type wayRunner struct {
	way, role string
	clients   [2]*pgx.Conn
	limits    Limits
	switches  int
	entries   []Entry
	notes     []string
}

// table tries one table whose key is a column of its own; others are told as not tried.
func (w *wayRunner) table(ctx context.Context, opts WayOptions, settings []setting, t *tenancy.Table) error {
	keys := keyColumns(t)
	if len(keys) != 1 || len(settings) == 0 {
		w.add(t, "read", "", Entry{Outcome: Inconclusive, Code: NoContext, Why: "its tenant is not one column compared with one setting: only the direct attack tries it"})
		return nil
	}
	values, err := wayTenants(ctx, opts.Conn, w.limits, t, keys[0])
	switch {
	case state(err) == insufficientPrivilege:
		w.add(t, "read", "", Entry{Outcome: Inconclusive, Code: NoPrivilege, SQLState: insufficientPrivilege,
			Why: "the session may not see all rows, so which two tenants have some is not known: give the DSN of a role with BYPASSRLS"})
		return nil
	case err != nil:
		return fmt.Errorf("looking for the rows of two tenants in %s: SQLSTATE %s", t.Relation.Identity(), state(err)) // never a value
	}
	if len(values) < 2 {
		w.add(t, "read", "", Entry{Outcome: Inconclusive, Code: NoRows, Why: "it holds no rows of two tenants"})
		return nil
	}
	var contexts [2]map[string]string
	for i, v := range values {
		if contexts[i], err = contextOf(settings, v, v, opts.Sign); err != nil {
			w.add(t, "read", "", Entry{Outcome: Inconclusive, Code: NoContext, Why: err.Error()})
			return nil
		}
	}
	return w.turns(ctx, t, keys[0], settings, values, contexts)
}

// turns has two clients take turns.
func (w *wayRunner) turns(ctx context.Context, t *tenancy.Table, key string, settings []setting, values []string, contexts [2]map[string]string) error {
	read := tally{probe: "read", held: "each of two clients, taking turns, read its own tenant's rows and no others"}
	unset := tally{probe: "no_context", held: "nothing was read without a context in the transaction after another client's"}
	empty := tally{probe: "empty_context", held: "nothing was read with an empty context"}
	table := tableName(t.Relation)
	asking := func(i int) (as Tenant, own, foreign string) { // what a tenant asks for: a row of its own, and one that is not
		is := "EXISTS (SELECT FROM " + table + " WHERE " + pg.Ident(key) + " %s " + pg.Literal(values[i]) + ")"
		return Tenant{Context: contexts[i]}, strings.Replace(is, "%s", "=", 1), strings.Replace(is, "%s", "IS DISTINCT FROM", 1)
	}
	for round := range w.switches {
		for i := range 2 {
			as, own, foreign := asking(i)
			any := "EXISTS (SELECT FROM " + table + ")"
			read.take(w.try(ctx, w.clients[(round+i)%2], as, own, foreign))
			unset.take(w.try(ctx, w.clients[(round+i+1)%2], Tenant{}, "true", any))
			blank := map[string]string{}
			for _, s := range settings {
				blank[s.name] = ""
			}
			empty.take(w.try(ctx, w.clients[(round+i)%2], Tenant{Context: blank}, "true", any))
		}
	}
	w.together(ctx, &read, asking)
	control := read.outcome()
	for _, x := range []tally{read, unset, empty} {
		e := x.outcome()
		if e.Outcome == Held && control.Outcome == Inconclusive { // the role may read nothing at all: not to see a row says nothing
			e = Entry{Outcome: Inconclusive, Code: control.Code, Why: "the control failed: " + control.Why}
		}
		w.add(t, x.probe, x.statement, e)
	}
	return ctx.Err()
}

// together has both clients ask at the same time, each as the two tenants by turns: a pooler then hands its connections from one
// to the other in any order.
func (w *wayRunner) together(ctx context.Context, read *tally, asking func(i int) (Tenant, string, string)) {
	answers := make([][]answer, len(w.clients))
	var both sync.WaitGroup
	for n, conn := range w.clients {
		both.Go(func() {
			for round := range w.switches {
				as, own, foreign := asking((n + round) % 2)
				answers[n] = append(answers[n], w.try(ctx, conn, as, own, foreign))
			}
		})
	}
	both.Wait()
	for _, all := range answers {
		for _, a := range all {
			read.take(a)
		}
	}
}

// An answer is what one transaction gave.
type answer struct {
	own, foreign bool
	statement    string
	err          error
}

// try asks in one read-only transaction, whose context is its own.
func (w *wayRunner) try(ctx context.Context, conn *pgx.Conn, as Tenant, own, foreign string) answer {
	a := answer{statement: contextSQL(as) + " SELECT " + own + ", " + foreign}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		a.err = preparing(err)
		return a
	}
	defer rollback(ctx, tx)
	limits := fmt.Sprintf("SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %d",
		w.limits.Statement.Milliseconds(), w.limits.Lock.Milliseconds())
	if _, err := query(ctx, tx, limits); err != nil {
		a.err = preparing(err)
		return a
	}
	rows, err := query(ctx, tx, a.statement)
	if err != nil {
		a.err = err
		return a
	}
	a.own, a.foreign = *rows[0][0] == "t", *rows[0][1] == "t"
	return a
}

// A tally sums up what the turns of one probe gave: one foreign row is a leak, and one turn that told nothing makes the probe
// tell nothing.
type tally struct {
	probe, held, statement string
	leaked                 bool
	odd                    error
	missed, refused        bool
}

func (x *tally) take(a answer) {
	switch {
	case a.foreign:
		x.leaked, x.statement = true, a.statement
	case a.err != nil && refused(a.err) && x.probe != "read":
		x.refused = true // the database said no to a session without a context
	case a.err != nil:
		x.odd = a.err
	case !a.own:
		x.missed = true
	}
	if x.statement == "" {
		x.statement = a.statement
	}
}

func (x *tally) outcome() Entry {
	switch {
	case x.leaked:
		return Entry{Outcome: Leaked, Why: "a row of another tenant was read"}
	case x.odd != nil && state(x.odd) == insufficientPrivilege:
		return Entry{Outcome: Inconclusive, Code: NoPrivilege, SQLState: insufficientPrivilege, Why: "the role may not read the table"}
	case x.odd != nil && timedOut(x.odd):
		return Entry{Outcome: Inconclusive, Code: TimedOut, SQLState: state(x.odd), Why: "ended by a limit of the attack's own"}
	case x.odd != nil:
		return Entry{Outcome: Inconclusive, Code: Failed, SQLState: state(x.odd), Why: "the server answered with an error"}
	case x.missed:
		return Entry{Outcome: Inconclusive, Code: ControlFailed, Why: "a tenant did not read its own rows"}
	case x.refused:
		return Entry{Outcome: Held, Why: x.held + ": refused"}
	}
	return Entry{Outcome: Held, Why: x.held}
}

// add keeps an outcome under the way's name.
func (w *wayRunner) add(t *tenancy.Table, probe, statement string, e Entry) {
	e.Role, e.Table, e.Command, e.Kind = w.role, t.Relation.Identity(), string(reach.Select), reach.Isolation
	e.Probe, e.Statement, e.Path = w.way+"_"+probe, statement, Path{}
	w.entries = append(w.entries, e)
}

// wayTenants finds two tenants that have rows, from outside row security.
func wayTenants(ctx context.Context, conn *pgx.Conn, limits Limits, t *tenancy.Table, key string) ([]string, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	defer rollback(ctx, tx)
	name, table := pg.Ident(key), tableName(t.Relation)
	sql := fmt.Sprintf("SET LOCAL search_path = pg_catalog; SET LOCAL row_security = off; SET LOCAL statement_timeout = %d; "+
		"SELECT min(k) FROM (SELECT %s::text AS k FROM %s WHERE %s IS NOT NULL LIMIT 1000) s UNION "+
		"SELECT max(k) FROM (SELECT %s::text AS k FROM %s WHERE %s IS NOT NULL LIMIT 1000) s",
		limits.Statement/time.Millisecond, name, table, name, name, table, name)
	rows, err := query(ctx, tx, sql)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range rows {
		if r[0] != nil {
			out = append(out, *r[0])
		}
	}
	return out, nil
}
