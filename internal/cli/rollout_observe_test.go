package cli

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// TestRolloutObserve begins a stage with the mode that refuses nothing: what would be refused keeps it from being applied, the count can
// be begun anew, and a stage that was quiet for long enough is applied, and the rollout closed.
func TestRolloutObserve(t *testing.T) {
	d := newScene(t, false)
	before := d.protection()
	app := &shopApp{dsn: d.env["PRODUCTION_APP_DSN"]}

	d.must(0, "rollout", "advance", "--observe", "2h", "-q")
	if s := d.stageStatus("production"); s.State != "observing" {
		t.Fatalf("production is %s after it was put under observation", s.State)
	}
	d.nameless() // a statement that names no tenant is answered, and counted
	d.refusedFor(4, "production is observed for 2h0m0s", "rollout", "advance")
	d.clock.now = d.clock.now.Add(3 * time.Hour)
	d.backup()
	d.refusedFor(4, "statements named no tenant", "rollout", "advance")

	d.must(0, "rollout", "advance", "--observe", "1h", "-q")
	app.work(t.Context(), 20)
	if app.last == 0 {
		t.Error("under observation the application sees nothing")
	}
	d.refusedFor(4, "production is observed for 1h0m0s", "rollout", "advance")
	d.clock.now = d.clock.now.Add(time.Hour)
	d.backup()
	write(t, "healthy", "")
	d.must(0, "rollout", "advance", "-q")
	if s := d.stageStatus("production"); s.State != "soaking" {
		t.Fatalf("production is %s after a quiet observation", s.State)
	}
	for i, row := range d.protection() {
		if row == before[i] && !strings.HasPrefix(row, "tenant ") {
			t.Errorf("after the stage was applied: %s", row)
		}
	}

	d.must(0, "rollout", "close", "-q")
	report, err := os.ReadFile(defaultRolloutDir + "/papers/REPORT.md")
	if err != nil || !strings.Contains(string(report), "| production | soaking |") {
		t.Errorf("the closing report: %v\n%s", err, report)
	}
	d.refusedFor(4, "the rollout is closed already", "rollout", "close")
	d.refusedFor(4, "the rollout is closed", "rollout", "advance")
	d.must(0, "rollout", "verify", defaultRolloutDir, "--root", d.lines["root"], "-q", "-o", "decision")
}

// nameless has the application read without naming a tenant, in a context that is empty.
func (d *desk) nameless() {
	d.t.Helper()
	ctx := d.t.Context()
	conn, err := pg.Connect(ctx, d.env["PRODUCTION_APP_DSN"], pg.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close(ctx)
	var n int
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return tx.QueryRow(ctx, "SELECT count(*) FROM orders").Scan(&n) })
	if err != nil || n == 0 {
		d.t.Errorf("under observation a statement without a tenant reads %d rows, %v", n, err)
	}
}
