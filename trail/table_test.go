package trail

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/trailsql"
)

func refuses(t *testing.T, conn *pgx.Conn, sql, word string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	if pg.SQLState(err) != "42501" || !strings.Contains(err.Error(), word) {
		t.Errorf("%s: got %v, want 42501 with %q", sql, err, word)
	}
}

// The writer may append and nothing else; even who owns the tables, or is above all, cannot change what stands there.
func TestTableIsAppendOnly(t *testing.T) {
	tb := newTable(t)
	batch := chain("n1", 1, time.Now(), ringfence.Event{Type: ringfence.NodeStarted}, ringfence.Event{Type: ringfence.CrossTenant})
	if _, err := tb.store(t).Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	part := "ringfence.trail_event_" + time.Now().UTC().Format("200601")
	writer := tb.Conn(t, tb.writer)
	for _, table := range []string{"ringfence.trail_event", part, "ringfence.trail_checkpoint", "ringfence.trail_retired", "ringfence.trail_event_other"} {
		refuses(t, writer, "SELECT FROM "+table, "permission denied")
		refuses(t, writer, "INSERT INTO "+table+" SELECT FROM generate_series(1, 0)", "permission denied")
		refuses(t, writer, "UPDATE "+table+" SET node = 'x'", "permission denied")
		refuses(t, writer, "DELETE FROM "+table, "permission denied")
		refuses(t, writer, "TRUNCATE "+table, "permission denied")
	}
	refuses(t, writer, "SELECT ringfence.trail_retire(now() - interval '1 year', 'drop', 'x')", "permission denied")
	refuses(t, writer, "SELECT ringfence.trail_ahead(1)", "permission denied")
	reader := tb.Conn(t, tb.reader)
	if n := pgtest.Value[int](t, reader, "SELECT count(*)::int FROM ringfence.trail_event"); n != 2 {
		t.Errorf("the reader sees %d events, want 2", n)
	}
	refuses(t, reader, "DELETE FROM ringfence.trail_event", "permission denied")
	for _, role := range []string{pg.Superuser, trailsql.Owner} {
		conn := tb.Conn(t, pg.Superuser)
		if _, err := conn.Exec(t.Context(), "SET ROLE "+pg.Ident(role)); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"ringfence.trail_event", part, "ringfence.trail_checkpoint", "ringfence.trail_retired", "ringfence.trail_event_other"} {
			refuses(t, conn, "UPDATE "+table+" SET node = 'x'", "append-only")
			refuses(t, conn, "DELETE FROM "+table, "append-only")
			refuses(t, conn, "TRUNCATE "+table, "append-only")
		}
		// Replication's way past ordinary triggers is closed, too.
		if role == pg.Superuser {
			if _, err := conn.Exec(t.Context(), "SET session_replication_role = replica"); err != nil {
				t.Fatal(err)
			}
			refuses(t, conn, "DELETE FROM ringfence.trail_event", "append-only")
			refuses(t, conn, "DELETE FROM "+part, "append-only")
		}
	}
	if n := len(read(t, reader)); n != 2 {
		t.Errorf("%d events are left", n)
	}
}

// Deleting a tenant, or never having had it, touches no evidence.
func TestTableOutlivesTenants(t *testing.T) {
	tb := newTable(t)
	pgtest.LoadSQL(t, tb.Database, "CREATE TABLE tenant (id uuid PRIMARY KEY); INSERT INTO tenant VALUES ('11111111-1111-4111-8111-111111111111')")
	batch := chain("n1", 1, time.Now(), ringfence.Event{Type: ringfence.NodeStarted},
		ringfence.Event{Type: ringfence.CrossTenant, Tenant: "11111111-1111-4111-8111-111111111111", AttemptedTenant: "' OR 1=1 --"},
		ringfence.Event{Type: ringfence.TenantMissing})
	if _, err := tb.store(t).Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	tb.Exec(t, "DROP TABLE tenant")
	if n := len(read(t, tb.Conn(t, tb.reader))); n != 3 {
		t.Errorf("%d events are left, want 3", n)
	}
}

