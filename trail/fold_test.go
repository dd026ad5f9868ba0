package trail

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence"
)

// A burst of one source is few records that stand for all of it.
func TestBurstFolds(t *testing.T) {
	store := newMemoryStore()
	tr := openTrail(t, testOptions(t, store))
	const burst = 5000
	for i := range burst {
		e := attempt(1)
		e.Session, e.UserAgent, e.Address = "s"+strconv.Itoa(i), "agent "+strconv.Itoa(i), fmt.Sprintf("192.0.2.1:%d", 1000+i)
		e.Detail = map[string]string{"operation": "audio", "frame": strconv.Itoa(i)}
		if err := tr.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	closeTrail(t, tr)
	if diff := cmp.Diff(map[string]int64{"u1": burst}, users(store.all())); diff != "" {
		t.Error(diff)
	}
	records := 0
	for _, e := range store.all() {
		if e.Type.Refusal() {
			records++
		}
	}
	if records > 20 {
		t.Errorf("%d records", records)
	}
	checkSums(t, tr.Stats())
}

// What tells events apart is never folded; nor is what somebody with rights did.
func TestDistinctIsNotFolded(t *testing.T) {
	store := newMemoryStore()
	tr := openTrail(t, testOptions(t, store))
	var events []ringfence.Event
	for _, change := range []func(*ringfence.Event){
		func(*ringfence.Event) {},
		func(e *ringfence.Event) { e.Type = ringfence.TenantMissing },
		func(e *ringfence.Event) { e.Severity = ringfence.Info },
		func(e *ringfence.Event) { e.User = "u2" },
		func(e *ringfence.Event) { e.Tenant = "t9" },
		func(e *ringfence.Event) { e.AttemptedTenant = "t9" },
		func(e *ringfence.Event) { e.AttemptedTenant = "t2\x00" },
		func(e *ringfence.Event) { e.Address = "192.0.2.9" },
		func(e *ringfence.Event) { e.Detail = map[string]string{"operation": "start"} },
		func(e *ringfence.Event) { e.User, e.Tenant = "u1t", "1" },
		func(e *ringfence.Event) { e.Type = ringfence.ServiceCall },
		func(e *ringfence.Event) { e.Type = ringfence.ServiceCall },
		func(e *ringfence.Event) { e.Type = ringfence.AllTenants },
		func(e *ringfence.Event) { e.Type = ringfence.AllTenants },
	} {
		e := attempt(1)
		change(&e)
		events = append(events, e)
	}
	for _, e := range events {
		if err := tr.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	s := tr.Stats()
	if s.Recorded != int64(len(events)) || s.Folded != 0 {
		t.Errorf("%+v", s)
	}
}

// Counts are recorded when their window ends, without a further event; the window of a source that goes on grows.
func TestFoldWindow(t *testing.T) {
	var mu sync.Mutex
	wall := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f := newFolder(time.Second, 100, func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return wall
	})
	e := attempt(1)
	s, v, _ := f.offer(&e)
	if v != foldFirst {
		t.Fatal("the first event was folded")
	}
	f.settle(s, nil)
	var sums []int64
	for range 40 { // 20 s of two repeats each half second
		f.offer(&e)
		f.offer(&e)
		mu.Lock()
		wall = wall.Add(time.Second / 2)
		mu.Unlock()
		for _, sum := range f.due(dueEnded) {
			sums = append(sums, sum.Count)
			if sum.Last.Before(sum.First) || sum.Last.After(wall) {
				t.Errorf("a sum from %v to %v at %v", sum.First, sum.Last, wall)
			}
		}
	}
	if diff := cmp.Diff([]int64{4, 8, 16, 32}, sums); diff != "" {
		t.Error(diff)
	}
	mu.Lock()
	wall = wall.Add(time.Hour)
	mu.Unlock()
	if left := f.due(dueEnded); len(left) != 1 || left[0].Count != 20 {
		t.Errorf("left %v", left)
	}
	mu.Lock()
	wall = wall.Add(time.Hour)
	mu.Unlock()
	f.due(dueEnded)
	if _, v, _ := f.offer(&e); v != foldFirst {
		t.Error("a source is never forgotten")
	}
}

// Any mix of sources, offered at once from many goroutines, with so little room that sources are forgotten all the time:
// what is stored counts up to what was offered.
func TestFoldLosesNoCount(t *testing.T) {
	store := newMemoryStore()
	o := testOptions(t, store)
	o.FoldSources, o.FoldWindow = foldShards, 20*time.Millisecond
	tr := openTrail(t, o)
	const writers, each, sources = 8, 1500, 200
	offered := make([]atomic.Int64, sources)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for range each {
				n := r.IntN(1 + r.IntN(sources))
				if err := tr.Record(t.Context(), attempt(n)); err != nil {
					t.Error(err)
				}
				offered[n].Add(1)
			}
		})
	}
	wg.Wait()
	closeTrail(t, tr)
	want := map[string]int64{}
	for n := range offered {
		if c := offered[n].Load(); c > 0 {
			want["u"+strconv.Itoa(n)] = c
		}
	}
	if diff := cmp.Diff(want, users(store.all())); diff != "" {
		t.Error(diff)
	}
	verifyChains(t, store.all())
	checkSums(t, tr.Stats())
}

