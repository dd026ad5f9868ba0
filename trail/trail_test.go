package trail

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ringfencehq/ringfence"
)

// testOptions are a trail's in a directory of its own, with a scheduled self-test out of the way.
func testOptions(t testing.TB, store Store) Options {
	t.Helper()
	return Options{
		Dir: t.TempDir(), Node: "node-1", Store: store, SelfTestEvery: time.Hour, SegmentSize: 64 << 10,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func openTrail(t testing.TB, o Options) *Trail {
	t.Helper()
	tr, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTrail(t, tr) })
	return tr
}

func closeTrail(t testing.TB, tr *Trail) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := tr.Close(ctx); err != nil {
		t.Error(err)
	}
}

// attempt is a refusal of its own source for each n.
func attempt(n int) ringfence.Event {
	return ringfence.Event{
		Type: ringfence.CrossTenant, User: "u" + strconv.Itoa(n), Tenant: "t1", AttemptedTenant: "t2", Session: "s1",
		Address: "192.0.2.1:1234", UserAgent: "test", Detail: map[string]string{"operation": "audio"},
	}
}

// verifyChains fails when the events of an epoch have a hole, stand twice, were changed, or do not chain.
func verifyChains(t testing.TB, events []Event) {
	t.Helper()
	type place struct {
		node  string
		epoch int64
	}
	chains := map[place][]Event{}
	for _, e := range events {
		chains[place{e.Node, e.Epoch}] = append(chains[place{e.Node, e.Epoch}], e)
	}
	for at, chain := range chains {
		slices.SortFunc(chain, func(a, b Event) int { return int(a.Sequence - b.Sequence) })
		if chain[0].Type != ringfence.NodeStarted {
			t.Errorf("%v begins with %s", at, chain[0].Type)
		}
		var last Event
		for _, e := range chain {
			switch {
			case e.Sequence != last.Sequence+1:
				t.Errorf("%v: sequence %d follows %d", at, e.Sequence, last.Sequence)
			case e.Previous != last.Hash:
				t.Errorf("%v: sequence %d does not chain", at, e.Sequence)
			case e.Digest() != e.Hash:
				t.Errorf("%v: sequence %d was changed", at, e.Sequence)
			case last.Sequence > 0 && (e.ID.Compare(last.ID) <= 0 || e.Created.Before(last.Created)):
				t.Errorf("%v: sequence %d is out of order", at, e.Sequence)
			}
			last = e
		}
	}
}

// users counts occurrences by user, of refusals.
func users(events []Event) map[string]int64 {
	out := map[string]int64{}
	for _, e := range events {
		if e.Type.Refusal() {
			out[e.User] += e.Count
		}
	}
	return out
}

func TestRecordShipsWholeEvents(t *testing.T) {
	store := newMemoryStore()
	tr := openTrail(t, testOptions(t, store))
	if err := tr.Record(t.Context(), attempt(7)); err != nil {
		t.Fatal(err)
	}
	closeTrail(t, tr)
	events := store.all()
	verifyChains(t, events)
	var got []Event
	for _, e := range events {
		if e.Type == ringfence.CrossTenant {
			got = append(got, e)
		}
	}
	want := []Event{{Node: "node-1", Count: 1, Event: ringfence.Event{
		Type: ringfence.CrossTenant, Severity: ringfence.Critical, User: "u7", Tenant: "t1", AttemptedTenant: "t2", Session: "s1",
		Address: "192.0.2.1", UserAgent: "test", Detail: map[string]string{"operation": "audio"},
	}}}
	variable := cmpopts.IgnoreFields(Event{}, "ID", "Row", "Epoch", "Sequence", "Created", "First", "Last", "Previous", "Hash")
	if diff := cmp.Diff(want, got, variable); diff != "" {
		t.Error(diff)
	}
	if s := tr.Stats(); s.Backlog != 0 || s.Offered != 1 || s.Recorded != 1 || s.Shipped != s.Accepted || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
	if left, err := listSegments(tr.options.Dir); err != nil || len(left) > 0 {
		t.Errorf("the journal keeps %d segments: %v", len(left), err)
	}
}

