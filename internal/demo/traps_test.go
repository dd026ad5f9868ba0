package demo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/examples/callcenter"
	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// hardened is reference system B with few rows, after its plan was applied.
type hardened struct {
	t *testing.T
	s *stage
}

func hardenedSystem(t *testing.T) *hardened {
	t.Helper()
	s, err := open(t.Context(), Options{Organizations: 3, Events: 600, Say: t.Logf, Step: func(int, int, string) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	if err := s.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := s.model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.first = m.Snapshot
	if err := s.plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := apply.Run(t.Context(), s.options()); err != nil {
		t.Fatal(err)
	}
	return &hardened{t: t, s: s}
}

// as runs fn as the application with an organisation in the context (0: none), and rolls back.
func (h *hardened) as(t *testing.T, org int, fn func(tx pgx.Tx)) {
	t.Helper()
	conn, err := h.s.connect(t.Context(), database, newRole)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	if org > 0 {
		if _, err := tx.Exec(t.Context(), "SELECT set_config($1, $2, true)", setting, tenant(org)); err != nil {
			t.Fatal(err)
		}
	}
	fn(tx)
}

// count runs a query for one number.
func count(t *testing.T, tx pgx.Tx, query string) int {
	t.Helper()
	var n int
	if err := tx.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%v\nin: %s", err, query)
	}
	return n
}

// refused wants a statement to end with 42501.
func refused(t *testing.T, tx pgx.Tx, statement string) {
	t.Helper()
	_, err := tx.Exec(t.Context(), statement)
	if err == nil || !strings.Contains(err.Error(), "42501") {
		t.Errorf("%s: %v; want 42501", statement, err)
	}
}

// super runs a query as the superuser for one number.
func (h *hardened) super(t *testing.T, query string) int {
	t.Helper()
	return int(pgtest.Value[int64](t, h.s.super, query))
}

// Each trap of the reference system, met by name.
func TestTraps(t *testing.T) {
	h := hardenedSystem(t)
	traps := []struct {
		name string
		meet func(t *testing.T)
	}{
		{"the application does not connect as the owner any more", func(t *testing.T) {
			if n := h.super(t, "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = 'callcenter_app'"); n != 0 {
				t.Errorf("callcenter_app owns %d relations", n)
			}
			if n := h.super(t, "SELECT count(*) FROM pg_roles WHERE rolname = 'callcenter_app' AND NOT rolsuper AND NOT rolbypassrls AND NOT rolcreaterole"); n != 1 {
				t.Error("callcenter_app is no ordinary role")
			}
		}},
		{"campaign_calls and artifacts reach their tenant through campaigns", func(t *testing.T) { h.isolated(t, "callcenter.campaign_calls", "callcenter.artifacts") }},
		{"users belong through org_members, though one side is text and the other uuid", func(t *testing.T) { h.isolated(t, "callcenter.users") }},
		{"login finds a user before any tenant is known, by a narrow function and no other way", func(t *testing.T) {
			h.as(t, 0, func(tx pgx.Tx) {
				if n := count(t, tx, "SELECT count(*) FROM callcenter.login_lookup('user2@example.com')"); n != 1 {
					t.Errorf("login_lookup gives %d rows", n)
				}
				if n := count(t, tx, "SELECT count(*) FROM callcenter.users"); n != 0 {
					t.Errorf("%d users are visible without a tenant", n)
				}
			})
		}},
		{"webhook_event_types is read by all and written by no tenant", func(t *testing.T) {
			h.as(t, 1, func(tx pgx.Tx) {
				if n := count(t, tx, "SELECT count(*) FROM callcenter.webhook_event_types"); n != 2 {
					t.Errorf("%d event types are visible", n)
				}
				refused(t, tx, "INSERT INTO callcenter.webhook_event_types (code, description) VALUES ('x', 'x')")
			})
		}},
		{"tool_access.organization_id is not nullable any more", func(t *testing.T) {
			if n := h.super(t, "SELECT count(*) FROM pg_attribute WHERE attrelid = 'callcenter.tool_access'::regclass AND attname = 'organization_id' AND attnotnull"); n != 1 {
				t.Error("it is nullable")
			}
		}},
		{"existing good indexes are counted and not doubled", func(t *testing.T) {
			for _, table := range []string{"callcenter.campaigns", "callcenter.surveys", "callcenter.ai_call_events"} {
				if n := h.super(t, "SELECT count(*) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid = '"+table+"'::regclass AND a.attname = 'organization_id' AND NOT i.indisunique AND i.indisvalid"); n != 1 {
					t.Errorf("%s has %d indexes led by the tenant, want 1", table, n)
				}
			}
		}},
		{"collection_accounts keeps its own trigger beside the new one", func(t *testing.T) {
			h.as(t, 1, func(tx pgx.Tx) {
				if n := count(t, tx, "WITH u AS (UPDATE callcenter.collection_accounts SET debtor = '  padded  ' RETURNING *) SELECT count(*) FROM u WHERE debtor = 'padded' AND updated_at IS NOT NULL"); n != 1 {
					t.Errorf("%d rows were trimmed and stamped, want 1", n)
				}
			})
		}},
		{"ai_summaries had a policy of the planned name that was open when unset", func(t *testing.T) {
			h.as(t, 0, func(tx pgx.Tx) {
				if n := count(t, tx, "SELECT count(*) FROM callcenter.ai_summaries"); n != 0 {
					t.Errorf("%d rows are visible without a tenant", n)
				}
			})
			h.isolated(t, "callcenter.ai_summaries")
		}},
		{"compliance_monitoring read the second name of the setting", func(t *testing.T) { h.isolated(t, "callcenter.compliance_monitoring") }},
		{"recordings had a second permissive policy that undid the first", func(t *testing.T) { h.isolated(t, "callcenter.recordings") }},
		{"names that need quoting", func(t *testing.T) {
			h.isolated(t, `"Telephony".sip_trunks`, `"Telephony".voice_configs`, `"Telephony".webrtc_credentials`, `"Telephony".webrtc_sessions`)
		}},
		{"the partitioned table and its partitions, whose index names would collide", func(t *testing.T) {
			h.isolated(t, "callcenter.telnyx_call_events")
			if n := h.super(t, "SELECT count(DISTINCT i.indexrelid) FROM pg_inherits p JOIN pg_index i ON i.indrelid = p.inhrelid JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE p.inhparent = 'callcenter.telnyx_call_events'::regclass AND a.attname = 'organization_id' AND i.indisvalid"); n != 3 {
				t.Errorf("%d partitions have an index led by the tenant, want 3", n)
			}
			h.as(t, 1, func(tx pgx.Tx) { refused(t, tx, `SELECT FROM callcenter."telnyx call events: the rest"`) })
		}},
		{"the view ran as its owner", func(t *testing.T) {
			h.as(t, 1, func(tx pgx.Tx) {
				if n := count(t, tx, "SELECT count(*) FROM callcenter.open_accounts"); n != 1 {
					t.Errorf("%d accounts are visible through the view, want 1", n)
				}
			})
		}},
		{"the definer function returned all tenants' rows", func(t *testing.T) {
			h.as(t, 1, func(tx pgx.Tx) { refused(t, tx, "SELECT * FROM callcenter.usage_totals()") })
		}},
	}
	for _, trap := range traps {
		t.Run(trap.name, trap.meet)
	}
	t.Run("28 tables have updated_at and a trigger that fires", h.updatedAt)
	t.Run("the split of the 39 tables", h.splits)
	t.Run("back to the catalogue from before", h.back)
}

// isolated wants each table to show the organisation its own rows, and no other's: as many as the superuser counts for it.
func (h *hardened) isolated(t *testing.T, tables ...string) {
	t.Helper()
	for _, table := range tables {
		all := h.super(t, "SELECT count(*) FROM "+table)
		for org := 1; org <= 2; org++ {
			h.as(t, org, func(tx pgx.Tx) {
				n := count(t, tx, "SELECT count(*) FROM "+table)
				if n == 0 || n*3 != all {
					t.Errorf("%s: organisation %d sees %d of %d rows, want a third", table, org, n, all)
				}
			})
		}
		h.as(t, 0, func(tx pgx.Tx) {
			if n := count(t, tx, "SELECT count(*) FROM "+table); n != 0 {
				t.Errorf("%s: %d rows are visible without a tenant", table, n)
			}
		})
	}
}

// updatedAt counts the tables of the reference that got the column and whose trigger fires.
func (h *hardened) updatedAt(t *testing.T) {
	before := map[string]bool{}
	for i := range h.s.first.Relations {
		r := &h.s.first.Relations[i]
		before[r.Identity()] = r.ColumnByName("updated_at") != nil
	}
	fired := 0
	for _, table := range callcenter.Tables() {
		if before[table] {
			continue
		}
		tx, err := h.s.super.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		column := map[bool]string{true: "description", false: "created_at"}[table == "callcenter.webhook_event_types"]
		fired += min(1, count(t, tx, fmt.Sprintf("WITH u AS (UPDATE %s SET %s = %s RETURNING updated_at) SELECT count(*) FROM u WHERE updated_at IS NOT NULL", table, column, column)))
		tx.Rollback(t.Context())
	}
	if fired != 28 {
		t.Errorf("%d tables got updated_at and a trigger that fires, want 28", fired)
	}
}

func (h *hardened) splits(t *testing.T) {
	m, err := h.s.model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.s.split(m)
	total := 0
	for how, tables := range h.s.story.Split {
		t.Logf("%s: %d", how, len(tables))
		total += len(tables)
	}
	if total != 39 || len(h.s.story.Split["not found"]) > 0 {
		t.Errorf("the split has %d tables, want 39: %v", total, h.s.story.Split)
	}
	for _, table := range []string{"callcenter.campaign_calls", "callcenter.artifacts", "callcenter.users"} {
		if m.Table(table).Class != tenancy.Child {
			t.Errorf("%s is %s, want child", table, m.Table(table).Class)
		}
	}
	if m.Table("callcenter.webhook_event_types").Class != tenancy.Global {
		t.Error("webhook_event_types is not global")
	}
}

func (h *hardened) back(t *testing.T) {
	if err := h.s.back(t.Context()); err != nil {
		t.Fatal(err)
	}
	now, err := catalog.Read(t.Context(), h.s.super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if now.Fingerprint() != h.s.first.Fingerprint() {
		t.Errorf("the catalogue differs: %v", changed(h.s.first, now))
	}
}

// changed lists the objects whose fingerprints differ.
func changed(a, b *catalog.Snapshot) []string {
	before, after := a.Fingerprints(), b.Fingerprints()
	var out []string
	for name, f := range after {
		if before[name] != f && !strings.Contains(name, "ringfence") {
			out = append(out, name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			out = append(out, "gone: "+name)
		}
	}
	return out
}
