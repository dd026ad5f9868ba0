package apply

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

func TestStatementErrorsLeaveACleanState(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, do, state string
		wants           string
	}{
		{"error", `DO 'BEGIN RAISE division_by_zero; END'`, "22012", "division_by_zero"},
		{"disk_full", `DO 'BEGIN RAISE disk_full; END'`, "53100", "no room on its disk"},
		{"no_effect", `SELECT 1`, "", "the catalogue does not say that it is done"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			p := only("column:item", "policy:invoice", "force:invoice")
			p.Steps[1].Do = append([]string{`ALTER TABLE "shop"."invoice" ENABLE ROW LEVEL SECURITY`}, tt.do)
			res, err := Run(t.Context(), s.options(p))
			if err == nil || !strings.Contains(err.Error(), tt.wants) || !strings.HasPrefix(err.Error(), "applying step 2 of 3, policy on own on shop.invoice: ") {
				t.Errorf("the error is %v", err)
			}
			if res.Count(Did) != 1 || res.Steps[2].Outcome != NotReached {
				t.Errorf("outcomes %v", outcomes(res))
			}
			state := s.state(t)
			if state[1][1] != "f" || !strings.Contains(state[0][3], "seen") {
				t.Errorf("the failed step's first statement was kept, or the step before it was not: %v", state)
			}
			logged := s.Query(t, "SELECT sqlstate FROM ringfence.apply_step WHERE ordinal = 2")
			if diff := cmp.Diff([][]string{{tt.state}}, logged); diff != "" {
				t.Errorf("the run log (-want +got):\n%s", diff)
			}
			if _, err := Run(t.Context(), s.options(only("column:item", "policy:invoice", "force:invoice"))); err != nil {
				t.Errorf("applying the mended plan: %v", err)
			}
		})
	}
}

func TestForeignOwnerIsRefusedWithTheGrant(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	other := s.Role(t, "other", "LOGIN")
	opts := s.options(shopPlan())
	opts.Connect = func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, s.DSN(other), pg.Options{}) }
	_, err := Run(t.Context(), opts)
	var pre *PreflightError
	if !errors.As(err, &pre) || !errors.Is(err, ErrRefused) {
		t.Fatalf("applying as a role that owns nothing: %v", err)
	}
	grant := "GRANT " + pg.Ident(s.owner) + " TO " + pg.Ident(other) + ";"
	if !strings.Contains(pre.Hint(), grant) {
		t.Errorf("the hint %q does not say %s", pre.Hint(), grant)
	}
	s.Exec(t, grant)
	s.Exec(t, "GRANT CREATE ON DATABASE "+pg.Ident(s.Name)+" TO "+pg.Ident(other))
	p := withoutFill() // the role is bound by row security, which the preflight notes
	opts.Plan = p
	if _, err := Run(t.Context(), opts); err != nil {
		t.Errorf("after the grant that was asked for: %v", err)
	}
}

// Settings of the role that would end statements, hide rows or capture names have no hold on a run.
func TestHostileSettingsOfTheRole(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, set := range []string{"statement_timeout = '150ms'", "lock_timeout = '1ms'", "search_path = evil, shop", "default_transaction_read_only = on",
		"DateStyle = 'German'", "default_transaction_isolation = 'serializable'", "TimeZone = 'Asia/Tokyo'"} {
		s.Exec(t, "ALTER ROLE "+pg.Ident(s.owner)+" SET "+set)
	}
	pgtest.LoadSQL(t, s.Database, `CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC;
		CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''captured''; END';`)
	p := shopPlan()
	p.Steps[2].Do[0] += " AND (SELECT pg_catalog.pg_sleep(0.3)) IS NOT NULL"
	res, err := Run(t.Context(), s.options(p))
	if err != nil {
		t.Fatalf("applying: %v", err)
	}
	notes := 0
	for _, c := range res.Preflight {
		if c.Name == "settings" && c.State == CheckNote {
			notes++
		}
	}
	if notes != 4 {
		t.Errorf("%d settings are noted, not 4: %+v", notes, res.Preflight)
	}
}

func TestRunLogIsOurs(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	app := s.Role(t, "app", "LOGIN")
	s.Exec(t, "ALTER DEFAULT PRIVILEGES FOR ROLE "+pg.Ident(s.owner)+" GRANT ALL ON TABLES TO PUBLIC, "+pg.Ident(app))
	s.Exec(t, "ALTER DEFAULT PRIVILEGES FOR ROLE "+pg.Ident(s.owner)+" GRANT ALL ON SCHEMAS TO PUBLIC")
	if _, err := Run(t.Context(), s.options(only("column:item"))); err != nil {
		t.Fatalf("applying: %v", err)
	}
	rights := s.Query(t, `SELECT DISTINCT c.relowner::regrole = $1::regrole, (SELECT count(*) FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner)
		FROM pg_class AS c WHERE relnamespace = 'ringfence'::regnamespace AND relkind = 'r'`, pg.Ident(s.owner))
	if diff := cmp.Diff([][]string{{"t", "0"}}, rights); diff != "" {
		t.Errorf("owner is ours, rights of others (-want +got):\n%s", diff)
	}
	if n := pgtest.Value[int64](t, s.Super, "SELECT count(*) FROM pg_namespace AS n, aclexplode(n.nspacl) AS a WHERE nspname = 'ringfence' AND a.grantee = 0"); n != 0 {
		t.Error("PUBLIC has rights on the schema")
	}
}

