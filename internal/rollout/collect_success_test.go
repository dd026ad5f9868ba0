package rollout

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
	"github.com/ringfencehq/ringfence/internal/trailsql"
)

// begunAt is a target whose stage was begun then.
func begunAt(at time.Time) *Target {
	stage := &Stage{Name: "production"}
	return &Target{Stage: stage, State: &State{Stages: map[string]*StageState{stage.Name: {Begun: at}}}, Now: time.Now}
}

// event writes a record of the trail that follows the one before it in its chain.
const event = `INSERT INTO ringfence.trail_event (id, event_type, authenticated_tenant_id, severity, event_id, node, epoch, sequence, first_at, last_at, detail, hash, previous_hash)
	SELECT u, $1, $2, 'INFO', u, 'n1', 1, $3, now(), now(), $4, sha256($3::int::text::bytea), CASE WHEN $3 = 1 THEN decode(repeat('00', 32), 'hex') ELSE sha256(($3 - 1)::int::text::bytea) END
	FROM (SELECT ('0195f0a0-1111-7000-8000-' || lpad($3::int::text, 12, '0'))::uuid AS u) AS ids`

// What the windows of success ask of the trail's table turns when the table does, and is unknown where nothing was looked at.
func TestTrailFacts(t *testing.T) {
	db := pgtest.ServerWith(t, pg.EmbeddedOptions{InMemory: true, NoFsync: true}).DB(t)
	pgtest.LoadSQL(t, db, `CREATE TABLE tenant (id uuid PRIMARY KEY); CREATE TABLE orders (id int PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenant);
		INSERT INTO tenant SELECT ('00000000-0000-4000-8000-00000000000' || i)::uuid FROM generate_series(1, 2) i`)
	target := begunAt(time.Now().Add(-time.Hour))
	target.Config = &tenancy.Config{TenantColumns: []string{"tenant_id"}}
	target.Connect = func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, db.DSN(""), pg.Options{}) }
	stands := func(want string) {
		t.Helper()
		var got []string
		for _, c := range []*Collector{&triage, &trailComplete, &pinLogins} {
			f := c.Collect(t.Context(), target)
			got = append(got, fmt.Sprintf("%s=%s %s", c.Name, f.Outcome, f.Value))
			if f.Why == "" {
				t.Errorf("%s does not say why", c.Name)
			}
		}
		if text := strings.Join(got, "; "); text != want {
			t.Errorf("got  %s\nwant %s", text, want)
		}
	}
	sequence := 0
	add := func(kind, tenant, detail string) {
		t.Helper()
		sequence++
		if _, err := db.Super.Exec(t.Context(), event, kind, tenant, sequence, detail); err != nil {
			t.Fatal(err)
		}
	}
	judge := func(of int, judgement string) {
		add("triage", "", fmt.Sprintf(`{"event": "0195f0a0-1111-7000-8000-%012d", "judgement": %q}`, of, judgement))
	}
	stands("triage=unknown ; trail_complete=unknown ; pin_logins=unknown ")
	pgtest.LoadSQL(t, db, strings.Join(trailsql.Install(), ";\n"))
	stands("triage=pass 0 refusals, 0 judged, 0 of them false; trail_complete=unknown ; pin_logins=unknown ")
	add("pin_succeeded", "00000000-0000-4000-8000-000000000001", "{}")
	add("cross_tenant", "00000000-0000-4000-8000-000000000001", "{}")
	stands("triage=unknown 1 refusals, 0 judged, 0 of them false; trail_complete=pass 0 breaks; pin_logins=unknown 1 of 2 tenants")
	judge(2, "true")
	add("pin_succeeded", "00000000-0000-4000-8000-000000000002", "{}")
	stands("triage=pass 1 refusals, 1 judged, 0 of them false; trail_complete=pass 0 breaks; pin_logins=pass 2 of 2 tenants")
	judge(2, "false")
	sequence++ // a record is missing
	add("self_test", "", "{}")
	stands("triage=fail 1 refusals, 1 judged, 1 of them false; trail_complete=fail 1 breaks; pin_logins=pass 2 of 2 tenants")
	target.State.Stages["production"].Begun = time.Time{}
	stands("triage=unknown ; trail_complete=fail 1 breaks; pin_logins=unknown ")
}
