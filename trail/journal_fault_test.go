package trail

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ringfencehq/ringfence"
)

// faultyDisk is the real disk until it is told otherwise.
type faultyDisk struct {
	mu      sync.Mutex
	creates func() error // asked before a file is made
	syncs   func() error // asked before a file is synced
	writes  func() error // asked before a file is written to
}

func (d *faultyDisk) set(creates, writes, syncs func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.creates, d.writes, d.syncs = creates, writes, syncs
}

func (d *faultyDisk) ask(which func(*faultyDisk) func() error) error {
	d.mu.Lock()
	f := which(d)
	d.mu.Unlock()
	if f == nil {
		return nil
	}
	return f()
}

func (d *faultyDisk) create(path string, size int64) (segmentFile, error) {
	if err := d.ask(func(d *faultyDisk) func() error { return d.creates }); err != nil {
		return nil, err
	}
	f, err := osDisk{}.create(path, size)
	if err != nil {
		return nil, err
	}
	return faultyFile{f, d}, nil
}

type faultyFile struct {
	segmentFile
	disk *faultyDisk
}

func (f faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.disk.ask(func(d *faultyDisk) func() error { return d.writes }); err != nil {
		n, _ := f.segmentFile.WriteAt(p[:len(p)/2], off) // half of it arrives
		return n, err
	}
	return f.segmentFile.WriteAt(p, off)
}

func (f faultyFile) Sync() error {
	if err := f.disk.ask(func(d *faultyDisk) func() error { return d.syncs }); err != nil {
		return err
	}
	return f.segmentFile.Sync()
}

// times returns a fault that happens n times.
func times(n int64, err error) func() error {
	var left atomic.Int64
	left.Store(n)
	return func() error {
		if left.Add(-1) >= 0 {
			return err
		}
		return nil
	}
}

func always(err error) func() error { return func() error { return err } }

// pages gathers what a trail pages.
type pages struct {
	mu   sync.Mutex
	kind map[AlarmKind]int
}

func (p *pages) page(a Alarm) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kind == nil {
		p.kind = map[AlarmKind]int{}
	}
	p.kind[a.Kind]++
}

func (p *pages) count(k AlarmKind) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kind[k]
}

// A file that fails is left, whether its write or its fsync failed, and another one takes the events: nothing is lost.
func TestDiskFailsOnce(t *testing.T) {
	for name, fault := range map[string]func(*faultyDisk){
		"write": func(d *faultyDisk) { d.set(nil, times(1, syscall.EIO), nil) },
		"sync":  func(d *faultyDisk) { d.set(nil, nil, times(1, syscall.EIO)) },
	} {
		t.Run(name, func(t *testing.T) {
			disk, store := &faultyDisk{}, newMemoryStore()
			store.setFault(down)
			o := testOptions(t, store)
			o.disk = disk
			tr := openTrail(t, o)
			for i := range 30 {
				if i%10 == 5 {
					fault(disk)
				}
				if err := tr.Record(t.Context(), attempt(i)); err != nil {
					t.Fatal(err)
				}
			}
			store.setFault(nil)
			closeTrail(t, tr)
			wantUsers(t, store.all(), 30)
			verifyChains(t, store.all())
			if s := tr.Stats(); s.Lost != 0 || s.Tampered != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func wantUsers(t testing.TB, events []Event, n int) {
	t.Helper()
	want := map[string]int64{}
	for i := range n {
		want["u"+strconv.Itoa(i)] = 1
	}
	if diff := cmp.Diff(want, users(events)); diff != "" {
		t.Error(diff)
	}
}

// When no file takes events they are refused at once, counted and paged; what comes after forms a chain without a hole.
func TestDiskFails(t *testing.T) {
	disk, store, p := &faultyDisk{}, newMemoryStore(), &pages{}
	o := testOptions(t, store)
	o.disk, o.Page = disk, p.page
	tr := openTrail(t, o)
	for i := range 5 {
		if err := tr.Record(t.Context(), attempt(i)); err != nil {
			t.Fatal(err)
		}
	}
	disk.set(always(syscall.ENOSPC), always(syscall.ENOSPC), nil)
	for i := range 7 {
		begin := time.Now()
		if err := tr.Record(t.Context(), attempt(100+i)); !errors.Is(err, ErrNotDurable) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Record on a full disk: %v", err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("Record on a full disk took %v", took)
		}
	}
	if s := tr.Stats(); s.Lost != 7 || !s.Broken {
		t.Errorf("on a full disk: %+v", s)
	}
	disk.set(nil, nil, nil)
	recordUntil(t, tr, attempt(5))
	closeTrail(t, tr)
	verifyChains(t, store.all())
	got := users(store.all())
	wantLost := tr.Stats().Lost
	if len(got) != 6 || wantLost < 7 || tr.Stats().Broken {
		t.Errorf("users %v, %+v", got, tr.Stats())
	}
	var starts []map[string]string
	for _, e := range store.all() {
		if e.Type == ringfence.NodeStarted {
			starts = append(starts, e.Detail)
		}
	}
	if len(starts) != 2 || starts[1]["cause"] != "the journal could not be written" || starts[1]["previous_sequence"] == "" {
		t.Errorf("epochs began with %v", starts)
	}
	if p.count(AlarmLost) == 0 {
		t.Error("a lost event did not page")
	}
}

// recordUntil repeats an event until it is taken.
func recordUntil(t *testing.T, tr *Trail, e ringfence.Event) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := tr.Record(t.Context(), e)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(brokenPause / 4) // the journal leaves a failed disk alone for so long; polling, not synchronisation
	}
}

// A disk that hangs keeps nobody beyond his deadline, and loses nothing when it comes back.
func TestDiskHangs(t *testing.T) {
	disk, store := &faultyDisk{}, newMemoryStore()
	o := testOptions(t, store)
	o.disk, o.Patience = disk, 50*time.Millisecond
	tr := openTrail(t, o)
	if err := tr.Record(t.Context(), attempt(0)); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	disk.set(nil, nil, func() error { <-release; return nil })
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			begin := time.Now()
			if err := tr.Record(t.Context(), attempt(1+i/2)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Record on a disk that hangs: %v", err)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("Record took %v", took)
			}
		})
	}
	wg.Wait()
	tr.Stats() // does not hang either
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tr.Record(ctx, attempt(21)); !errors.Is(err, context.Canceled) {
		t.Errorf("Record with a context that ended: %v", err)
	}
	close(release)
	closeTrail(t, tr)
	verifyChains(t, store.all())
	want := map[string]int64{"u0": 1, "u21": 1}
	for i := range 20 {
		want["u"+strconv.Itoa(1+i)] = 2
	}
	if diff := cmp.Diff(want, users(store.all())); diff != "" {
		t.Error(diff)
	}
	checkSums(t, tr.Stats())
}

