package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// A ground is a system with its plan, from which copies are made to be killed on.
type ground struct {
	system
	server *pgtest.Instance
	name   string // of the database that is copied
	dir    string // the plan is in out below it
	steps  []step
	before map[string]string
	want   map[string]string // the catalogue after an uninterrupted run
}

// holdSQL is a trigger's function that has every writer of the run log wait until the test lets it.
const holdSQL = `
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.set_config('lock_timeout', '0', true), pg_catalog.set_config('statement_timeout', '0', true);
  PERFORM pg_catalog.pg_advisory_xact_lock_shared(TG_ARGV[0]::pg_catalog.int4, NEW.ordinal);
  RETURN NEW;
END $$`

// holdOn sets it on the run log: key 1 before a row of a step is made, key 2 before it is changed. The place where a run then
// stands is the boundary: what came before is committed, nothing of the step is.
const holdOn = `
CREATE TRIGGER hold_made BEFORE INSERT ON ringfence.apply_step FOR EACH ROW EXECUTE FUNCTION public.hold('1');
CREATE TRIGGER hold_changed BEFORE UPDATE ON ringfence.apply_step FOR EACH ROW EXECUTE FUNCTION public.hold('2');`

const holdOff = "DROP TRIGGER hold_made ON ringfence.apply_step; DROP TRIGGER hold_changed ON ringfence.apply_step"

// prepare plans, applies without interruption for the catalogue that is wanted, takes it back, and empties the run log, so that
// each copy is a database that no run has touched.
func prepare(t testing.TB, s system) *ground {
	t.Helper()
	g := &ground{system: s, server: pgtest.Server(t, 0)}
	var db *pgtest.Database
	db, g.dir = open(t, g.server, s)
	g.name, g.before = db.Name, fingerprints(t, db.DSN(""))
	plan(t, s, g.dir, db.DSN(""), "out")
	g.steps = readPlan(t, g.dir+"/out")
	run(t, 0, g.dir, "apply", "out", db.DSN(s.owner), "--quiet")
	// The function of the trigger is there in both catalogues.
	pgtest.LoadSQL(t, db, holdSQL)
	g.want = fingerprints(t, db.DSN(""))
	run(t, 0, g.dir, append([]string{"rollback", "out", db.DSN(s.owner), "--quiet"}, s.undo...)...)
	db.Exec(t, "TRUNCATE ringfence.apply_run, ringfence.apply_step, ringfence.apply_lease")
	if err := db.Super.Close(t.Context()); err != nil { // only an idle database can be copied
		t.Fatal(err)
	}
	return g
}

// held is the catalogue of a copy before anything was applied: the trigger's function is there too.
func (g *ground) held() map[string]string {
	out := maps.Clone(g.before)
	const hold = "public.hold()"
	out[hold] = g.want[hold]
	return out
}

// A copied is one database to be killed on.
type copied struct {
	*ground
	admin, dsn string
	super      *pgx.Conn
}

