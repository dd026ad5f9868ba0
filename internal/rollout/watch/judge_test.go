package watch

import (
	"slices"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// looks makes a view of a time before and one after, of one statement on one table; each case changes the later reading.
func looks(change func(now *Reading, v *View)) *View {
	k := Key{"app", 1}
	read := func(at time.Time, n int64) *Reading {
		return &Reading{At: at, Epoch: "e", Statements: map[Key]Statement{k: {Key: k, Text: "SELECT * FROM orders WHERE id = $1", Calls: n, Rows: 2 * n, Millis: 2 * float64(n), Blocks: 3 * n}},
			Tables: map[string]Table{"public.orders": {Name: "public.orders", Writes: n, SeqRows: 10 * n, Live: 100}}, Commits: n, Rollbacks: n / 100, States: map[string]int64{}, Trail: n}
	}
	oldest, base, now := read(noon, 100), read(noon.Add(time.Hour), 1000), read(noon.Add(2*time.Hour), 2000)
	v := &View{Base: base, Prior: &Span{oldest, base}, Now: now, Tables: []string{"public.orders"}, Owners: map[string]bool{"owner": true}, Before: map[Key][]float64{}, After: map[Key][]float64{}}
	v.Spans = []*Span{{base, now}}
	change(now, v)
	return v
}

// set changes the statement of a reading.
func set(r *Reading, change func(*Statement)) {
	for k, s := range r.Statements {
		change(&s)
		r.Statements[k] = s
	}
}

// Each signal fires on its own fault, and not on its twin just below the bound.
func TestSignals(t *testing.T) {
	seconds := func(s float64) *float64 { return &s }
	for _, c := range []struct {
		kind *Kind
		path rollout.SignalPath
		bad  func(*Reading, *View)
		good func(*Reading, *View)
	}{
		{&rowsCollapse, rollout.PathTenant, func(r *Reading, _ *View) { set(r, func(s *Statement) { s.Rows = 2000 }) }, func(r *Reading, _ *View) { set(r, func(s *Statement) { s.Rows = 2001 }) }},
		{&canaryTenants, rollout.PathTenant, func(r *Reading, _ *View) {
			r.Canaries = []Canary{{Table: "public.orders", Role: "app", There: 3, Seen: 2}}
		}, func(r *Reading, _ *View) {
			r.Canaries = []Canary{{Table: "public.orders", Role: "app", There: 3, Seen: 3}}
		}},
		{&canaryTenants, rollout.PathNone, func(r *Reading, _ *View) {
			r.Canaries = []Canary{{Table: "public.orders", Role: "app", There: 3, Seen: 4, Foreign: 1}}
		}, func(*Reading, *View) {}},
		{&stepUndone, rollout.PathNone, func(r *Reading, _ *View) { r.Undone, r.UndoneOn = []string{"p"}, []string{"public.orders"} }, func(*Reading, *View) {}},
		{&sqlStates, rollout.PathTenant, func(r *Reading, _ *View) { r.States["42501"] = 3 }, func(r *Reading, _ *View) { r.States["42501"], r.States["XX000"] = 2, 100 }},
		{&sqlStates, rollout.PathTrigger, func(r *Reading, _ *View) { r.States["42703"] = 3 }, func(r *Reading, _ *View) { r.States = nil }},
		{&writesStopped, rollout.PathTenant, func(r *Reading, _ *View) { r.Tables["public.orders"] = Table{Writes: 1000} }, func(r *Reading, _ *View) { r.Tables["public.orders"] = Table{Writes: 1001} }},
		{&writesStopped, rollout.PathTenant, func(r *Reading, _ *View) { r.Tables["public.orders"] = Table{Writes: 1000} }, func(r *Reading, v *View) { r.Tables["public.orders"], v.Prior = Table{Writes: 1000}, nil }},
		{&latency, rollout.PathLatency, func(r *Reading, _ *View) { set(r, func(s *Statement) { s.Millis = 7000 }) }, func(r *Reading, _ *View) { set(r, func(s *Statement) { s.Millis = 5000 }) }},
		{&latency, rollout.PathLatency, func(r *Reading, v *View) {
			set(r, func(s *Statement) { s.Millis = 5500 })
			v.Before[Key{"app", 1}], v.After[Key{"app", 1}] = []float64{1, 2, 2, 2, 3, 2}, []float64{3, 3.5, 4, 3.2, 3.9, 4}
		}, func(r *Reading, v *View) {
			set(r, func(s *Statement) { s.Millis = 5500 })
			v.Before[Key{"app", 1}], v.After[Key{"app", 1}] = []float64{1, 9, 2, 2, 3, 8}, []float64{2, 1, 2, 9, 3, 7}
		}},
		{&p95, rollout.PathLatency, func(r *Reading, v *View) { v.Base.P95, r.P95 = seconds(0.1), seconds(0.121) }, func(r *Reading, v *View) { v.Base.P95, r.P95 = seconds(0.1), seconds(0.119) }},
		{&blocks, rollout.PathNone, func(r *Reading, _ *View) { set(r, func(s *Statement) { s.Blocks = 3000 + 104_000 }) }, func(r *Reading, _ *View) { set(r, func(s *Statement) { s.Blocks = 3000 + 102_000 }) }},
		{&seqScans, rollout.PathNone, func(r *Reading, _ *View) { r.Tables["public.orders"] = Table{SeqRows: 3_000_000, Live: 100} }, func(r *Reading, _ *View) { r.Tables["public.orders"] = Table{SeqRows: 900_000, Live: 100} }},
		{&rollbacks, rollout.PathTenant, func(r *Reading, _ *View) { r.Rollbacks = 200 }, func(r *Reading, _ *View) { r.Rollbacks = 100 }},
		{&replicaLag, rollout.PathNone, func(r *Reading, _ *View) { r.Lag = 11 }, func(r *Reading, v *View) { r.Lag, v.Base.Lag = 11, 12 }},
		{&backups, rollout.PathNone, func(r *Reading, _ *View) { r.BackupAge = seconds(27 * 3600) }, func(r *Reading, _ *View) { r.BackupAge = seconds(25 * 3600) }},
		{&trailGrowth, rollout.PathNone, func(r *Reading, _ *View) { r.Trail = 1000 }, func(r *Reading, _ *View) { r.Trail = 1001 }},
		{&alertsFiring, rollout.PathNone, func(r *Reading, _ *View) { r.Alerts = []string{"TrailLost"} }, func(r *Reading, v *View) { r.Alerts, v.Base.Alerts = []string{"TrailLost"}, []string{"TrailLost"} }},
	} {
		bad, _ := judge(looks(c.bad))
		at := slices.IndexFunc(bad, func(s rollout.Signal) bool { return s.Name == c.kind.Name })
		if at < 0 {
			t.Errorf("%s does not fire", c.kind.Name)
		} else if bad[at].Path != c.path || bad[at].Why == "" || bad[at].Severity == 0 {
			t.Errorf("%s: %+v", c.kind.Name, bad[at])
		}
		if good, _ := judge(looks(c.good)); slices.ContainsFunc(good, func(s rollout.Signal) bool { return s.Name == c.kind.Name }) {
			t.Errorf("%s fires on its good twin: %+v", c.kind.Name, good)
		}
	}
	for _, k := range Kinds() {
		if k.Doc == "" || k.Severity == 0 || k.Judge == nil {
			t.Errorf("%s is not whole", k.Name)
		}
	}
	if quiet, unknown := judge(looks(func(*Reading, *View) {})); len(quiet)+len(unknown) > 0 {
		t.Errorf("nothing is wrong, and: %+v %v", quiet, unknown)
	}
	if _, unknown := judge(looks(func(r *Reading, _ *View) { r.unknown(needStatements, "not installed") })); len(unknown) != 1 {
		t.Errorf("what cannot be read is not said: %v", unknown)
	}
}

// A plan that gives the application a role of its own leaves its statements what they were: each signal compares what the new role asks
// with what the old one asked, by the server's number or by the text. A role that asked it before itself is compared with itself.
func TestAnotherRoleAsks(t *testing.T) {
	k := Key{"app", 1}
	for name, as := range map[string]Statement{"same number": {Key: Key{"new_app", 1}}, "same text": {Key: Key{"new_app", 7}, Text: "SELECT * FROM orders\n  WHERE id = $1"}} {
		view := func(rows int64, millis float64, blocks int64) *View {
			return looks(func(r *Reading, v *View) {
				s := as
				s.Calls, s.Rows, s.Millis, s.Blocks = 1000, rows, millis, blocks
				r.Statements = map[Key]Statement{k: v.Base.Statements[k], s.Key: s}
			})
		}
		for what, v := range map[string]*View{"rows_collapse": view(0, 2000, 3000), "latency": view(2000, 5000, 3000), "blocks": view(2000, 2000, 104_000)} {
			signals, _ := judge(v)
			at := slices.IndexFunc(signals, func(s rollout.Signal) bool { return s.Name == what })
			if at < 0 || signals[at].Role != "new_app" {
				t.Errorf("%s: the new role's %s is not seen: %+v", name, what, signals)
			}
		}
		if signals, _ := judge(view(2000, 2000, 3000)); len(signals) > 0 {
			t.Errorf("%s: the new role does as the old one did, and: %+v", name, signals)
		}
	}
	v := looks(func(r *Reading, v *View) {
		other := Statement{Key: Key{"report", 1}, Text: "SELECT * FROM orders WHERE id = $1", Calls: 1000, Rows: 2000, Millis: 20_000, Blocks: 3000}
		v.Base.Statements[other.Key], v.Prior.From.Statements[other.Key] = other, other
		other.Calls, other.Rows, other.Millis, other.Blocks = 2000, 4000, 40_000, 6000
		r.Statements[other.Key] = other
	})
	if signals, _ := judge(v); len(signals) > 0 {
		t.Errorf("a role that was as slow before: %+v", signals)
	}
}

// A signal of the owner's statements is answered on the owner's path.
func TestOwnersPath(t *testing.T) {
	v := looks(func(*Reading, *View) {})
	if v.path("owner") != rollout.PathOwner || v.path("app") != rollout.PathTenant {
		t.Error("whose path it is is not told apart")
	}
	if got := v.tablesIn(`SELECT 1 FROM "Other".thing`); !slices.Equal(got, v.Tables) {
		t.Errorf("a statement that names no table of ours: %v", got)
	}
}

func TestSlower(t *testing.T) {
	if _, ok := slower([]float64{1, 2, 3, 4}, []float64{1, 2, 3, 4, 5}); ok {
		t.Error("four rounds are enough")
	}
	same := []float64{1, 2, 3, 4, 5, 6}
	if p, ok := slower(same, same); !ok || p < 0.4 {
		t.Errorf("the same values: p = %.3f", p)
	}
	// The exact one-sided probability for complete separation of 6 and 6 is 1/924 = 0.0011; the approximation gives 0.0025.
	if p, ok := slower([]float64{1, 2, 3, 4, 5, 6}, []float64{7, 8, 9, 10, 11, 12}); !ok || p > 0.005 {
		t.Errorf("all are larger: p = %.4f", p)
	}
	if p, _ := slower([]float64{7, 8, 9, 10, 11, 12}, []float64{1, 2, 3, 4, 5, 6}); p < 0.99 {
		t.Errorf("all are smaller: p = %.4f", p)
	}
	if p, ok := slower([]float64{1, 1, 1, 1, 1}, []float64{1, 1, 1, 1, 1}); !ok || p != 1 {
		t.Errorf("ties only: p = %.3f", p)
	}
}

func TestIsQuery(t *testing.T) {
	for text, want := range map[string]bool{"SELECT 1": true, "  /* x */ select * from t": true, "begin": false, "COMMIT": false, "SELECT set_config($1, $2, $3)": false,
		"WITH a AS (SELECT 1) SELECT * FROM a": true, "SET LOCAL ROLE app": false, "SELECT count(*) FROM (SELECT 1) AS ringfence_canary": false, "": false, "-- x": false, "INSERT INTO t VALUES ($1)": true} {
		if isQuery(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}