// Months around now get partitions on the way, all others go to one table, and nothing is refused for its time.
func TestTablePartitions(t *testing.T) {
	tb := newTable(t)
	store := tb.store(t)
	now := time.Now().UTC()
	for i, at := range []time.Time{now, now.AddDate(0, -3, 0), time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), now.AddDate(80, 0, 0)} {
		batch := chain("n1", int64(i+1), at, ringfence.Event{Type: ringfence.NodeStarted}, ringfence.Event{Type: ringfence.SelfTest})
		if _, err := store.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	reader := tb.Conn(t, tb.reader)
	in := map[string]string{}
	for _, row := range pgtest.Query(t, reader, "SELECT tableoid::regclass, count(*) FROM ringfence.trail_event GROUP BY 1") {
		in[row[0]] = row[1]
	}
	month := func(at time.Time) string { return "ringfence.trail_event_" + at.Format("200601") }
	want := map[string]string{month(now): "2", month(now.AddDate(0, -3, 0)): "2", "ringfence.trail_event_other": "4"}
	if len(in) != len(want) {
		t.Errorf("events lie in %v, want %v", in, want)
	}
	for name, n := range want {
		if in[name] != n {
			t.Errorf("events lie in %v, want %v", in, want)
		}
	}
	keeper := tb.Conn(t, tb.keeper)
	if made, err := Ahead(t.Context(), keeper, 4); err != nil || len(made) != 2 { // two were made at installation
		t.Errorf("made %v, %v, want two months", made, err)
	}
	for _, row := range pgtest.Query(t, tb.Super, `SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity, c.relowner::regrole,
		(SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled = 'A'), (SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid), c.relacl IS NULL
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'ringfence.trail_event'::regclass`) {
		if row[1] != "t" || row[2] != trailsql.Owner || row[3] != "2" || row[4] != "6" || row[5] != "t" {
			t.Errorf("partition %v: want row security, the trail's owner, 2 triggers that always fire, 6 indexes, no grants", row)
		}
	}
}

// Months are retired by the keeper alone, recorded with every hash; the last month and the past that has no end are not.
func TestTableRetires(t *testing.T) {
	tb := newTable(t)
	store := tb.store(t)
	old := time.Now().UTC().AddDate(0, -5, 0)
	batch := chain("n1", 1, old, ringfence.Event{Type: ringfence.NodeStarted}, ringfence.Event{Type: ringfence.CrossTenant}, ringfence.Event{Type: ringfence.CrossTenant})
	if _, err := store.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	keeper, reader := tb.Conn(t, tb.keeper), tb.Conn(t, tb.reader)
	now := time.Now()
	for name, refused := range map[string]struct {
		before time.Time
		how    Disposal
		why    string
	}{"too early": {now, Drop, "old"}, "by no way": {now.AddDate(0, -2, 0), "shred", "old"}, "without reason": {now.AddDate(0, -2, 0), Drop, " "}} {
		if _, err := Retire(t.Context(), keeper, refused.before, refused.how, refused.why); pg.SQLState(err) != "22023" {
			t.Errorf("retiring %s: got %v, want a refusal", name, err)
		}
	}
	gone, err := Retire(t.Context(), keeper, now.AddDate(0, -3, 0), Drop, "kept for a quarter")
	if err != nil {
		t.Fatal(err)
	}
	if len(gone) != 1 || gone[0] != "trail_event_"+old.Format("200601") {
		t.Errorf("retired %v", gone)
	}
	if n := len(read(t, reader)); n != 0 {
		t.Errorf("%d events are left", n)
	}
	rows := pgtest.Query(t, reader, "SELECT node, epoch, first_sequence, last_sequence, octet_length(hashes), substr(hashes, 33, 32) = $$\\x"+batch[1].Hash.String()+"$$, retired_by, reason FROM ringfence.trail_retired")
	if len(rows) != 1 || strings.Join(rows[0], " ") != "n1 1 1 3 96 t "+tb.keeper+" kept for a quarter" {
		t.Errorf("the record of it is %v", rows)
	}
}

// Taking the installation back keeps evidence, and installing again goes on with it; without evidence nothing is left. It is
// idempotent, quick, and locks no table of the application.
func TestTableInstallsAndGoes(t *testing.T) {
	tb := newTable(t)
	begun := time.Now()
	install(t, tb.Super, trailsql.Install())
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("installing again took %v", took)
	}
	if !pgtest.Value[bool](t, tb.Super, trailsql.Done()) {
		t.Error("installed twice it is not done")
	}
	batch := chain("n1", 1, time.Now(), ringfence.Event{Type: ringfence.NodeStarted})
	if _, err := tb.store(t).Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	install(t, tb.Super, trailsql.Uninstall())
	if n := len(read(t, tb.Conn(t, tb.reader))); n != 1 {
		t.Errorf("%d events are left, want 1", n)
	}
	refuses(t, tb.Super, "DELETE FROM ringfence.trail_event", "append-only")
	if pgtest.Value[bool](t, tb.Super, trailsql.Done()) {
		t.Error("taken back it is done")
	}
	install(t, tb.Super, trailsql.Install())
	install(t, tb.Super, trailsql.Grant(trailsql.Writer, tb.writer, trailsql.WithSchema))
	if stored, err := tb.store(t).Append(t.Context(), batch); err != nil || stored[0].Hash != batch[0].Hash {
		t.Errorf("installed again: %v, %v", stored, err)
	}
	if n := len(read(t, tb.Conn(t, tb.reader))); n != 1 {
		t.Errorf("%d events are there, want 1", n)
	}
}