func TestPreparedRunLogIsRefused(t *testing.T) {
	t.Parallel()
	traps := map[string]string{
		"schema":  `CREATE SCHEMA ringfence AUTHORIZATION @OTHER`,
		"table":   `CREATE SCHEMA ringfence AUTHORIZATION @OWNER; CREATE TABLE ringfence.apply_lease (name text); ALTER TABLE ringfence.apply_lease OWNER TO @OWNER`,
		"trigger": `CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER t BEFORE INSERT ON ringfence.apply_step FOR EACH ROW EXECUTE FUNCTION public.f()`,
		"rls":     `ALTER TABLE ringfence.apply_step ENABLE ROW LEVEL SECURITY`,
		"default": `ALTER TABLE ringfence.apply_run ALTER reason SET DEFAULT 'x'`,
		"owner":   `ALTER TABLE ringfence.apply_run OWNER TO @OTHER`,
	}
	for name, sql := range traps {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			other := s.Role(t, "other", "")
			if name != "schema" && name != "table" {
				if _, err := Run(t.Context(), s.options(only("column:item"))); err != nil {
					t.Fatalf("the control: %v", err)
				}
			}
			pgtest.LoadSQL(t, s.Database, strings.NewReplacer("@OTHER", pg.Ident(other), "@OWNER", pg.Ident(s.owner)).Replace(sql))
			_, err := Run(t.Context(), s.options(only("force:invoice")))
			var pre *PreflightError
			if !errors.As(err, &pre) || pre.Refused[0].Name != "run log" {
				t.Errorf("a prepared run log was taken: %v", err)
			}
		})
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.Exec(t, `ALTER TABLE shop.invoice FORCE ROW LEVEL SECURITY`)
	before := s.state(t)
	tx := s.reader(t)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	opts := s.options(shopPlan())
	opts.DryRun = true
	res, err := Run(t.Context(), opts)
	if err != nil {
		t.Fatalf("dry run: %v", err)
	}
	if diff := cmp.Diff([]Outcome{WouldDo, WouldDo, WouldDo, WouldDo, WouldDo, WouldDo, Already}, outcomes(res)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if b := res.Steps[4].Blockers; len(b) != 1 || b[0].Application != "nightly report" {
		t.Errorf("the blockers of step 5 are %+v", b)
	}
	if diff := cmp.Diff(before, s.state(t)); diff != "" {
		t.Errorf("the dry run changed the database:\n%s", diff)
	}
	if made := pgtest.Value[bool](t, s.Super, "SELECT to_regnamespace('ringfence') IS NOT NULL"); made {
		t.Error("the dry run made the run log")
	}
}

func TestPreflightReports(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	pgtest.LoadSQL(t, s.Database, `CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
		CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION public.watch()`)
	gid := "left over " + s.Name
	pgtest.LoadSQL(t, s.Database, "BEGIN; CREATE TABLE public.t (); PREPARE TRANSACTION "+pg.Literal(gid))
	opts := s.options(shopPlan())
	opts.DryRun = true
	res, err := Run(t.Context(), opts)
	if err != nil {
		t.Fatalf("dry run: %v", err)
	}
	got := map[string]CheckState{}
	for _, c := range res.Preflight {
		got[c.Name] = c.State
	}
	want := map[string]CheckState{"connection": CheckOK, "version": CheckOK, "event trigger": CheckNote, "prepared transaction": CheckNote, "disk": CheckUnknown}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

func TestVerifyAnswersEachStep(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := shopPlan()
	p.Steps[3].Done = "SELECT 1 / 0 = 1"
	s.Exec(t, `ALTER TABLE shop.invoice FORCE ROW LEVEL SECURITY`)
	res, err := Verify(t.Context(), s.options(p))
	if err != nil {
		t.Fatalf("verifying: %v", err)
	}
	var got []string
	for _, v := range res {
		switch {
		case v.Done == nil:
			got = append(got, "unknown")
		case *v.Done:
			got = append(got, "done")
		default:
			got = append(got, "not done")
		}
	}
	if diff := cmp.Diff([]string{"not done", "not done", "not done", "unknown", "not done", "not done", "done"}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	p.Steps[6].Done = `UPDATE shop.invoice SET amount = 0 RETURNING true`
	if res, err = Verify(t.Context(), s.options(p)); err != nil || res[6].Done != nil {
		t.Errorf("a question that writes was answered: %+v, %v", res[6], err)
	}
}

func TestMirrorIsAppended(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	opts := s.options(only("column:item", "force:invoice"))
	opts.Mirror = filepath.Join(t.TempDir(), "run.jsonl")
	if _, err := Run(t.Context(), opts); err != nil {
		t.Fatalf("applying: %v", err)
	}
	b, err := os.ReadFile(opts.Mirror)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n != 2 || strings.Count(string(b), `"state":"effected"`) != 2 {
		t.Errorf("the mirror has %d lines:\n%s", n, b)
	}
}
