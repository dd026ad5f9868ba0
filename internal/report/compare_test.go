package report

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// states are a small database before and after, told by every kind of document.
func states() (before, after State, runs []*Run) {
	server := Server{VersionNum: 150018, Database: "shop", SystemIdentifier: "1"}
	model := Model{Tables: []Table{{Name: "public.orders", Class: tenancy.Owned, Key: []string{"tenant_id"}, Why: "it has the key"}, {Name: "public.countries", Class: tenancy.Global}}}
	cell := func(command string, v prove.Verdict, kind string, path ...reach.Hop) prove.Cell {
		return prove.Cell{Role: "app", Relation: "public.orders", Command: command, Kind: kind, Path: path, Verdict: v, Why: "row security is off"}
	}
	view, login := reach.Hop{Via: "view", Name: "public.v"}, reach.Hop{Via: "function", Name: "public.login(pg_catalog.text)"}
	onPurpose := cell("SELECT", prove.Leak, reach.Isolation, login)
	onPurpose.Accepted = &prove.Accepted{Reason: "log-in", By: "me"}
	before.Prove = &Prove{Schema: ProveVersion, Server: server, Model: model, Cells: []prove.Cell{
		cell("SELECT", prove.Leak, reach.Isolation), cell("UPDATE", prove.Leak, reach.Isolation), cell("DELETE", prove.Unproven, reach.Isolation),
		cell("SELECT", prove.Leak, reach.Isolation, view), cell("INSERT", prove.Proved, reach.Isolation), cell("REFERENCES", prove.Leak, reach.Inference), onPurpose,
	}}
	after.Prove = &Prove{Schema: ProveVersion, Server: server, Model: model, Cells: []prove.Cell{
		cell("SELECT", prove.Proved, reach.Isolation), cell("UPDATE", prove.Probed, reach.Isolation), cell("DELETE", prove.Leak, reach.Isolation),
		cell("INSERT", prove.Proved, reach.Isolation), cell("REFERENCES", prove.Proved, reach.Inference), onPurpose,
	}}
	found := func(id, object string, s audit.Severity) audit.Finding {
		return audit.Finding{ID: id, Title: "a fault", Object: object, Severity: s}
	}
	before.Audit = &Audit{Schema: AuditVersion, Server: server, Model: model, Findings: []audit.Finding{
		found("RLS001", "public.orders", audit.Critical), found("RLS001", "public.notes", audit.Critical), found("KEY002", "public.orders_email_key", audit.Medium)}}
	after.Audit = &Audit{Schema: AuditVersion, Server: server, Model: model, Findings: []audit.Finding{
		found("RLS001", "public.notes", audit.Critical), found("VIA001", "public.v", audit.High)}}
	orders := catalog.Relation{Schema: "public", Name: "orders", Kind: catalog.Table}
	before.Snapshot = &catalog.Snapshot{Relations: []catalog.Relation{orders}}
	orders.RowSecurity, orders.ForceRLS, orders.Policies = true, true, []catalog.Policy{{Name: "isolation"}}
	orders.Indexes = []catalog.Index{{Name: "orders_tenant_id_idx", Valid: true, Keys: []catalog.IndexKey{{Column: "tenant_id"}}, Bytes: 3 << 20}}
	orders.Triggers = []catalog.Trigger{{Name: "touch"}}
	after.Snapshot = &catalog.Snapshot{Relations: []catalog.Relation{orders}}
	before.Snapshot.Reindex()
	after.Snapshot.Reindex()
	timed := func(median, mad, blocks float64) *bench.Document {
		return &bench.Document{Schema: bench.SchemaVersion, Bench: []bench.Case{{Table: "public.orders", Query: "count", With: &bench.Timing{Median: median, MAD: mad},
			Plan: &bench.Plan{Indexes: []string{"orders_tenant_id_idx"}, Blocks: blocks}}, {Table: "public.orders", Query: "recent", With: &bench.Timing{Median: 11 - median, MAD: mad}}}}
	}
	before.Bench, after.Bench = timed(10, 0.1, 1000), timed(1, 0.1, 4)
	ended := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	runs = []*Run{{Schema: RunVersion, Verb: "apply", Ended: &ended, Steps: []RunStep{
		{Kind: "tenant_index", Object: "public.orders_tenant_id_idx", Table: "public.orders", Outcome: apply.Did, Seconds: 2.5},
		{Kind: "enable_rls", Object: "public.orders", Table: "public.orders", Outcome: apply.Did, Seconds: 0.01}}}}
	return before, after, runs
}

// Two states beside each other: every hole is counted once, by what became of it, and no format leaves one out.
func TestCompare(t *testing.T) {
	r, err := OfCompare(states())
	if err != nil {
		t.Fatal(err)
	}
	want := CompareSummary{OpenBefore: 5, OpenAfter: 1, Closed: 4, Accepted: 1, WorstBefore: 8.8, WorstAfter: 8.1, IndexBytes: 3 << 20, BuildSeconds: 2.5, Worse: 1}
	if diff := cmp.Diff(want, r.Compare.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	for _, format := range []string{"text", "markdown", "html", "json"} {
		f, _ := FormatNamed(format)
		got := write(t, f, r)
		golden(t, "compare."+format, got)
		for _, word := range []string{"over a view", "RLS001", "VIA001", "orders_tenant_id_idx", "2026-03-02T12:00:00Z", "touch"} {
			if plain := strings.NewReplacer("<wbr>", "", `\_`, "_").Replace(string(got)); !strings.Contains(plain, word) {
				t.Errorf("%s does not tell of %s", format, word)
			}
		}
		if format == "json" {
			again, err := ReadJSON(bytes.NewReader(got))
			if err != nil || cmp.Diff(r.Compare, again.Compare) != "" {
				t.Errorf("read back it is another document: %v", err)
			}
		}
	}
}

// golden compares with testdata/NAME.golden, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := "testdata/" + name + ".golden"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// What no document tells is named, and states of two databases are not set beside each other.
func TestCompareUnknown(t *testing.T) {
	before, after, _ := states()
	r, err := OfCompare(State{Audit: before.Audit}, State{Audit: after.Audit}, nil)
	if err != nil || len(r.Compare.Missing) != 3 || len(r.Compare.Holes) != 0 {
		t.Errorf("missing %v, %v", r.Compare.Missing, err)
	}
	after.Audit.Server.SystemIdentifier = "2"
	if _, err := OfCompare(before, after, nil); err == nil {
		t.Error("states of two clusters were compared")
	}
	if err := before.Add(&Report{Run: &Run{}}); err == nil {
		t.Error("a run is no state")
	}
}
