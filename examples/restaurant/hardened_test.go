package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/examples/restaurant/system"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/trail"
)

// tenantTables are the tables that carry a restaurant.
var tenantTables = []string{"menu_categories", "menu_items", "order_items", "order_status_history", "orders", "tables", "user_restaurants", "voice_order_logs"}

// What plan and apply made of the vulnerable state, as facts of the catalogue.
func TestHardened(t *testing.T) {
	w := running(t)
	super := w.system.Super()
	texts := func(sql string, args ...any) []string {
		t.Helper()
		rows, err := super.Query(t.Context(), sql, args...)
		if err != nil {
			t.Fatal(err)
		}
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	again, err := w.system.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range again.Steps {
		t.Errorf("a second plan has the step %s %s", s.Kind, s.Object)
	}
	if bypass := pgtest.Value[bool](t, super, "SELECT rolbypassrls FROM pg_roles WHERE rolname = 'restaurant_server'"); bypass {
		t.Error("the server's role still bypasses row security")
	}
	for _, table := range tenantTables {
		if !pgtest.Value[bool](t, super, fmt.Sprintf("SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = 'public.%s'::regclass", table)) {
			t.Errorf("%s: row security is not on and forced", table)
		}
		commands := texts("SELECT cmd FROM pg_policies WHERE schemaname = 'public' AND tablename = $1 AND permissive = 'PERMISSIVE' ORDER BY 1", table)
		if d := cmp.Diff([]string{"DELETE", "INSERT", "SELECT", "UPDATE"}, commands); d != "" {
			t.Errorf("%s has other policies than one a command: %s", table, d)
		}
		if led := texts("SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"+
			" WHERE i.indrelid = ('public.' || $1)::regclass AND i.indisvalid AND a.attname = 'restaurant_id'", table); len(led) == 0 {
			t.Errorf("%s has no index that is led by the tenant", table)
		}
	}
	for _, want := range []string{"(restaurant_id, status)", "(restaurant_id, created_at DESC)", "(restaurant_id, scheduled_for) WHERE (scheduled_for IS NOT NULL)"} {
		if !slices.ContainsFunc(texts("SELECT indexdef FROM pg_indexes WHERE tablename = 'orders'"), func(d string) bool { return strings.HasSuffix(d, want) }) {
			t.Errorf("orders has no index %s", want)
		}
	}
	unique := texts("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'public.user_pins'::regclass AND indisunique AND NOT indisprimary")
	if len(unique) != 1 || !strings.HasSuffix(unique[0], "(restaurant_id, user_id)") {
		t.Errorf("user_pins is unique by %v", unique)
	}
	server, err := pg.Connect(t.Context(), w.system.DSN(system.Server), pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close(context.WithoutCancel(t.Context()))
	for _, table := range []string{"public.user_pins", "ringfence.user_pins", "ringfence.pin_device", "ringfence.pin_session", "ringfence.trail_event"} {
		if _, err := server.Exec(t.Context(), "SELECT FROM "+table); pg.SQLState(err) != "42501" {
			t.Errorf("the application reads %s: %v", table, err)
		}
	}
	if n := pgtest.Value[int](t, server, "SELECT count(*)::int FROM orders"); n != 0 {
		t.Errorf("without a restaurant the application sees %d orders", n)
	}
}

// Everybody logs in by PIN in every restaurant where they work, with the PIN of that restaurant; who works in two has one in each.
func TestPINLoginInEveryRestaurant(t *testing.T) {
	w := running(t)
	restaurants := map[string]bool{}
	for _, p := range w.system.People {
		token, _ := w.login(t, p.Restaurant, p.User)
		open(t, w.stack, "message", token).begin(p.Restaurant)
		restaurants[p.Restaurant] = true
	}
	if len(restaurants) != 3 {
		t.Errorf("%d restaurants", len(restaurants))
	}
	here, there := w.person(t, lucia, "anna"), w.person(t, sakura, "anna")
	if status, _ := w.tryPIN(t, lucia, "anna", there.PIN); here.PIN == there.PIN || status != 401 {
		t.Errorf("the PIN of one restaurant is answered with %d in another", status)
	}
	w.login(t, lucia, "anna")
}

// A session that ended, by its user or because a refresh token came twice, has ended when the answer says so: its access token opens
// nothing at this gateway from then on, and neither does the refresh token that was given meanwhile.
func TestSessionEndsAtOnce(t *testing.T) {
	w := running(t)
	for _, path := range []string{"/login/logout", "/login/refresh"} {
		for range 5 {
			_, text := w.tryPIN(t, lucia, "marco", w.person(t, lucia, "marco").PIN)
			given := func() (now struct{ Access, Refresh string }) {
				var answer map[string]any
				_ = json.Unmarshal([]byte(text), &answer)
				now.Access, _ = answer["access_token"].(string)
				now.Refresh, _ = answer["refresh_token"].(string)
				w.secret(now.Access, now.Refresh)
				return now
			}
			refresh := func(path, token string) (int, string) {
				body, _ := json.Marshal(map[string]string{"device": w.system.Devices[lucia], "refresh_token": token})
				return call(t, w.stack, "POST", path, "", string(body))
			}
			first := given()
			status := 0
			if status, text = refresh("/login/refresh", first.Refresh); status != 200 {
				t.Fatalf("the first refresh is answered with %d", status)
			}
			next := given()
			if status, _ := call(t, w.stack, "GET", "/api/orders", next.Access, ""); status != 200 {
				t.Fatalf("before the end: %d", status)
			}
			_, _ = refresh(path, first.Refresh)
			if status, _ := call(t, w.stack, "GET", "/api/orders", next.Access, ""); status != 401 {
				t.Errorf("behind %s the access token is answered with %d", path, status)
			}
			if status, _ := refresh("/login/refresh", next.Refresh); status != 401 {
				t.Errorf("behind %s the refresh token is answered with %d", path, status)
			}
		}
	}
}

// The eight checks that come with the audit table: table, columns, indexes, severity CHECK, row security, policy, insert and read
// with delete refused, and the plans of the two common queries.
func TestAuditTable(t *testing.T) {
	w := running(t)
	super := w.system.Super()
	is := func(what, sql string) {
		t.Helper()
		if !pgtest.Value[bool](t, super, "SELECT ("+sql+")") {
			t.Errorf("%s does not hold", what)
		}
	}
	is("the table", "SELECT to_regclass('ringfence.trail_event') IS NOT NULL AND to_regclass('ringfence.security_audit_logs') IS NOT NULL")
	columns := []string{"id uuid", "event_type text", "user_id text", "authenticated_restaurant_id text", "attempted_restaurant_id text", "session_id text", "ip_address text",
		"user_agent text", "severity text", "created_at timestamp with time zone"}
	rows, err := super.Query(t.Context(), "SELECT column_name || ' ' || data_type FROM information_schema.columns WHERE table_schema = 'ringfence' AND table_name = 'security_audit_logs' ORDER BY ordinal_position")
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(columns, got); d != "" {
		t.Errorf("the columns: %s", d)
	}
	is("the comments", "SELECT obj_description('ringfence.trail_event'::regclass) IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'ringfence.trail_event'::regclass AND attnum > 0 AND col_description(attrelid, attnum) IS NULL)")
	for _, keys := range []string{"(user_id)", "(created_at DESC)", "(severity)", "(event_type)", "(authenticated_tenant_id, created_at DESC)"} {
		is("an index "+keys, "SELECT EXISTS (SELECT FROM pg_indexes WHERE schemaname = 'ringfence' AND tablename = 'trail_event' AND indexdef LIKE '%"+keys+"')")
	}
	is("the CHECK of severities", `SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'ringfence.trail_event'::regclass AND contype = 'c'
		AND pg_get_constraintdef(oid) LIKE '%INFO%WARNING%ERROR%CRITICAL%')`)
	is("row security", "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = 'ringfence.trail_event'::regclass")
	is("the policies", "SELECT array_agg(polname::text ORDER BY polname) = ARRAY['trail_append', 'trail_own', 'trail_read'] FROM pg_policy WHERE polrelid = 'ringfence.trail_event'::regclass")
	for _, sql := range []string{"DELETE FROM ringfence.trail_event", "UPDATE ringfence.trail_event SET user_id = ''", "TRUNCATE ringfence.trail_event", "DELETE FROM ringfence.security_audit_logs"} {
		if _, err := w.audit.Exec(t.Context(), sql); pg.SQLState(err) != "42501" {
			t.Errorf("who reads the trail may %s: %v", sql, err)
		}
	}
	for what, sql := range map[string]string{
		"trail_event_tenant|_authenticated_tenant_id_created_at": "SELECT * FROM ringfence.security_audit_logs WHERE authenticated_restaurant_id = '" + lucia + "' ORDER BY created_at DESC LIMIT 50",
		"trail_event_severity|_severity":                         "SELECT * FROM ringfence.security_audit_logs WHERE severity = 'CRITICAL' ORDER BY created_at DESC LIMIT 50",
	} {
		if plan := explain(t, w.audit, sql); !slices.ContainsFunc(strings.Split(what, "|"), func(name string) bool { return strings.Contains(plan, name) }) && !strings.Contains(plan, "created_at") {
			t.Errorf("the plan of %s uses no index:\n%s", sql, plan)
		}
	}
}

func explain(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	if _, err := tx.Exec(t.Context(), "SET LOCAL enable_seqscan = off"); err != nil {
		t.Fatal(err)
	}
	rows, err := tx.Query(t.Context(), "EXPLAIN "+sql)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// Every event type and every severity is one that the table takes.
func TestEveryEventIsTaken(t *testing.T) {
	w := running(t)
	store := trail.NewPostgres(func(ctx context.Context) (*pgx.Conn, error) {
		return pg.Connect(ctx, w.system.DSN(system.Trail), pg.Options{})
	})
	keeper, err := trail.Open(trail.Options{Dir: filepath.Join(t.TempDir(), "trail"), Node: "every", SegmentSize: 1 << 20, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	want := len(ringfence.EventTypes) * len(ringfence.Severities)
	for _, typ := range ringfence.EventTypes {
		for _, severity := range ringfence.Severities {
			if err := keeper.Record(t.Context(), ringfence.Event{Type: typ, Severity: severity, User: "every " + string(severity)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := keeper.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := pgtest.Value[int](t, w.audit, "SELECT count(DISTINCT (event_type, severity))::int FROM ringfence.security_audit_logs WHERE user_id LIKE 'every %'"); n != want {
		t.Errorf("%d of %d kinds are in the table", n, want)
	}
}
