package trail

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence"
)

// Whenever one looks, while events are written, shipped and freed and the store fails now and then, no record is unaccounted for.
func TestStatsBalanceAtEveryMoment(t *testing.T) {
	store := newMemoryStore()
	store.setFault(func(call int, _ bool) error {
		if call%5 == 0 {
			return errDown
		}
		return nil
	})
	o := testOptions(t, store)
	o.SegmentSize, o.Batch = 8<<10, 20
	for start := range 3 {
		tr := openTrail(t, o)
		done := make(chan struct{})
		var writers, looks sync.WaitGroup
		for w := range 4 {
			writers.Go(func() { record(t, tr, (start*4+w)*100, (start*4+w)*100+100) })
		}
		looks.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if s := tr.Stats(); s.Missing != 0 || s.Inherited+s.Accepted != s.Shipped+s.Backlog {
					t.Errorf("%+v", s)
					return
				}
			}
		})
		writers.Wait()
		closeTrail(t, tr)
		close(done)
		looks.Wait()
		checkSums(t, tr.Stats())
	}
	store.setFault(nil)
	tr := openTrail(t, o)
	closeTrail(t, tr)
	if s := tr.Stats(); s.Backlog != 0 || s.Missing != 0 {
		t.Errorf("%+v", s)
	}
	wantUsers(t, store.all(), 1200)
}

// What somebody removed while nobody ran is counted, to the record.
func TestStatsCountWhatIsMissing(t *testing.T) {
	store := newMemoryStore()
	store.setFault(down)
	o := testOptions(t, store)
	o.SegmentSize = 4 << 10
	tr := openTrail(t, o)
	record(t, tr, 0, 40)
	closeTrail(t, tr)
	paths := segmentPaths(t, o.Dir)
	gone := int64(0)
	for _, p := range places(t, o.Dir) {
		if p.file == filepath.Base(paths[1]) {
			gone++
		}
	}
	if err := os.Remove(paths[1]); err != nil || gone < 2 {
		t.Fatal(gone, err)
	}
	store.setFault(nil)
	tr = openTrail(t, o)
	closeTrail(t, tr)
	if s := tr.Stats(); s.Missing != gone || s.Tampered == 0 {
		t.Errorf("%d are gone: %+v", gone, s)
	}
}

// Every type and severity has a count from the start; repeats, what is lost, and what the trail itself has to say are counted too.
func TestStatsByType(t *testing.T) {
	store := newMemoryStore()
	tr := openTrail(t, testOptions(t, store))
	if _, err := tr.SelfTest(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := tr.Stats()
	if len(before.Types) != len(ringfence.EventTypes) || len(before.Severities) != len(ringfence.Severities) {
		t.Errorf("%d types, %d severities", len(before.Types), len(before.Severities))
	}
	for range 5 {
		record(t, tr, 1, 2)
	}
	if err := tr.Record(t.Context(), ringfence.Event{Type: ringfence.PINUncounted}); err != nil {
		t.Fatal(err)
	}
	closeTrail(t, tr)
	_ = tr.Record(t.Context(), ringfence.Event{Type: ringfence.AllTenants})
	got := map[ringfence.EventType]int64{}
	s := tr.Stats()
	for k, n := range s.Types {
		if n > 0 && k != ringfence.SelfTest { // one more may have been made at start
			got[k] = n
		}
	}
	want := map[ringfence.EventType]int64{ringfence.NodeStarted: 1, ringfence.CrossTenant: 5, ringfence.PINUncounted: 1, ringfence.AllTenants: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s.Severities[ringfence.Critical] != 6 || s.Severities[ringfence.Warning] != 1 {
		t.Errorf("%v", s.Severities)
	}
}
