package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/live"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// How much a look reads.
type depth int

const (
	quick depth = iota // what stop signals need, every minute
	full               // backups, alerts and the application's latency too, for a sample that is kept
)

// What has to be readable for the clock of a soak to advance.
const (
	needStatements = "statements"
	needCanaries   = "canaries"
)

// eyes hold what is looked at, and the session that looks.
type eyes struct {
	t       *rollout.Target
	rules   rollout.WatchDefinition
	model   *tenancy.Model
	conn    *pgx.Conn
	app     *pgx.Conn // the application's own session, where it is given
	roles   []string  // the application's, and owners that statements run as
	owners  map[string]bool
	tables  []string // that were applied
	texts   map[Key]string
	schema  string // of pg_stat_statements; "" where it is not there
	canary  []bench.Target
	tenants []string
	log     *serverLog

	stamp        string   // of the catalogue when the steps were asked last
	gone, goneOn []string // what they answered
}

func newEyes(ctx context.Context, t *rollout.Target, rules rollout.WatchDefinition) (*eyes, error) {
	e := &eyes{t: t, rules: rules, owners: map[string]bool{}, texts: map[Key]string{}, log: &serverLog{}}
	return e, e.look(ctx)
}

// look opens the session and reads the catalogue: who the application is, and what can be counted.
func (e *eyes) look(ctx context.Context) (err error) {
	if e.conn != nil && !e.conn.IsClosed() {
		return nil
	}
	if e.conn, err = connect(ctx, e.t); err != nil {
		return err
	}
	snapshot, err := catalog.Read(ctx, e.conn, catalog.Options{})
	if err != nil {
		return err
	}
	if e.model, err = tenancy.Infer(snapshot, tenancy.Options{Config: e.t.Config}); err != nil {
		return err
	}
	e.roles = slices.Clone(e.model.Applications())
	for _, table := range e.model.TenantTables() {
		e.owners[table.Relation.Owner] = !slices.Contains(e.model.Applications(), table.Relation.Owner)
		if !slices.Contains(e.roles, table.Relation.Owner) {
			e.roles = append(e.roles, table.Relation.Owner)
		}
	}
	for _, s := range e.t.Plan.Steps {
		if s.Kind == "application_role" && !slices.Contains(e.roles, s.Object) {
			e.roles = append(e.roles, s.Object)
		}
	}
	e.canary = slices.DeleteFunc(harden.BenchTargets(e.model), func(b bench.Target) bool { return b.Key == "" })
	e.schema, err = live.StatementsSchema(ctx, e.conn)
	return err
}

func (e *eyes) close(ctx context.Context) {
	for _, c := range []*pgx.Conn{e.conn, e.app} {
		if c != nil {
			c.Close(context.WithoutCancel(ctx))
		}
	}
	e.conn, e.app, e.stamp = nil, nil, ""
}

// read looks once. An error means that the target could not be asked at all; what else could not be read is in Unknown.
func (e *eyes) read(ctx context.Context, d depth) (*Reading, error) {
	if err := e.look(ctx); err != nil {
		return nil, err
	}
	r := &Reading{At: e.t.Now(), Statements: map[Key]Statement{}, Tables: map[string]Table{}}
	for _, step := range []func(context.Context, *Reading) error{e.counters, e.statements, e.relations, e.replicas} {
		if err := step(ctx, r); err != nil {
			return nil, err
		}
	}
	e.canaries(ctx, r)
	e.log.read(ctx, e, r)
	e.undone(ctx, r, d)
	if d == full {
		e.outside(ctx, r)
	}
	return r, nil
}

// counters reads since when all counters count.
func (e *eyes) counters(ctx context.Context, r *Reading) error {
	const sql = `SELECT pg_catalog.pg_postmaster_start_time()::text || ' ' || coalesce(stats_reset::text, ''), deadlocks
		FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database()`
	if err := e.conn.QueryRow(ctx, sql, pgx.QueryExecModeSimpleProtocol).Scan(&r.Epoch, &r.Deadlocks); err != nil {
		return fmt.Errorf("reading pg_stat_database: %w", err)
	}
	return nil
}

// statementsMost bounds how many statements are compared: those called most.
const statementsMost = 1000

