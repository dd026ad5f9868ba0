package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/metrics"
	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/internal/notify"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// The schedule is the one that was asked for: counted over a day, with the clock of the test.
func TestSchedule(t *testing.T) {
	now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	began := now
	var at []time.Duration
	m := New(Options{Stats: metrics.New(now).Monitor(), Now: func() time.Time { return now },
		Connect: func(context.Context) (*pgx.Conn, error) {
			at = append(at, now.Sub(began))
			return nil, fmt.Errorf("down")
		},
		Wait: func(_ context.Context, d time.Duration) error {
			if now = now.Add(d); now.Sub(began) > 24*time.Hour {
				return context.Canceled
			}
			return nil
		}})
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	in := func(from, to time.Duration) int {
		return len(slices.DeleteFunc(slices.Clone(at), func(d time.Duration) bool { return d < from || d >= to }))
	}
	if a, b, c := in(0, time.Hour), in(time.Hour, 4*time.Hour), in(4*time.Hour, 24*time.Hour); a != 12 || b != 12 || c != 20 {
		t.Errorf("%d looks in the first hour, %d in the next three, %d to the end of the day: %v", a, b, c, at)
	}
}

// A world is a database that is watched, and somebody who is told.
type world struct {
	db     *pgtest.Database
	app    string
	m      *Monitor
	mu     sync.Mutex
	told   []string
	stats  *metrics.Registry
	refuse bool
}

const schema = `
CREATE TABLE note (id int PRIMARY KEY, tenant_id text NOT NULL, body text);
CREATE INDEX ON note (tenant_id);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
ALTER TABLE note FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON note USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')) WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''));
INSERT INTO note VALUES (1, 'canary', 'a'), (2, 'other', 'b');`

func watch(t *testing.T, checks ...Check) *world {
	t.Helper()
	w := &world{db: pgtest.Alone(t)}
	w.app = w.db.Role(t, "app", "LOGIN")
	pgtest.LoadSQL(t, w.db, schema+"GRANT SELECT, INSERT, UPDATE, DELETE ON note TO "+pg.Ident(w.app))
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var got struct{ Action, Severity, Key, Summary string }
		_ = json.Unmarshal(body, &got)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.refuse {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		w.told = append(w.told, strings.Join([]string{got.Action, got.Severity, got.Key, got.Summary}, " | "))
	}))
	t.Cleanup(server.Close)
	to, err := notify.Contact{Name: "ops", URL: "URL"}.Endpoint(func(string) (string, bool) { return server.URL, true })
	if err != nil {
		t.Fatal(err)
	}
	infer := func(s *catalog.Snapshot) (*tenancy.Model, error) {
		return tenancy.Infer(s, tenancy.Options{AppRoles: []string{w.app}, Context: "app.tenant_id"})
	}
	w.stats = metrics.New(time.Now())
	w.m = New(Options{
		Connect: func(ctx context.Context) (*pgx.Conn, error) {
			return pg.Connect(ctx, w.db.DSN(pg.Superuser), pg.Options{})
		},
		AppConnect: func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, w.db.DSN(w.app), pg.Options{}) },
		Infer:      infer,
		Compare: func(was, is *catalog.Snapshot) (drift.Result, error) {
			a, err := infer(was)
			if err != nil {
				return drift.Result{}, err
			}
			b, err := infer(is)
			return drift.Compare(a, b), err
		},
		Canaries: []string{"canary"}, Checks: checks, Database: "db", To: []notify.Endpoint{to}, Stats: w.stats.Monitor(),
	})
	return w
}

