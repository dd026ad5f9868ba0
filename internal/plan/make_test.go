package plan

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A world is a database with a schema, planned on as the superuser.
type world struct {
	*pgtest.Database
	config *tenancy.Config
	conn   *pgx.Conn
	// ordinary has the planning session taken for an ordinary role's, so that its being a superuser vouches for nothing.
	ordinary bool
	session  string // whose it is taken for
}

func newWorld(t *testing.T, server *pgtest.Instance, schema, config string) *world {
	t.Helper()
	w := &world{Database: server.DB(t)}
	pgtest.LoadSQL(t, w.Database, schema)
	t.Cleanup(func() { dropLawRoles(t, w.Database) })
	if config != "" {
		var err error
		if w.config, err = tenancy.ParseConfig("ringfence.yaml", []byte(config)); err != nil {
			t.Fatal(err)
		}
	}
	w.conn = w.Conn(t, pg.Superuser)
	pin(t, w.conn)
	return w
}

func (w *world) snapshot(t *testing.T) *catalog.Snapshot {
	t.Helper()
	s, err := catalog.Read(t.Context(), w.conn, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if w.ordinary {
		s.Server.SessionRole = w.session
	}
	return s
}

func (w *world) plan(t *testing.T, in Input) *Plan {
	t.Helper()
	m, err := tenancy.Infer(w.snapshot(t), tenancy.Options{Config: w.config})
	if err != nil {
		t.Fatal(err)
	}
	in.Model = m
	p, err := Make(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// do runs the plan's steps as apply does, without its policy of locks: each is not done before and done after.
func (w *world) do(t *testing.T, p *Plan) {
	t.Helper()
	for _, s := range p.Steps {
		if s.Batch == 0 && isDone(t, w.conn, s) { // an empty table has nothing to fill
			t.Errorf("%s on %s was done before", s.Kind, s.Object)
		}
		w.run(t, s, s.Do)
		if !isDone(t, w.conn, s) {
			t.Errorf("%s on %s is not done:\n%s\n%s", s.Kind, s.Object, strings.Join(s.Do, ";\n"), s.Done)
		}
	}
	for _, s := range p.Steps {
		if !isDone(t, w.conn, s) {
			t.Errorf("at the end %s on %s is not done", s.Kind, s.Object)
		}
	}
}

func (w *world) undo(t *testing.T, p *Plan) {
	t.Helper()
	for _, s := range slices.Backward(p.Steps) {
		if isDone(t, w.conn, s) {
			w.run(t, s, s.Undo)
		}
	}
}

func (w *world) run(t *testing.T, s Step, statements []string) {
	t.Helper()
	for _, statement := range statements {
		var err error
		if s.Batch > 0 {
			_, err = w.conn.Exec(t.Context(), statement, s.Batch)
		} else {
			_, err = w.conn.Exec(t.Context(), statement)
		}
		if err != nil {
			t.Fatalf("%v\nin %s on %s: %s", err, s.Kind, s.Object, statement)
		}
	}
}

// summary is a plan in one line a step, for comparison.
func summary(p *Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		what := s.Object
		if strings.Contains(s.Kind, "revoke") || s.Kind == defaultPrivileges.Name {
			what = s.Do[0] // several may be on one object
		}
		fmt.Fprintf(&b, "%d %s %s %s\n", s.Wave, s.Transaction, s.Kind, what)
	}
	for _, w := range p.Withheld {
		fmt.Fprintf(&b, "withheld %s %s (%s)\n", w.Kind, w.Object, w.Allow)
	}
	return b.String()
}

// TestCallcenter plans for reference system B whole: every step is done by its own, planning again is empty, and going back gives
// the catalogue from before.
func TestCallcenter(t *testing.T) {
	schema, err := os.ReadFile("../../examples/callcenter/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile("../../examples/callcenter/ringfence.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, pgtest.Server(t, 15), string(schema), string(config))
	in := Input{Options: Options{Allow: []string{"drop_policy", "unique_swap", "foreign_key_drop"}}, Wants: []Want{
		{Kind: "security_invoker", Object: "callcenter.open_accounts", Rule: "RLS102"},
		{Kind: "function_execute", Object: "callcenter.usage_totals()", Rule: "RLS092"},
		{Kind: "function_search_path", Object: "callcenter.usage_totals()", Rule: "RLS096"},
		{Kind: "unique_swap", Table: "callcenter.crm_contacts", Object: "crm_contacts_email_key on callcenter.crm_contacts", Rule: "RLS139"},
		{Kind: "composite_foreign_key", Table: "callcenter.collection_calls", Object: "collection_calls_account_id_fkey on callcenter.collection_calls", Rule: "RLS019"},
	}}
	before, beforePrint := catalogue(t, w.Database), w.snapshot(t).Fingerprint()
	p := w.plan(t, in)
	checkCallcenter(t, p)
	w.do(t, p)
	if again := w.plan(t, in); len(again.Steps) > 0 {
		t.Errorf("planning again is not empty:\n%s", summary(again))
	}
	w.undo(t, p)
	w.Exec(t, "DROP SCHEMA ringfence")
	if diff := cmp.Diff(before, catalogue(t, w.Database)); diff != "" {
		t.Errorf("after going back the catalogue differs (-before +after):\n%s", diff)
	}
	if got := w.snapshot(t).Fingerprint(); got != beforePrint {
		t.Error("after going back the snapshot's fingerprint differs")
	}
}

// checkCallcenter asks for the split of the 39 tables and for each trap that a plan has to meet.
func checkCallcenter(t *testing.T, p *Plan) {
	t.Helper()
	want := map[string]int{
		"tenant_index": 34, "partitioned_index": 1, "unique_index": 2, "updated_at_function": 1, "updated_at_column": 28,
		"updated_at_trigger": 28, "application_role": 1, "foreign_key": 1, "foreign_key_validate": 1, "foreign_key_drop": 1,
		"not_null_check": 1, "not_null_validate": 1, "not_null": 1, "unique_swap": 1, "security_invoker": 1, "service_function": 1, "function_search_path": 1,
		"function_execute": 2, "grant": 43, "create_policy": 42, "replace_policy": 1, "drop_policy": 3, "enable_rls": 40, "force_rls": 42,
	}
	got := map[string]int{}
	for _, s := range p.Steps {
		got[s.Kind]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps by kind (-want +got):\n%s\n%s", diff, summary(p))
	}
	all := summary(p)
	for _, line := range []string{
		"8 group 7 replace_policy org_isolation_ai_summaries on callcenter.ai_summaries\n",
		"6 own updated_at_trigger ringfence_set_updated_at on callcenter.collection_accounts\n",
		"8 group 31 drop_policy recordings_support on callcenter.recordings\n",
		"1 none tenant_index callcenter.campaign_calls_campaign_id_idx\n",
		"withheld force_rls callcenter.webhook_event_types ()\n",
	} {
		if !strings.Contains(all, line) {
			t.Errorf("the plan lacks %q", line)
		}
	}
	for _, never := range []string{"tenant_index callcenter.campaigns_", "tenant_index callcenter.surveys_", "tenant_index callcenter.users_"} {
		if strings.Contains(all, never) {
			t.Errorf("the plan has %q: a good index is there", never)
		}
	}
}
