package trail

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// Filters leave out what they name and nothing else.
func TestReadEvents(t *testing.T) {
	tb := newTable(t)
	events := chain("n1", 1, time.Now(), ringfence.Event{Type: ringfence.NodeStarted}, ringfence.Event{Type: ringfence.CrossTenant, Tenant: "a", AttemptedTenant: "b", User: "u"},
		ringfence.Event{Type: ringfence.CrossTenant, Tenant: "b"}, ringfence.Event{Type: ringfence.PINFailed, Tenant: "a", Severity: ringfence.Critical})
	if _, err := tb.store(t).Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	reader := tb.Conn(t, tb.reader)
	for name, c := range map[string]struct {
		f    Filter
		want []int
	}{
		"all": {Filter{}, []int{0, 1, 2, 3}}, "type": {Filter{Types: []ringfence.EventType{ringfence.CrossTenant}}, []int{1, 2}}, "tenant": {Filter{Tenant: "a"}, []int{1, 3}},
		"attempted": {Filter{AttemptedTenant: "b"}, []int{1}}, "user": {Filter{User: "u"}, []int{1}}, "severity": {Filter{Severities: []ringfence.Severity{ringfence.Critical}}, []int{1, 2, 3}},
		"latest": {Filter{Limit: 2}, []int{3, 2}}, "event": {Filter{Event: events[2].ID}, []int{2}}, "since": {Filter{Since: events[2].Created}, []int{2, 3}}, "until": {Filter{Until: events[1].Created}, []int{0}},
		"node": {Filter{Node: "n2"}, nil}, "hostile": {Filter{Tenant: "a' OR true --"}, nil},
	} {
		var got []int
		for e, err := range ReadEvents(t.Context(), reader, c.f) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, int(e.Sequence)-1)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	for _, err := range ReadEvents(t.Context(), tb.Conn(t, tb.writer), Filter{}) {
		if err == nil {
			t.Error("the writer reads events")
		}
	}
}

// The false rate is not known while nothing is judged; of several judgements the last one counts.
func TestReadRate(t *testing.T) {
	tb := newTable(t)
	store := tb.store(t)
	events := ten("n1")
	if _, err := store.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	reader := tb.Conn(t, tb.reader)
	got, err := ReadRate(t.Context(), reader, Filter{})
	if diff := cmp.Diff(Rate{Refusals: 9, Occurrences: 9}, got); diff != "" || err != nil {
		t.Errorf("unjudged (-want +got): %s %v", diff, err)
	}
	judgements := []ringfence.Event{{Type: ringfence.NodeStarted}}
	for _, j := range []struct {
		of Event
		as Judgement
	}{{events[1], FalsePositive}, {events[2], TruePositive}, {events[1], TruePositive}, {events[3], FalsePositive}} {
		e, err := TriageEvent(j.of.ID, j.as, "anna", "looked at it")
		if err != nil {
			t.Fatal(err)
		}
		judgements = append(judgements, e)
	}
	if _, err := store.Append(t.Context(), chain("triage", 1, time.Now(), judgements...)); err != nil {
		t.Fatal(err)
	}
	third := 1. / 3
	got, err = ReadRate(t.Context(), reader, Filter{})
	if diff := cmp.Diff(Rate{Refusals: 9, Occurrences: 9, Judged: 3, True: 2, False: 1, FalseRate: &third}, got); diff != "" || err != nil {
		t.Errorf("judged (-want +got): %s %v", diff, err)
	}
	for _, bad := range []func() (ringfence.Event, error){
		func() (ringfence.Event, error) { return TriageEvent(events[1].ID, "maybe", "anna", "x") },
		func() (ringfence.Event, error) { return TriageEvent(events[1].ID, TruePositive, "anna", "") },
		func() (ringfence.Event, error) { return TriageEvent(ID{}, TruePositive, "anna", "x") },
	} {
		if _, err := bad(); err == nil {
			t.Error("a judgement without its parts is taken")
		}
	}
}

// The database's own query finds a hole, a late beginning and a broken link.
func TestContiguity(t *testing.T) {
	tb := newTable(t)
	if _, err := tb.store(t).Append(t.Context(), ten("n1")); err != nil {
		t.Fatal(err)
	}
	reader := tb.Conn(t, tb.reader)
	breaks := func(q Querier) []Break {
		out, err := Contiguity(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := breaks(reader); len(got) != 0 {
		t.Errorf("untouched it breaks at %v", got)
	}
	for sql, want := range map[string][]Break{
		"DELETE FROM ringfence.trail_event WHERE sequence = 4":                          {{"n1", 1, 5}},
		"DELETE FROM ringfence.trail_event WHERE sequence < 4":                          {{"n1", 1, 4}},
		"UPDATE ringfence.trail_event SET hash = sha256('x') WHERE sequence = 4":        {{"n1", 1, 5}},
		"UPDATE ringfence.trail_event SET previous_hash = hash WHERE sequence IN (1,7)": {{"n1", 1, 1}, {"n1", 1, 7}},
	} {
		tx, err := tb.Super.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), guardsOff+sql); err != nil {
			t.Fatal(err)
		}
		if got := breaks(tx); !slices.Equal(got, want) {
			t.Errorf("%s: breaks at %v, want %v", sql, got, want)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Accepted = rows + backlog, with a journal that is shipped in part; what is gone from both is lost, and said.
func TestReconcile(t *testing.T) {
	tb := newTable(t)
	dir := t.TempDir()
	tr, err := Open(Options{Dir: dir, Node: "n1", SegmentSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := tr.Accept(t.Context(), ringfence.Event{Type: ringfence.CrossTenant}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var events []Event
	for e, err := range ReadJournal(dir) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if _, err := tb.store(t).Append(t.Context(), events[:8]); err != nil {
		t.Fatal(err)
	}
	total := func(q Querier) Balance {
		r, err := Reconcile(t.Context(), q, dir)
		if err != nil {
			t.Fatal(err)
		}
		return r.Total
	}
	n := int64(len(events))
	if diff := cmp.Diff(Balance{Accepted: n, Rows: 8, Backlog: n - 8}, total(tb.Conn(t, tb.reader))); diff != "" {
		t.Errorf("shipped in part (-want +got):\n%s", diff)
	}
	for sql, want := range map[string]Balance{
		"DELETE FROM ringfence.trail_event WHERE sequence = 3":                   {Accepted: n, Rows: 7, Backlog: n - 7},
		"UPDATE ringfence.trail_event SET hash = sha256('x') WHERE sequence = 3": {Accepted: n, Rows: 8, Backlog: n - 8, Clashing: 1},
	} {
		tx := begun(t, tb, guardsOff+sql)
		if diff := cmp.Diff(want, total(tx)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sql, diff)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	pgtest.LoadSQL(t, tb.Database, guardsOff+"DELETE FROM ringfence.trail_event WHERE sequence = 3")
	r, err := Reconcile(t.Context(), tb.Super)
	if err != nil || r.Whole() || r.Total.Lost != 1 {
		t.Errorf("a hole in the table alone: %+v, %v", r, err)
	}
}

func begun(t *testing.T, tb *table, sql string) pgx.Tx {
	t.Helper()
	tx, err := tb.Super.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	return tx
}
