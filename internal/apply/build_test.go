package apply

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

const buildsRunning = "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()"

func TestBlockedBuildIsHeldAndRepaired(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	writer := s.openWriter(t)
	opts := s.options(only("index:invoice"))
	opts.Build.Wait, opts.Build.Clean = 200*time.Millisecond, 200*time.Millisecond
	phases := map[string]bool{}
	opts.Progress = func(e Event) { phases[e.Phase] = true }
	_, err := Run(t.Context(), opts)
	var held *HeldError
	if !errors.As(err, &held) {
		t.Fatalf("building against a writer that does not end: %v", err)
	}
	if len(held.Blockers) != 1 || held.Blockers[0].PID != int32(writer.Conn().PgConn().PID()) {
		t.Errorf("the blockers are %+v", held.Blockers)
	}
	if held.Leftover != `"shop"."invoice_org_idx"` {
		t.Errorf("the leftover is %q: dropping it is blocked too", held.Leftover)
	}
	if !phases["waiting for writers before build"] {
		t.Errorf("the phases told are %v", phases)
	}
	if n := pgtest.Value[int64](t, s.Super, buildsRunning); n != 0 {
		t.Errorf("%d builds go on after the run has ended", n)
	}
	if err := writer.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	res, err := Run(t.Context(), opts)
	if err != nil {
		t.Fatalf("building once the writer has ended: %v", err)
	}
	if diff := cmp.Diff([]Outcome{Did}, outcomes(res)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if valid := pgtest.Value[bool](t, s.Super, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop.invoice_org_idx'::regclass"); !valid {
		t.Error("the index is not valid")
	}
}

func TestCancelEndsTheBuildAtTheServer(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	writer := s.openWriter(t)
	opts := s.options(only("index:invoice"))
	opts.Build.Clean = 100 * time.Millisecond
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the operator pressed ctrl-C")
	opts.Progress = func(e Event) {
		if e.Phase != "" {
			cancel(why)
		}
	}
	if _, err := Run(ctx, opts); !errors.Is(err, why) {
		t.Errorf("the cancelled run says %v", err)
	}
	if n := pgtest.Value[int64](t, s.Super, buildsRunning); n != 0 {
		t.Errorf("%d builds go on after the run has ended", n)
	}
	if err := writer.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), s.options(only("index:invoice"))); err != nil {
		t.Errorf("building again: %v", err)
	}
}

func TestBuildWaitsForOldTransactionsBeforeItBegins(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	writer := s.openWriter(t)
	opts := s.options(only("index:invoice"))
	opts.Build.OldTransaction = time.Nanosecond
	waited := false
	opts.Progress = func(e Event) {
		if e.Kind != EventWaiting || waited {
			return
		}
		waited = true
		if n := pgtest.Value[int64](t, s.Super, "SELECT count(*) FROM pg_class WHERE relname = 'invoice_org_idx'"); n != 0 {
			t.Error("the build began beside an old transaction")
		}
		if err := writer.Rollback(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
	if _, err := Run(t.Context(), opts); err != nil {
		t.Fatalf("building: %v", err)
	}
	if !waited {
		t.Error("the old transaction was not waited for")
	}
}

func TestFailedBuildLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := only("index:invoice")
	p.Steps[0].Do = []string{`CREATE UNIQUE INDEX CONCURRENTLY "invoice_org_idx" ON "shop"."invoice" ("org")`}
	before := s.state(t)
	_, err := Run(t.Context(), s.options(p))
	if e := pg.ServerError(err); e == nil || e.Code != "23505" {
		t.Fatalf("building a unique index over duplicates: %v", err)
	}
	if want := "applying step 1 of 1, tenant_index on shop.invoice_org_idx: "; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the error is %q, and should begin %q", err, want)
	}
	if diff := cmp.Diff(before, s.state(t)); diff != "" {
		t.Errorf("the failed build changed the database:\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"1", "failed", "23505"}}, s.Query(t, "SELECT attempt, state, sqlstate FROM ringfence.apply_step")); diff != "" {
		t.Errorf("the run log (-want +got):\n%s", diff)
	}
}

func TestForeignIndexesAreLeftAlone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, sql string
		wants     string
	}{
		{"valid", `CREATE INDEX invoice_org_idx ON shop.invoice (amount)`, "is taken by something else"},
		{"table", `CREATE TABLE shop.invoice_org_idx (); ALTER TABLE shop.invoice_org_idx OWNER TO OWNER`, "is taken by something else"},
		{"invalid", `CREATE INDEX invoice_org_idx ON shop.invoice (amount); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shop.invoice_org_idx'::regclass`,
			"this plan did not make it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			pgtest.LoadSQL(t, s.Database, strings.ReplaceAll(tt.sql, "TO OWNER", "TO "+pg.Ident(s.owner)))
			before := s.state(t)
			for range 2 { // the second run must not take it for its own
				if _, err := Run(t.Context(), s.options(only("index:invoice"))); err == nil || !strings.Contains(err.Error(), tt.wants) {
					t.Errorf("building under a name that is taken: %v", err)
				}
			}
			if diff := cmp.Diff(before, s.state(t)); diff != "" {
				t.Errorf("the foreign object was changed:\n%s", diff)
			}
		})
	}
}

func TestReindexSweepsItsOwnLeftovers(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	pgtest.LoadSQL(t, s.Database, `CREATE INDEX invoice_org_idx ON shop.invoice (org); CREATE INDEX other_ccnew ON shop.invoice (amount);
		UPDATE pg_index SET indisvalid = false WHERE indexrelid IN ('shop.invoice_org_idx'::regclass, 'shop.other_ccnew'::regclass)`)
	p := only("index:invoice")
	p.Steps[0].Do = []string{`REINDEX INDEX CONCURRENTLY "shop"."invoice_org_idx"`}
	writer := s.openWriter(t)
	opts := s.options(p)
	opts.Build.Wait, opts.Build.Clean = 200*time.Millisecond, 200*time.Millisecond
	if _, err := Run(t.Context(), opts); !errors.As(err, new(*HeldError)) {
		t.Fatalf("rebuilding against a writer that does not end: %v", err)
	}
	if err := writer.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := `SELECT relname, indisvalid FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid WHERE indrelid = 'shop.invoice'::regclass ORDER BY 1`
	want := [][]string{{"invoice_org_idx", "f"}, {"invoice_org_idx_ccnew", "f"}, {"invoice_pkey", "t"}, {"other_ccnew", "f"}}
	if diff := cmp.Diff(want, s.Query(t, left)); diff != "" {
		t.Fatalf("the held rebuild left (-want +got):\n%s", diff)
	}
	if _, err := Run(t.Context(), opts); err != nil {
		t.Fatalf("rebuilding: %v", err)
	}
	want = [][]string{{"invoice_org_idx", "t"}, {"invoice_pkey", "t"}, {"other_ccnew", "f"}}
	if diff := cmp.Diff(want, s.Query(t, left)); diff != "" {
		t.Errorf("the rebuild left (-want +got):\n%s", diff)
	}
}