// Repeats whose first event is lost are told so, and are lost with it; the next event is a first one again.
func TestFoldOfALostEvent(t *testing.T) {
	disk, store := &faultyDisk{}, newMemoryStore()
	o := testOptions(t, store)
	o.disk = disk
	tr := openTrail(t, o)
	record(t, tr, 0, 1)
	enter, release := make(chan struct{}, 100), make(chan struct{})
	fail := func() error { enter <- struct{}{}; <-release; return errDown }
	disk.set(always(errDown), nil, fail)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := tr.Record(t.Context(), attempt(1)); err == nil {
				t.Error("a repeat of a lost event was taken")
			}
		})
	}
	<-enter
	close(release)
	wg.Wait()
	disk.set(nil, nil, nil)
	recordUntil(t, tr, attempt(1))
	closeTrail(t, tr)
	if diff := cmp.Diff(map[string]int64{"u0": 1, "u1": 1}, users(store.all())); diff != "" {
		t.Error(diff)
	}
	checkSums(t, tr.Stats())
}

// flood offers a number of events a second for a time, from sources of which most repeat, and checks that each distinct
// event is on record, all are counted, and memory stays bounded.
func flood(t *testing.T, perSecond int, last time.Duration) {
	store := newMemoryStore()
	o := testOptions(t, store)
	o.SegmentSize = 0
	tr := openTrail(t, o)
	const sources, writers = 1000, 8
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	total := int64(perSecond) * int64(last) / int64(time.Second)
	var next, newcomers atomic.Int64
	begin := time.Now()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for n := next.Add(1); n <= total; n = next.Add(1) {
				if due := begin.Add(time.Duration(n * int64(time.Second) / int64(perSecond))); n%64 == 0 {
					time.Sleep(time.Until(due)) // the pace that is offered
				}
				source := int(n % sources)
				if n%200 == 0 { // one in 200 is new
					source = sources + int(newcomers.Add(1))
				}
				if err := tr.Record(t.Context(), attempt(source)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	runtime.ReadMemStats(&during)
	closeTrail(t, tr)
	var counted int64
	got := users(store.all())
	for _, n := range got {
		counted += n
	}
	s := tr.Stats()
	distinct := int64(len(got))
	t.Logf("%d events offered in %v (%.0f/s), %d distinct, %d records, heap grew by %d MiB", total, took,
		float64(total)/took.Seconds(), distinct, s.Accepted, (int64(during.HeapInuse)-int64(before.HeapInuse))>>20)
	if counted != total || s.Lost != 0 || distinct < newcomers.Load()+sources*9/10 {
		t.Errorf("offered %d, counted %d; %d newcomers, %d distinct; %+v", total, counted, newcomers.Load(), distinct, s)
	}
	if grown := int64(during.HeapInuse) - int64(before.HeapInuse); grown > 256<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	checkSums(t, s)
	verifyChains(t, store.all())
}

func TestFlood(t *testing.T) { flood(t, 50_000, 500*time.Millisecond) }