// statements reads what the application's statements did. The texts are read once for each; what is not a query, and what the watch
// itself asks, is left out.
func (e *eyes) statements(ctx context.Context, r *Reading) error {
	if e.schema == "" {
		r.unknown(needStatements, "pg_stat_statements is not installed: CREATE EXTENSION pg_stat_statements, with the library in shared_preload_libraries")
		return nil
	}
	found, err := live.Statements(ctx, e.conn, e.schema, e.roles, statementsMost)
	if err != nil {
		return e.noStatements(r, err)
	}
	var fresh []int64
	all := map[Key]Statement{}
	for _, one := range found {
		s := Statement{Key: Key{one.Role, one.ID}, Calls: one.Calls, Rows: one.Rows, Millis: one.Millis, Blocks: one.Blocks}
		if _, known := e.texts[s.Key]; !known {
			fresh = append(fresh, s.ID)
		}
		all[s.Key] = s
	}
	if err := e.learn(ctx, fresh, r); err != nil {
		return err
	}
	for k, s := range all {
		s.Text = e.texts[k]
		switch word := firstWord(s.Text); {
		case isQuery(s.Text):
			r.Statements[k] = s
		case word == "commit" || word == "end":
			r.Commits += s.Calls
		case word == "rollback" || word == "abort":
			r.Rollbacks += s.Calls
		}
	}
	return nil
}

// noStatements says why the statements are not known; an error that the connection did not survive is one.
func (e *eyes) noStatements(r *Reading, err error) error {
	if pg.SQLState(err) == "" {
		return fmt.Errorf("reading pg_stat_statements: %w", err)
	}
	r.unknown(needStatements, "pg_stat_statements cannot be read: %s", pg.SQLState(err))
	return nil
}

// learn reads the texts of statements that were not seen before, and adds when the statistics began to the epoch.
func (e *eyes) learn(ctx context.Context, fresh []int64, r *Reading) error {
	var reset string
	err := e.conn.QueryRow(ctx, "SELECT coalesce((SELECT stats_reset::text FROM "+pg.Ident(e.schema)+".pg_stat_statements_info), '')", pgx.QueryExecModeSimpleProtocol).Scan(&reset)
	if err != nil {
		return e.noStatements(r, err)
	}
	r.Epoch += " " + reset
	if len(fresh) == 0 {
		return nil
	}
	rows, err := e.conn.Query(ctx, fmt.Sprintf(`SELECT a.rolname::text, s.queryid, pg_catalog.left(s.query, 4000) FROM %s.pg_stat_statements AS s JOIN pg_catalog.pg_roles AS a ON a.oid = s.userid
		WHERE s.queryid = ANY ($1)`, pg.Ident(e.schema)), fresh)
	if err != nil {
		return e.noStatements(r, err)
	}
	var k Key
	var text *string
	_, err = pgx.ForEachRow(rows, []any{&k.Role, &k.ID, &text}, func() error {
		if text != nil {
			e.texts[k] = *text
		}
		return nil
	})
	if err != nil {
		return e.noStatements(r, err)
	}
	return nil
}