// copy makes a database like the prepared one.
func (g *ground) copy(t testing.TB) *copied {
	t.Helper()
	ctx := context.Background()
	name := fmt.Sprintf("copy_%d", copies.Add(1))
	admin, err := pg.Connect(ctx, g.server.DSN("postgres", pg.Superuser), pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	// One at a time: the copied database counts as in use meanwhile.
	script := []string{"SELECT pg_advisory_lock(1)", "CREATE DATABASE " + pg.Ident(name) + " TEMPLATE " + pg.Ident(g.name)}
	if g.creator != "" { // what is granted on a database is not copied with it
		script = append(script, "GRANT CREATE ON DATABASE "+pg.Ident(name)+" TO "+pg.Ident(g.creator))
	}
	for _, sql := range script {
		if _, err := admin.Exec(ctx, sql); err != nil {
			t.Fatalf("%v\nin: %s", err, sql)
		}
	}
	c := &copied{ground: g, admin: g.server.DSN(name, pg.Superuser), dsn: g.server.DSN(name, g.owner)}
	c.super = c.connect(t)
	return c
}

// copies numbers the copies of this process.
var copies atomic.Int64

// connect opens a superuser's session in the copy.
func (c *copied) connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pg.Connect(context.Background(), c.admin, pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// A point is where a run is killed: before the row of a step is made, or, where change is set, before its end is written.
type point struct {
	step   int
	change bool
}

// makesRole is the kind of step that changes the whole server, and not only the copy it runs in.
const makesRole = "application_role"

// cluster reports whether the plan changes what all copies share: then they take turns.
func (g *ground) cluster() bool {
	return slices.ContainsFunc(g.steps, func(s step) bool { return s.Kind == makesRole })
}

// points lists every boundary of a plan: one a step, and two for steps outside transactions, whose intent is written first.
func (g *ground) points() []point {
	var out []point
	for i, s := range g.steps {
		if s.Kind == makesRole {
			continue // a role belongs to all copies: after the first of them the step is done already
		}
		out = append(out, point{step: i + 1})
		if s.Transaction == "none" {
			out = append(out, point{step: i + 1, change: true})
		}
	}
	return out
}

// killedAt runs the plan on a copy, kills the program at the point, starts it again with the same words, and compares.
func (g *ground) killedAt(t *testing.T, at point) {
	t.Helper()
	c := g.copy(t)
	key := 1
	if at.change {
		key = 2
	}
	holder := c.connect(t)
	if _, err := holder.Exec(t.Context(), "SELECT pg_advisory_lock($1::int4, $2::int4)", key, at.step); err != nil {
		t.Fatal(err)
	}
	words := []string{"apply", "out", c.dsn}
	p := c.startHeld(t, words)
	c.untilStanding(t, p, key, at.step)
	p.kill(t)
	if err := holder.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	pgtest.Query(t, c.super, holdOff)
	c.again(t, words)
}

// startHeld starts the program and puts the triggers on its run log once it has made sure that there are none: it refuses a run
// log that is not its own.
func (c *copied) startHeld(t testing.TB, words []string) *process {
	t.Helper()
	gate := c.connect(t)
	pgtest.Query(t, gate, "BEGIN; LOCK TABLE ringfence.apply_step IN SHARE ROW EXCLUSIVE MODE")
	p := start(t, c.dir, nil, words...)
	whileRunning(t, p, c.super, "the program comes to its run log", `SELECT EXISTS (SELECT FROM pg_locks
		WHERE relation = 'ringfence.apply_step'::regclass AND NOT granted
		  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
	pgtest.Query(t, gate, holdOn+"; COMMIT")
	return p
}

// untilStanding waits until the program stands at the run log.
func (c *copied) untilStanding(t testing.TB, p *process, key, ordinal int) {
	t.Helper()
	whileRunning(t, p, c.super, fmt.Sprintf("the program stands at step %d", ordinal),
		`SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid::int8 = $1 AND objid::int8 = $2
		   AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`, key, ordinal)
}

// again starts the program once more with the same words, and compares the catalogue with the uninterrupted one.
func (c *copied) again(t testing.TB, words []string) {
	t.Helper()
	run(t, 0, c.dir, words...)
	same(t, "killed and started again", c.want, fingerprints(t, c.admin))
	if got := pgtest.Value[int64](t, c.super, "SELECT count(DISTINCT run) FROM ringfence.apply_run"); got != 2 {
		t.Errorf("the run log holds %d runs, not the killed one and the one that went on", got)
	}
}

// killAll kills at each of the points, and counts that each child died by signal 9.
func (g *ground) killAll(t *testing.T, points []point) {
	var killed atomic.Int64
	t.Run("at", func(t *testing.T) {
		for _, at := range points {
			name := fmt.Sprintf("%03d_%s", at.step, g.steps[at.step-1].Kind)
			if at.change {
				name += "_end"
			}
			t.Run(name, func(t *testing.T) {
				if !g.cluster() {
					t.Parallel()
				}
				g.killedAt(t, at) // fails unless it died by signal 9
				killed.Add(1)
			})
		}
	})
	if got := killed.Load(); got != int64(len(points)) || got == 0 {
		t.Errorf("%d children died by signal 9 and ended in the same catalogue, of %d", got, len(points))
	}
}

func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	g := prepare(t, shop)
	g.killAll(t, g.points())
}

// killedInBuild kills the program while its index build waits for an open writer, and gives that writer.
func (g *ground) killedInBuild(t *testing.T) (c *copied, writer *pgx.Conn, words []string) {
	t.Helper()
	c = g.copy(t)
	writer = c.connect(t)
	if _, err := writer.Exec(t.Context(), "BEGIN; "+g.writer); err != nil {
		t.Fatal(err)
	}
	words = []string{"apply", "out", c.dsn}
	p := start(t, g.dir, nil, words...)
	whileRunning(t, p, c.super, "the build waits for the writer", `SELECT EXISTS (SELECT FROM pg_stat_progress_create_index
		WHERE datname = current_database() AND phase LIKE 'waiting for writers%')`)
	p.kill(t)
	const invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
	if got := pgtest.Value[int64](t, c.super, invalid); got != 1 {
		t.Fatalf("%d indexes are invalid, not one: the kill did not hit inside a build", got)
	}
	return c, writer, words
}

// TestKilledInsideBuild kills inside an index build. The server may finish the build by itself, or it may be lost too.
func TestKilledInsideBuild(t *testing.T) {
	t.Parallel()
	g := prepare(t, shop)
	t.Run("the server finishes", func(t *testing.T) {
		t.Parallel()
		c, writer, words := g.killedInBuild(t)
		if _, err := writer.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		c.again(t, words)
	})
	t.Run("an invalid index is left", func(t *testing.T) {
		t.Parallel()
		c, writer, words := g.killedInBuild(t)
		pgtest.Query(t, c.super, "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index WHERE datname = current_database()")
		eventually(t, c.super, "the build is gone", "SELECT NOT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE datname = current_database())")
		if _, err := writer.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		if got := pgtest.Value[int64](t, c.super, "SELECT count(*) FROM pg_index WHERE NOT indisvalid"); got != 1 {
			t.Fatalf("%d indexes are invalid: there is nothing to repair", got)
		}
		c.again(t, words)
	})
}