// What is recorded while the store is down stays in the journal over restarts, and reaches the store once.
func TestStoreDownOverRestarts(t *testing.T) {
	store := newMemoryStore()
	store.setFault(down)
	o := testOptions(t, store)
	const starts, writers, each = 4, 8, 120
	for start := range starts {
		tr := openTrail(t, o)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					if err := tr.Record(t.Context(), attempt((start*writers+w)*each+i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if s := tr.Stats(); s.Backlog < int64((start+1)*writers*each) || s.BacklogAge <= 0 {
			t.Errorf("after start %d: %+v", start, s)
		}
		closeTrail(t, tr)
	}
	// An answer that is lost after COMMIT, every third time.
	store.setFault(func(call int, stored bool) error {
		if stored && call%3 == 0 {
			return errDown
		}
		return nil
	})
	o.Batch = 100
	tr := openTrail(t, o)
	if _, err := tr.SelfTest(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeTrail(t, tr)
	events := store.all()
	verifyChains(t, events)
	want := map[string]int64{}
	for n := range starts * writers * each {
		want["u"+strconv.Itoa(n)] = 1
	}
	if diff := cmp.Diff(want, users(events)); diff != "" {
		t.Error(diff)
	}
	if s := tr.Stats(); s.Backlog != 0 || s.Failures == 0 {
		t.Errorf("%+v", s)
	}
}

// A key that holds something else already is an alarm, and the event gets the next key.
func TestClash(t *testing.T) {
	store := newMemoryStore()
	store.setFault(down)
	tr := openTrail(t, testOptions(t, store))
	e, err := tr.Accept(t.Context(), attempt(1))
	if err != nil {
		t.Fatal(err)
	}
	foreign := e.clone()
	foreign.User = "somebody else"
	foreign.Hash = foreign.Digest()
	store.mu.Lock()
	store.rows[e.Row] = foreign
	store.mu.Unlock()
	store.setFault(nil)
	if _, err := tr.SelfTest(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeTrail(t, tr)
	events := store.all()
	verifyChains(t, events)
	var held []Event
	alarms := 0
	for _, s := range events {
		if s.ID == e.ID {
			held = append(held, s)
		}
		if s.Type == ringfence.TrailTamper {
			alarms++
		}
	}
	e.Row = e.NextRow()
	if diff := cmp.Diff([]Event{e}, held); diff != "" {
		t.Error(diff)
	}
	if s := tr.Stats(); alarms != 1 || s.Conflicts != 1 || s.Tampered != 1 {
		t.Errorf("%d alarms, %+v", alarms, s)
	}
}

// A second process is refused the journal, and the first goes on.
func TestLocked(t *testing.T) {
	o := testOptions(t, nil)
	openTrail(t, o)
	if _, err := Open(o); !cmp.Equal(err, ErrLocked, cmpopts.EquateErrors()) {
		t.Errorf("a second Open: %v", err)
	}
}

func TestRecordRefusesUnknownTypes(t *testing.T) {
	tr := openTrail(t, testOptions(t, nil))
	for _, e := range []ringfence.Event{{}, {Type: "made_up"}, {Type: ringfence.CrossTenant, Severity: "fatal"}} {
		if err := tr.Record(t.Context(), e); !cmp.Equal(err, ErrEvent, cmpopts.EquateErrors()) {
			t.Errorf("Record(%v): %v", e, err)
		}
	}
	if lost := tr.Stats().Lost; lost != 3 {
		t.Errorf("%d counted as lost", lost)
	}
	for _, typ := range ringfence.EventTypes {
		for _, sev := range ringfence.Severities {
			if err := tr.Record(t.Context(), ringfence.Event{Type: typ, Severity: sev}); err != nil {
				t.Errorf("%s %s: %v", typ, sev, err)
			}
		}
	}
}

func TestRecordAfterClose(t *testing.T) {
	tr := openTrail(t, testOptions(t, nil))
	closeTrail(t, tr)
	for _, e := range []ringfence.Event{attempt(1), {Type: ringfence.AllTenants}} {
		if err := tr.Record(t.Context(), e); !cmp.Equal(err, ErrClosed, cmpopts.EquateErrors()) {
			t.Errorf("Record(%s): %v", e.Type, err)
		}
	}
}

// The clock may jump both ways: order and ids do not.
func TestClockJumps(t *testing.T) {
	var mu sync.Mutex
	wall := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	o := testOptions(t, newMemoryStore())
	o.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return wall
	}
	tr := openTrail(t, o)
	var got []Event
	for i, jump := range []time.Duration{0, time.Hour, -48 * time.Hour, 0, 24 * 365 * time.Hour, -time.Minute} {
		mu.Lock()
		wall = wall.Add(jump)
		mu.Unlock()
		e, err := tr.Accept(t.Context(), attempt(i))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	closeTrail(t, tr)
	verifyChains(t, o.Store.(*memoryStore).all())
	if clock := got[2].Detail["clock"]; clock != "2026-02-27T13:00:00Z" {
		t.Errorf("the event after a jump back tells %q as the wall clock", clock)
	}
	if _, ok := got[4].Detail["clock"]; ok {
		t.Error("the event after a jump forward tells of the wall clock")
	}
}

// Stats' equation holds at rest, with folding and with loss.
func checkSums(t testing.TB, s Stats) {
	t.Helper()
	if s.Offered != s.Recorded+s.Folded+s.Lost {
		t.Errorf("offered %d, recorded %d + folded %d + lost %d", s.Offered, s.Recorded, s.Folded, s.Lost)
	}
	if s.Missing != 0 {
		t.Errorf("%d records are missing: %+v", s.Missing, s)
	}
}