// accept takes the present state for the accepted one.
func (w *world) accept(t *testing.T) {
	t.Helper()
	s, err := catalog.Read(t.Context(), w.db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.m.o.Accepted = s
}

// look runs once and gives each check's outcome.
func (w *world) look(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for i, r := range w.m.Once(t.Context()) {
		out[w.m.o.Checks[i].Name] = r.Outcome.String() + ": " + r.Why
	}
	return out
}

// Each check that reads the catalogue is fine on a schema that isolates, bad when a table is opened or comes without isolation, and
// people are told at each run until it is over, and then once.
func TestPosture(t *testing.T) {
	w := watch(t, auditCheck, canaryCheck, driftCheck, proveCheck, tablesCheck)
	w.accept(t)
	want := map[string]string{"audit": "fine: nothing critical or high", "canary": "fine: 1 canaries see their own rows and no others",
		"drift": "fine: nothing widened", "tables": "fine: no new table is without isolation"}
	got := w.look(t)
	if !strings.HasPrefix(got["prove"], "fine: ") {
		t.Errorf("prove is %s", got["prove"])
	}
	delete(got, "prove")
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	if len(w.told) > 0 {
		t.Errorf("people were told of %v", w.told)
	}
	w.db.Exec(t, "ALTER TABLE note DISABLE ROW LEVEL SECURITY")
	w.db.Exec(t, "CREATE TABLE extra (id int PRIMARY KEY, tenant_id text NOT NULL)")
	w.db.Exec(t, "GRANT SELECT ON extra TO "+pg.Ident(w.app))
	for range 2 {
		for check, outcome := range w.look(t) {
			if !strings.HasPrefix(outcome, "bad: ") {
				t.Errorf("%s is %s", check, outcome)
			}
		}
	}
	if n := len(w.told); n != 10 || !slices.Contains(w.told, "trigger | critical | ringfence/monitor/db/tables | db: tables: 1 new tables are not isolated") {
		t.Errorf("people were told %d times: %s", n, strings.Join(w.told, "\n"))
	}
	w.told = nil
	w.db.Exec(t, "ALTER TABLE note ENABLE ROW LEVEL SECURITY")
	w.db.Exec(t, "DROP TABLE extra")
	w.look(t)
	w.look(t)
	if n := len(w.told); n != 5 || !slices.Contains(w.told, "resolve | info | ringfence/monitor/db/drift | db: drift: nothing widened") {
		t.Errorf("people were told %d times that it is over: %s", n, strings.Join(w.told, "\n"))
	}
}

// What cannot be found out is unknown, is told, and what did not arrive is said again.
func TestUnknown(t *testing.T) {
	w := watch(t, driftCheck, trailCheck)
	got := w.look(t)
	if !strings.HasPrefix(got["drift"], "unknown: no accepted state") || !strings.HasPrefix(got["trail"], "unknown: ") || len(w.told) != 2 {
		t.Errorf("%v, %v", got, w.told)
	}
	w = watch(t, canaryCheck)
	w.db.Exec(t, "DELETE FROM note WHERE tenant_id = 'canary'")
	if got := w.look(t)["canary"]; got != "unknown: 1 of 1 canaries see no row of their own, so that nothing was tried" {
		t.Error(got)
	}
	w.db.Exec(t, "INSERT INTO note VALUES (1, 'canary', 'a')")
	w.refuse = true
	w.look(t)
	w.refuse, w.told = false, nil
	w.look(t)
	if len(w.told) != 1 || !strings.HasPrefix(w.told[0], "resolve") {
		t.Errorf("what did not arrive was not said again: %v", w.told)
	}
	w.m.o.Connect = func(context.Context) (*pgx.Conn, error) { return nil, fmt.Errorf("down") }
	if got := w.look(t)["canary"]; got != "unknown: the database could not be asked: down" {
		t.Error(got)
	}
	w.m.o.Connect = func(ctx context.Context) (*pgx.Conn, error) {
		return pg.Connect(ctx, w.db.DSN(pg.Superuser), pg.Options{})
	}
	w.m.o.Checks = []Check{{Name: "audit", Run: func(context.Context, *eye) Result { panic("s3cret") }}}
	if got := w.look(t)["audit"]; got != "unknown: the check broke off: string" {
		t.Error(got)
	}
}

// asks is a check that asks the database something.
func asks(name, sql string) Check {
	return Check{Name: name, Run: func(ctx context.Context, e *eye) Result {
		if _, err := e.conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return unknown("%v", err)
		}
		return fine("it answers")
	}}
}

// A check that takes too long, or whose connection is lost, says so itself; those after it are not unknown for it, and the reason of a
// connection that was given up is told.
func TestLostConnection(t *testing.T) {
	w := watch(t, asks("audit", "SELECT pg_sleep(60)"), asks("trail", "SELECT 1"))
	w.m.o.Limit = time.Second
	if got := w.look(t); got["audit"] != "unknown: it took longer than 1s" || got["trail"] != "fine: it answers" {
		t.Errorf("a slow check: %v", got)
	}
	w = watch(t, asks("audit", "SELECT 'mute'"), asks("trail", "SELECT 1"))
	dsn, _ := w.db.GoesMute(t, pg.Superuser, nettest.Sent("'mute'"), true)
	w.m.o.Connect = func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, dsn, pg.Options{}) }
	if got := w.look(t); !strings.Contains(got["audit"], "the server has not answered for") || got["trail"] != "fine: it answers" {
		t.Errorf("a server that goes mute: %v", got)
	}
}

