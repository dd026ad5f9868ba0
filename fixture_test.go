package ringfence_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

const (
	tenantA = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	tenantB = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
	setting = "app.current_org_id"
)

// schema is two tenants' rows under a policy, a table without one, and a definer function that finds an account's tenant.
const schema = `
CREATE TABLE doc (org uuid NOT NULL, id int NOT NULL, body text NOT NULL DEFAULT '', PRIMARY KEY (org, id));
INSERT INTO doc SELECT t::uuid, i, 'row ' || i FROM (VALUES ('` + tenantA + `'), ('` + tenantB + `')) v(t), generate_series(1, 3) i;
CREATE TABLE child (org uuid NOT NULL, doc int NOT NULL, FOREIGN KEY (org, doc) REFERENCES doc DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE plain (id int PRIMARY KEY, note text);
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
ALTER TABLE doc FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON doc USING (org = (SELECT NULLIF(current_setting('` + setting + `', true), '')::uuid))
  WITH CHECK (org = (SELECT NULLIF(current_setting('` + setting + `', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON doc, child, plain TO {app};
CREATE FUNCTION find(wanted int) RETURNS TABLE (org uuid) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS 'SELECT org FROM public.doc WHERE id = wanted ORDER BY org';
`

// app is a database with the schema, and its application's role.
type app struct {
	*pgtest.Database
	role, service string
	dsn           string
	trail         *trail
}

func newApp(t testing.TB) *app {
	t.Helper()
	return newAppOn(t, pgtest.DB(t))
}

func newAppOn(t testing.TB, db *pgtest.Database) *app {
	t.Helper()
	a := &app{Database: db, role: db.Role(t, "app", "LOGIN"), service: db.Role(t, "service", "LOGIN BYPASSRLS"), trail: &trail{}}
	pgtest.LoadSQL(t, db, replaceApp(schema, a.role))
	db.Exec(t, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "+pg.Ident(a.service))
	a.dsn = db.DSN(a.role)
	return a
}

// replaceApp writes the application's role into a script.
func replaceApp(script, role string) string {
	return strings.ReplaceAll(script, "{app}", pg.Ident(role))
}

// config is what most tests open a pool with.
func (a *app) config() ringfence.Config {
	return ringfence.Config{DSN: a.dsn, Setting: setting, Recorder: a.trail}
}

func (a *app) open(t testing.TB, change ...func(*ringfence.Config)) *ringfence.Pool {
	t.Helper()
	cfg := a.config()
	for _, f := range change {
		f(&cfg)
	}
	p, err := ringfence.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%v: %v", err, cause(err))
	}
	t.Cleanup(p.Close)
	return p
}

// cause is what a refusal keeps back.
func cause(err error) error {
	if r, ok := ringfence.RefusalOf(err); ok {
		return r.Unwrap()
	}
	return nil
}

// as is a context of a tenant.
func as(ctx context.Context, tenant string) context.Context {
	t, err := ringfence.ParseTenant(tenant)
	if err != nil {
		panic(err)
	}
	return ringfence.WithTenant(ctx, t)
}

// trail keeps events for a test.
type trail struct {
	mu     sync.Mutex
	events []ringfence.Event
	err    error
}

// Record implements ringfence.Recorder.
func (r *trail) Record(_ context.Context, e ringfence.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	return r.err
}

// take returns the events since the last call.
func (r *trail) take() []ringfence.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.events
	r.events = nil
	return all
}

// types are the events' types.
func types(events []ringfence.Event) []ringfence.EventType {
	var all []ringfence.EventType
	for _, e := range events {
		all = append(all, e.Type)
	}
	return all
}