// A journal file that is removed, replaced or shortened under a running process is noticed, alarmed and made again.
func TestFileTamperedUnderneath(t *testing.T) {
	remove := func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		tamper func(t *testing.T, path string)
		lost   bool
	}{
		"removed": {tamper: remove},
		"replaced": {tamper: func(t *testing.T, path string) {
			remove(t, path)
			if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		"directory removed": {tamper: func(t *testing.T, path string) {
			if err := os.RemoveAll(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
		}},
		"shortened": {lost: true, tamper: func(t *testing.T, path string) {
			if err := os.Truncate(path, 900); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			store := newMemoryStore()
			store.setFault(down)
			o := testOptions(t, store)
			o.Dir = filepath.Join(o.Dir, "journal")
			tr := openTrail(t, o)
			record(t, tr, 0, 10)
			for _, path := range segmentPaths(t, o.Dir) {
				c.tamper(t, path)
				break
			}
			record(t, tr, 10, 20)
			closeTrail(t, tr) // the store is down: all must come out of the files
			store.setFault(nil)
			closeTrail(t, openTrail(t, o))
			alarms := 0
			for _, e := range store.all() {
				if e.Type == ringfence.TrailTamper {
					alarms++
				}
			}
			if alarms == 0 {
				t.Error("nobody noticed")
			}
			if c.lost {
				got := users(store.all())
				for i := 10; i < 20; i++ {
					if got["u"+strconv.Itoa(i)] != 1 {
						t.Errorf("u%d, recorded after, is lost", i)
					}
				}
				return
			}
			wantUsers(t, store.all(), 20)
			verifyChains(t, store.all())
		})
	}
}

func record(t testing.TB, tr *Trail, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := tr.Record(t.Context(), attempt(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func segmentPaths(t testing.TB, dir string) []string {
	t.Helper()
	segments, err := listSegments(dir)
	if err != nil || len(segments) == 0 {
		t.Fatalf("%d segments: %v", len(segments), err)
	}
	var paths []string
	for _, s := range segments {
		paths = append(paths, s.path)
	}
	return paths
}

// A sealed file that waits to be shipped is kept open, so that removing it loses nothing either.
func TestSealedFileRemoved(t *testing.T) {
	store := newMemoryStore()
	store.setFault(down)
	o := testOptions(t, store)
	o.SegmentSize = 4 << 10
	tr := openTrail(t, o)
	record(t, tr, 0, 60)
	paths := segmentPaths(t, o.Dir)
	if len(paths) < 4 {
		t.Fatalf("%d segments", len(paths))
	}
	for _, path := range paths[:3] {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	store.setFault(nil)
	if _, err := tr.SelfTest(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeTrail(t, tr)
	wantUsers(t, store.all(), 60)
	verifyChains(t, store.all())
}

// A store that hangs, or a sink that does, keeps nobody: events go to the journal and to the other sinks.
func TestStoreAndSinkHang(t *testing.T) {
	store, good := newMemoryStore(), &memorySink{got: make(chan Event, 100)}
	release := make(chan struct{})
	store.setFault(func(int, bool) error { <-release; return nil })
	o := testOptions(t, store)
	o.ShipTimeout = 100 * time.Millisecond
	o.Sinks = map[string]Sink{"good": good, "hangs": hangingSink{}}
	tr := openTrail(t, o)
	record(t, tr, 0, 20)
	seen := map[string]int64{}
	for len(seen) < 20 {
		select {
		case e := <-good.got:
			if e.Type.Refusal() {
				seen[e.User] += e.Count
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("the good sink got %d of 20", len(seen))
		}
	}
	close(release)
	closeTrail(t, tr)
	wantUsers(t, store.all(), 20)
	s := tr.Stats()
	want := map[string]SinkStats{"good": {Sent: s.Accepted}, "hangs": {Failing: true}}
	if diff := cmp.Diff(want, s.Sinks, cmpopts.IgnoreFields(SinkStats{}, "Dropped")); diff != "" {
		t.Error(diff)
	}
}

type memorySink struct{ got chan Event }

func (s *memorySink) Send(_ context.Context, batch []Event) error {
	for _, e := range batch {
		s.got <- e
	}
	return nil
}

type hangingSink struct{}

func (hangingSink) Send(ctx context.Context, _ []Event) error {
	<-ctx.Done()
	return ctx.Err()
}
