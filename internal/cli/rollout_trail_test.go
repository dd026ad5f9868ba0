package cli

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/trailsql"
	"github.com/ringfencehq/ringfence/trail"
)

// TestTrailDrains is the reference's third scenario: refusals do not reach the table. The journal grows; once the cause is mended it
// drains, and nothing is lost.
func TestTrailDrains(t *testing.T) { trailDrains(t, false) }

func trailDrains(t *testing.T, held bool) {
	db := pgtest.DB(t)
	writer := db.Role(t, "writer", "LOGIN")
	run := func(statements []string) {
		t.Helper()
		db.Exec(t, "SET search_path = pg_catalog; "+strings.Join(statements, ";\n"))
	}
	run(trailsql.Install()) // and nobody may write yet
	failing := make(chan trail.Alarm, 16)
	store := trail.NewPostgres(func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, db.DSN(writer), pg.Options{}) })
	defer store.Close(t.Context())
	tr, err := trail.Open(trail.Options{Dir: t.TempDir(), Node: "node", Store: store, Page: func(a trail.Alarm) {
		select {
		case failing <- a:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tr.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	const events = 50
	for i := range events {
		if err := tr.Record(t.Context(), ringfence.Event{Type: ringfence.CrossTenant, User: fmt.Sprintf("user-%d", i), AttemptedTenant: "t2", Address: fmt.Sprintf("192.0.2.%d", i+1)}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case a := <-failing:
		if a.Kind != trail.AlarmStore {
			t.Errorf("the alarm is %s", a.Kind)
		}
	case <-t.Context().Done():
		t.Fatal("nobody was told that events do not reach the table")
	}
	if s := tr.Stats(); s.Backlog < events || s.Lost != 0 {
		t.Errorf("while the table refuses: %+v", s)
	}
	began := time.Now()
	run(trailsql.Grant(trailsql.Writer, writer, trailsql.WithSchema))
	if _, err := tr.SelfTest(t.Context()); err != nil {
		t.Fatal(err)
	}
	within(t, "the journal drains", time.Since(began), 10*time.Minute, held)
	got := pgtest.Value[int64](t, db.Super, "SELECT count(DISTINCT user_id) FROM ringfence.trail_event WHERE event_type = $1 ", string(ringfence.CrossTenant))
	if s := tr.Stats(); got != events || s.Lost != 0 || s.Missing != 0 || s.Conflicts != 0 {
		t.Errorf("%d of %d refusals are in the table: %+v", got, events, s)
	}
}
