package impact_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/impact"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

const shop = `CREATE TABLE tenant (id uuid PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY, tenant_id uuid, total int NOT NULL DEFAULT 0);
CREATE TABLE "Order ""Line" (id int PRIMARY KEY, order_id int REFERENCES orders);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders, "Order ""Line" TO $app;
INSERT INTO tenant VALUES ('00000000-0000-0000-0000-0000000000a1'), ('00000000-0000-0000-0000-0000000000b2');
INSERT INTO orders SELECT n, CASE WHEN n <= 3 THEN '00000000-0000-0000-0000-0000000000a1' WHEN n <= 5 THEN '00000000-0000-0000-0000-0000000000b2' END::uuid FROM generate_series(1, 6) n;
INSERT INTO "Order ""Line" SELECT n, n FROM generate_series(1, 6) n`

const tenantA = "00000000-0000-0000-0000-0000000000a1"

// An observation is a database under observation.
type observation struct {
	db    *pgtest.Database
	names *strings.Replacer
	plan  *plan.Plan // what would be enforced
	watch *plan.Plan // what observes it
}

func (o *observation) options() apply.Options {
	return apply.Options{
		Plan: o.watch, Fingerprint: catalog.FingerprintsOf,
		Connect: func(ctx context.Context) (*pgx.Conn, error) {
			return pg.Connect(ctx, o.db.DSN(""), pg.Options{SimpleProtocol: true})
		},
	}
}

func observe(t testing.TB, db *pgtest.Database, names *strings.Replacer) *observation {
	t.Helper()
	m, p := modelAndPlan(t, db, "context: app.tenant_id", names.Replace("$app"))
	watch, blind, err := impact.Observe(m, p)
	if err != nil {
		t.Fatal(err)
	}
	if len(blind) > 0 {
		t.Fatalf("unobservable: %v", blind)
	}
	return &observation{db: db, names: names, plan: p, watch: watch}
}

func (o *observation) install(t testing.TB) {
	t.Helper()
	if _, err := apply.Run(t.Context(), o.options()); err != nil {
		t.Fatal(err)
	}
}

// counts waits until the statistics hold what the test's ended sessions did, and returns what is not zero.
func (o *observation) counts(t *testing.T, want map[string]int64) map[string]int64 {
	t.Helper()
	var got map[string]int64
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		got = map[string]int64{}
		for _, c := range o.status(t).Observed {
			if c.Count > 0 {
				got[fmt.Sprintf("%s %s %s", c.Table, strings.TrimRight(c.Role[:min(3, len(c.Role))], "_"), c.Cause)] = c.Count
			}
		}
		if cmp.Equal(want, got) {
			break
		}
		time.Sleep(50 * time.Millisecond) // the server's statistics tell nobody when they have arrived
	}
	return got
}