// A catalogue that cannot be judged, or a server that does not let in, makes everything unknown and ends nothing.
func TestCannotLook(t *testing.T) {
	w := watch(t, auditCheck)
	infer := w.m.o.Infer
	w.m.o.Infer = func(*catalog.Snapshot) (*tenancy.Model, error) { panic("s3cret") }
	if got := w.look(t)["audit"]; got != "unknown: the database could not be asked: reading it broke off: string" {
		t.Error(got)
	}
	w.m.o.Infer = infer
	w.m.o.Limit = 100 * time.Millisecond
	w.m.o.Connect = func(ctx context.Context) (*pgx.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if got := w.look(t)["audit"]; got != "unknown: the database could not be asked: context deadline exceeded" {
		t.Error(got)
	}
}

// Errors of isolation in the server's own log are seen, from the second run on.
func TestErrors(t *testing.T) {
	server := pgtest.ServerWith(t, pg.EmbeddedOptions{InMemory: true, NoFsync: true, Config: map[string]string{"logging_collector": "on", "log_destination": "csvlog", "shared_preload_libraries": "pg_stat_statements"}})
	conn, err := pg.Connect(t.Context(), server.DSN("postgres", pg.Superuser), pg.Options{SimpleProtocol: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	e := &eye{o: &Options{Stats: metrics.New(time.Now()).Monitor()}, kept: &memory{}, conn: conn}
	if r := errorsCheck.Run(t.Context(), e); r.Outcome != Unknown || !r.Quiet {
		t.Errorf("the first run: %+v", r)
	}
	if r := errorsCheck.Run(t.Context(), e); r.Outcome != Fine {
		t.Errorf("nothing happened: %+v", r)
	}
	_, _ = conn.Exec(t.Context(), "SELECT current_setting('app.never_set')")
	_, _ = conn.Exec(t.Context(), "SELECT ''::uuid")
	r := errorsCheck.Run(t.Context(), e)
	for deadline := time.Now().Add(20 * time.Second); r.Outcome == Fine && time.Now().Before(deadline); { // the collector is a process of its own
		r = errorsCheck.Run(t.Context(), e)
	}
	if r.Outcome != Bad {
		t.Errorf("two errors: %+v", r)
	}
	rotated(t, e, conn)
	statements(t, e, conn)
}

// rotated has an error be the last of a log that goes on in another file.
func rotated(t *testing.T, e *eye, conn *pgx.Conn) {
	var first, last string
	name := func(into *string) {
		if err := conn.QueryRow(t.Context(), "SELECT pg_current_logfile('csvlog')").Scan(into); err != nil {
			t.Fatal(err)
		}
	}
	name(&first)
	_, _ = conn.Exec(t.Context(), "SELECT ''::uuid")
	nettest.Until(t, "the log goes on in another file", func() bool { // a file is named by its second
		if _, err := conn.Exec(t.Context(), "SELECT pg_rotate_logfile()"); err != nil {
			t.Fatal(err)
		}
		name(&last)
		return last != first
	})
	if r := errorsCheck.Run(t.Context(), e); r.Outcome != Bad {
		t.Errorf("an error at the end of %s, before %s: %+v", first, last, r)
	}
	if r := errorsCheck.Run(t.Context(), e); r.Outcome != Fine {
		t.Errorf("nothing came since: %+v", r)
	}
}

// statements has a statement give rows, then none, then rows again.
func statements(t *testing.T, e *eye, conn *pgx.Conn) {
	ask := func(n int) Result {
		for range n {
			if _, err := conn.Exec(t.Context(), "SELECT k FROM t WHERE k > 0"); err != nil {
				t.Fatal(err)
			}
		}
		return statementsCheck.Run(t.Context(), e)
	}
	if r := statementsCheck.Run(t.Context(), e); r.Outcome != Unknown || r.Quiet {
		t.Errorf("without the extension: %+v", r)
	}
	if _, err := conn.Exec(t.Context(), "CREATE EXTENSION pg_stat_statements; CREATE TABLE t (k int); INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if r := ask(5); r.Outcome != Unknown || !r.Quiet {
		t.Errorf("the first run: %+v", r)
	}
	if r := ask(5); r.Outcome != Fine {
		t.Errorf("rows came: %+v", r)
	}
	if _, err := conn.Exec(t.Context(), "DELETE FROM t"); err != nil {
		t.Fatal(err)
	}
	if r := ask(4); r.Outcome != Fine {
		t.Errorf("four calls say nothing: %+v", r)
	}
	if r := ask(5); r.Outcome != Bad {
		t.Errorf("no rows any more: %+v", r)
	}
}

// Every check is one that the metrics have.
func TestChecks(t *testing.T) {
	var names []string
	for _, c := range Checks() {
		names = append(names, c.Name)
		if c.Doc == "" {
			t.Errorf("%s does not say what it looks at", c.Name)
		}
	}
	if d := cmp.Diff(metrics.MonitorChecks, names); d != "" {
		t.Error(d)
	}
}
