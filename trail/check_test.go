package trail

import (
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/trailsql"
)

func states(results []CheckResult) map[string]State {
	out := map[string]State{}
	for _, r := range results {
		out[r.Name] = r.State
	}
	return out
}

// A sound table passes all eight checks; each fault is found by the check whose it is; who may not look gets no good news.
func TestCheck(t *testing.T) {
	tb := newTable(t)
	for _, r := range Check(t.Context(), tb.Super) {
		if r.State != Good {
			t.Errorf("%s: %s, %s", r.Name, r.State, r.Detail)
		}
	}
	if n := len(read(t, tb.Super)); n != 0 {
		t.Errorf("the check left %d events", n)
	}
	for _, r := range Check(t.Context(), tb.Conn(t, tb.writer)) {
		if r.State == Fault {
			t.Errorf("as the writer, %s: %s, %s", r.Name, r.State, r.Detail)
		}
	}
	if got := states(Check(t.Context(), tb.Conn(t, tb.writer)))["query plans"]; got != Unknown {
		t.Errorf("what the writer may not see is %s, want unknown", got)
	}
	times, err := TimeQueries(t.Context(), tb.Conn(t, tb.reader))
	if err != nil || len(times) != 2 || times[0].Name != "tenant_latest" || times[0].Took <= 0 {
		t.Errorf("the common queries took %v, %v", times, err)
	}
	for name, c := range map[string]struct{ sql, check string }{
		"owner":             {"ALTER TABLE ringfence.trail_event OWNER TO " + tb.reader, "table"},
		"member":            {"GRANT ringfence_trail TO " + tb.writer, "table"},
		"column":            {"ALTER TABLE ringfence.trail_event ALTER session_id SET NOT NULL", "columns"},
		"index":             {"DROP INDEX ringfence.trail_event_tenant", "indexes"},
		"severity":          {"ALTER TABLE ringfence.trail_event DROP CONSTRAINT " + trailsql.SeverityCheck(), "severity check"},
		"rls":               {"ALTER TABLE ringfence.trail_event NO FORCE ROW LEVEL SECURITY", "row security"},
		"partition":         {"ALTER TABLE ringfence.trail_event_other DISABLE ROW LEVEL SECURITY", "row security"},
		"trigger":           {"ALTER TABLE ringfence.trail_event DISABLE TRIGGER trail_refuse_statement", "row security"},
		"trigger's body":    {"CREATE OR REPLACE FUNCTION ringfence.trail_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'", "row security"},
		"policy":            {"CREATE POLICY p ON ringfence.trail_event USING (true)", "policies"},
		"grant":             {"GRANT UPDATE ON ringfence.trail_event TO " + tb.writer, "policies"},
		"partition's grant": {"GRANT DELETE ON ringfence.trail_event_other TO " + tb.writer, "policies"},
		"function's body":   {"CREATE OR REPLACE FUNCTION ringfence.trail_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'", "policies"},
		"function":          {"DROP FUNCTION ringfence.trail_append", "insert, read, no delete"},
		"delete":            {"ALTER TABLE ringfence.trail_event DISABLE TRIGGER ALL", "insert, read, no delete"},
		"plans":             {"DROP INDEX ringfence.trail_event_tenant, ringfence.trail_event_created", "query plans"},
	} {
		t.Run(name, func(t *testing.T) {
			tx, err := tb.Super.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback(t.Context())
			if _, err := tx.Exec(t.Context(), c.sql); err != nil {
				t.Fatal(err)
			}
			got := states(Check(t.Context(), tx))
			if got[c.check] != Fault {
				t.Errorf("the check %q says %s of %s", c.check, got[c.check], c.sql)
			}
		})
	}
	empty := pgtest.DB(t)
	for _, r := range Check(t.Context(), empty.Super) {
		if r.State == Good {
			t.Errorf("without a trail, %s is %s", r.Name, r.State)
		}
	}
}