func (o *observation) status(t *testing.T) *impact.Status {
	t.Helper()
	s, err := impact.ReadStatus(t.Context(), o.db.Super, o.model(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (o *observation) model(t *testing.T) *tenancy.Model {
	t.Helper()
	return modelOf(t, o.db, "context: app.tenant_id", o.names.Replace("$app"))
}

// as runs statements, each in a session's own transaction, as the application, and ends the session so that its counts arrive.
func (o *observation) as(t *testing.T, context string, statements ...string) {
	t.Helper()
	conn, err := pg.Connect(t.Context(), o.db.DSN(o.names.Replace("$app")), pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if context != "unset" {
		if _, err := conn.Exec(t.Context(), "SELECT set_config('app.tenant_id', $1, false)", context); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Errorf("observing refused %s: %v", s, err)
		}
	}
}

// The mode counts each cause by table and role, refuses and hides nothing, and leaves no trace.
func TestObserve(t *testing.T) { observeOn(t, pgtest.DB(t)) }

func observeOn(t *testing.T, db *pgtest.Database) {
	db, names := loadInto(t, db, shop)
	o := observe(t, db, names)
	before := fingerprints(t, db)
	o.install(t)
	if got := o.counts(t, map[string]int64{}); len(got) > 0 {
		t.Fatalf("counted before anything was asked: %v", got)
	}
	o.as(t, "unset", "SELECT * FROM orders", "SELECT count(*) FROM orders")
	o.as(t, "", "SELECT FROM orders", "UPDATE orders SET total = total")
	o.as(t, "nonsense", "SELECT FROM orders", "DELETE FROM orders WHERE id = 99")
	o.as(t, tenantA, "SELECT FROM orders", "BEGIN; UPDATE orders SET total = 1; ROLLBACK", "BEGIN READ ONLY; SELECT FROM orders; COMMIT",
		"INSERT INTO orders VALUES (7, '00000000-0000-0000-0000-0000000000b2')", "INSERT INTO orders VALUES (8, '"+tenantA+"')", `SELECT FROM "Order ""Line"`)
	o.as(t, strings.ToUpper(tenantA), "SELECT FROM orders WHERE tenant_id = '"+tenantA+"'") // the same tenant, however it is written
	// The UPDATE counts for the rows it finds and for those it makes; the DELETE meets no row, and enforcing would not refuse it either.
	want := map[string]int64{
		"public.orders app no_context": 2, "public.orders app empty_context": 3, "public.orders app malformed_context": 1,
		"public.orders app foreign_row": 3 + 3 + 3, "public.orders app foreign_write": 3 + 1,
		`public."Order ""Line" app foreign_row`: 3,
	}
	if diff := cmp.Diff(want, o.counts(t, want)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if got := db.Query(t, "SELECT count(*)::text FROM orders"); got[0][0] != "8" {
		t.Errorf("rows: %v", got)
	}
	o.as(t, tenantA, "DO $$ BEGIN IF (SELECT count(*) FROM orders) <> 8 THEN RAISE 'hidden'; END IF; END $$")
	if _, err := apply.Rollback(t.Context(), o.options()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, fingerprints(t, db)); diff != "" {
		t.Errorf("it left a trace (-before +after):\n%s", diff)
	}
	if left := db.Query(t, "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'ringfence' AND relname LIKE 'observe%'"); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	o.install(t) // and again
	if got := o.status(t).Summary.Tables; got != 3 {
		t.Errorf("installed again: %d tables", got)
	}
}

// A context in a claim, of a type whose input cannot be checked beforehand, is malformed and never an error.
func TestObserveClaims(t *testing.T) { claimsOn(t, pgtest.DB(t)) }

func claimsOn(t *testing.T, db *pgtest.Database) {
	db, names := loadInto(t, db, `CREATE TABLE tenant (id date PRIMARY KEY); CREATE TABLE orders (id int PRIMARY KEY, tenant_id date NOT NULL REFERENCES tenant);
GRANT SELECT ON orders TO $app; INSERT INTO tenant VALUES ('2020-01-01'), ('2020-01-02'); INSERT INTO orders VALUES (1, '2020-01-01'), (2, '2020-01-02')`)
	config := "tenant_columns: [tenant_id]\ntables: {public.orders: {class: owned, key: [tenant_id]}}\ncontext: \"claim:request.jwt.claims#app.tenant\""
	m, p := modelAndPlan(t, db, config, names.Replace("$app"))
	watch, _, err := impact.Observe(m, p)
	if err != nil {
		t.Fatal(err)
	}
	o := &observation{db: db, names: names, plan: p, watch: watch}
	o.install(t)
	for _, claims := range []string{"", "{", `{"app": {}}`, `{"app": {"tenant": "yesterdayish"}}`, `{"app": {"tenant": "2020-01-01"}}`} {
		o.as(t, "unset", "SELECT set_config('request.jwt.claims', "+pg.Literal(claims)+", false)", "SELECT FROM orders")
	}
	want := map[string]int64{"public.orders app empty_context": 1, "public.orders app malformed_context": 3, "public.orders app foreign_row": 1}
	if diff := cmp.Diff(want, o.counts(t, want)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// What is killed in the middle goes on where it was; what is installed twice is there once.
func TestObserveResumes(t *testing.T) {
	db, names := load(t, shop)
	o := observe(t, db, names)
	before := fingerprints(t, db)
	ctx, stop := context.WithCancel(t.Context())
	options := o.options()
	options.Progress = func(e apply.Event) {
		if e.Kind == apply.EventEnd {
			stop()
		}
	}
	if _, err := apply.Run(ctx, options); err == nil {
		t.Fatal("it was not stopped")
	}
	if n := len(impact.Observing(o.model(t).Snapshot)); n == 0 || n == 3 {
		t.Fatalf("stopped in the middle, %d tables are observed", n)
	}
	o.install(t)
	o.install(t)
	if n := len(impact.Observing(o.model(t).Snapshot)); n != 3 {
		t.Fatalf("%d tables are observed", n)
	}
	ctx, stop = context.WithCancel(t.Context())
	options.Progress = func(e apply.Event) {
		if e.Kind == apply.EventEnd {
			stop()
		}
	}
	if _, err := apply.Rollback(ctx, options); err == nil {
		t.Fatal("the return was not stopped")
	}
	if _, err := apply.Rollback(t.Context(), o.options()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, fingerprints(t, db)); diff != "" {
		t.Errorf("it left a trace (-before +after):\n%s", diff)
	}
}

func TestObserveNoticesReset(t *testing.T) {
	db, names := load(t, shop)
	o := observe(t, db, names)
	o.install(t)
	if s := o.status(t); len(s.Reset) > 0 {
		t.Fatalf("reset before it was: %v", s.Reset)
	}
	db.Exec(t, "SELECT pg_stat_reset()")
	var got []string
	for deadline := time.Now().Add(10 * time.Second); len(got) == 0 && time.Now().Before(deadline); {
		got = o.status(t).Reset
	}
	if diff := cmp.Diff([]string{`public."Order ""Line"`, "public.orders", "public.tenant"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What would begin to refuse, or could see nobody, is not installed.
func TestObserveRefuses(t *testing.T) {
	db, names := load(t, shop+`; CREATE POLICY dormant ON orders AS RESTRICTIVE USING (false)`)
	m, p := modelAndPlan(t, db, "context: app.tenant_id", names.Replace("$app"))
	_, _, err := impact.Observe(m, p)
	var conflict *impact.ConflictError
	if !errors.As(err, &conflict) || !cmp.Equal(conflict.Tables, []string{"public.orders"}) {
		t.Errorf("dormant restrictive policy: %v", err)
	}
	db.Exec(t, "DROP POLICY dormant ON orders")
	db.Exec(t, "ALTER ROLE "+pg.Ident(names.Replace("$app"))+" BYPASSRLS")
	m, p = modelAndPlan(t, db, "context: app.tenant_id", names.Replace("$app"))
	_, blind, err := impact.Observe(m, p)
	if !errors.As(err, &conflict) || len(blind) == 0 || blind[0].First == "" {
		t.Errorf("bypassing application: %v, %v", err, blind)
	}
}

func fingerprints(t *testing.T, db *pgtest.Database) map[string]string {
	t.Helper()
	s, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s.Fingerprints()
}

// While a table is observed nothing is enforced, and audit and proof say so: it leaks, by the policy that lets everything through.
func TestObservedTableLeaks(t *testing.T) {
	db, names := load(t, shop)
	o := observe(t, db, names)
	o.install(t)
	m := o.model(t)
	found := map[string]bool{}
	for _, f := range audit.Run(audit.Read(m), audit.Rules(), time.Now()).Findings {
		if f.Severity == audit.Critical {
			found[f.ID+" "+f.Object] = true
		}
	}
	want := map[string]bool{`POL001 ringfence_observe on public."Order ""Line"`: true, "POL001 ringfence_observe on public.orders": true}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("critical findings (-want +got):\n%s", diff)
	}
	leaks := 0
	for _, c := range prove.Logic(m, time.Now()) {
		if c.Kind == "isolation" && c.Verdict == prove.Unproven {
			t.Errorf("%s %s is unproven: %s", c.Relation, c.Command, c.Why)
		}
		if c.Kind == "isolation" && c.Verdict == prove.Leak {
			leaks++
		}
	}
	if leaks == 0 {
		t.Error("nothing leaks")
	}
}