// relations reads the counters of the tables that were applied.
func (e *eyes) relations(ctx context.Context, r *Reading) error {
	names := e.watched()
	rows, err := e.conn.Query(ctx, `SELECT w.name, coalesce(sum(s.seq_scan), 0)::int8, coalesce(sum(s.seq_tup_read), 0)::int8, coalesce(sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::int8, coalesce(sum(s.n_live_tup), 0)::int8
		FROM pg_catalog.unnest($1::text[]) AS w (name) JOIN LATERAL (SELECT relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(w.name)) UNION SELECT pg_catalog.to_regclass(w.name)) AS p ON true
		LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = p.relid GROUP BY 1`, names)
	if err != nil {
		return fmt.Errorf("reading pg_stat_all_tables: %w", err)
	}
	var t Table
	_, err = pgx.ForEachRow(rows, []any{&t.Name, &t.Seq, &t.SeqRows, &t.Writes, &t.Live}, func() error {
		if t.Name == e.rules.Trail {
			r.Trail = t.Writes
		}
		r.Tables[t.Name] = t
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading pg_stat_all_tables: %w", err)
	}
	return nil
}

// watched are the tables whose counters are read: before anything was applied, all that the plan touches.
func (e *eyes) watched() []string {
	var names []string
	for _, s := range e.t.Plan.Steps {
		if s.Table != "" && !slices.Contains(names, s.Table) {
			names = append(names, s.Table)
		}
	}
	if e.rules.Trail != "" && !slices.Contains(names, e.rules.Trail) {
		names = append(names, e.rules.Trail)
	}
	return names
}

func (e *eyes) replicas(ctx context.Context, r *Reading) error {
	err := e.conn.QueryRow(ctx, "SELECT coalesce(max(EXTRACT(epoch FROM replay_lag)), 0)::float8 FROM pg_catalog.pg_stat_replication", pgx.QueryExecModeSimpleProtocol).Scan(&r.Lag)
	if err != nil {
		return fmt.Errorf("reading pg_stat_replication: %w", err)
	}
	return nil
}

// stamp is another one whenever somebody changed the catalogue: the rows that steps ask about, by who wrote each last.
var stamp = func() string {
	var parts []string
	for _, catalogue := range []string{"pg_class", "pg_attribute", "pg_attrdef", "pg_policy", "pg_index", "pg_trigger", "pg_proc", "pg_constraint", "pg_rewrite", "pg_namespace", "pg_auth_members", "pg_db_role_setting", "pg_default_acl"} {
		parts = append(parts, "(SELECT pg_catalog.concat(count(*), ' ', sum(xmin::pg_catalog.text::pg_catalog.int8)) FROM pg_catalog."+catalogue+")")
	}
	return "SELECT pg_catalog.md5(pg_catalog.concat_ws('/', " + strings.Join(parts, ", ") + ", (SELECT pg_catalog.string_agg(r::pg_catalog.text, '/' ORDER BY r.oid) FROM pg_catalog.pg_roles AS r)))"
}()

// undone asks each step on the tables that were applied whether it is in place still: for a sample that is kept, and in between where the
// catalogue is not what it was, since planning some hundred questions costs the server more than all else that is read.
func (e *eyes) undone(ctx context.Context, r *Reading, d depth) {
	var now string
	if err := e.conn.QueryRow(ctx, stamp, pgx.QueryExecModeSimpleProtocol).Scan(&now); err != nil {
		r.unknown("steps", "the catalogue could not be read: %s", pg.SQLState(err))
		return
	}
	if d != full && now == e.stamp {
		r.Undone, r.UndoneOn = e.gone, e.goneOn
		return
	}
	e.ask(ctx, r)
	if e.stamp = now; r.Unknown["steps"] != "" {
		e.stamp = ""
	}
	e.gone, e.goneOn = r.Undone, r.UndoneOn
}

// ask asks them.
func (e *eyes) ask(ctx context.Context, r *Reading) {
	var steps []plan.Step
	for _, s := range e.t.Plan.Steps {
		if s.Batch == 0 && slices.Contains(e.tables, s.Table) {
			steps = append(steps, s)
		}
	}
	if len(steps) == 0 {
		return
	}
	done, err := e.done(ctx, steps)
	if err != nil {
		r.unknown("steps", "the steps could not be verified: %v", err)
		return
	}
	for i, s := range steps {
		if !done[i] {
			r.Undone, r.UndoneOn = append(r.Undone, s.Kind+" on "+s.Object), append(r.UndoneOn, s.Table)
		}
	}
}

// done asks all steps in one query; where one of them cannot be asked, since what it is about is gone, each by itself.
func (e *eyes) done(ctx context.Context, steps []plan.Step) ([]bool, error) {
	var questions []string
	for _, s := range steps {
		questions = append(questions, "coalesce(("+s.Done+"), false)")
	}
	var all []bool
	err := reading(ctx, e.conn, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SELECT ARRAY["+strings.Join(questions, ", ")+"]", pgx.QueryExecModeSimpleProtocol).Scan(&all)
	})
	if err == nil {
		return all, nil
	}
	sub := *e.t.Plan
	sub.Steps = steps
	results, err := apply.Verify(ctx, apply.Options{Plan: &sub, Connect: e.t.Connect})
	if err != nil {
		return nil, err
	}
	all = make([]bool, len(steps))
	for i, r := range results {
		all[i] = r.Done != nil && *r.Done
	}
	return all, nil
}

// patience bounds a statement of the watch.
const patience = 2 * time.Second

// reading runs fn in a read-only transaction with row_security off. It commits: a transaction that is rolled back would be counted
// among those of the application.
func reading(ctx context.Context, conn *pgx.Conn, fn func(pgx.Tx) error) error {
	return pg.InWorkTx(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET TRANSACTION READ ONLY", pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		return fn(tx)
	})
}
