package trail

import (
	"sync/atomic"
	"time"
)

// Stats are a trail's counts since it was opened, of occurrences where a record may stand for several. Read together they
// obey: Offered = Recorded + Folded + Lost + what Record is still waiting for. And of records: what the store got from this process
// and the journal still holds is Accepted.
type Stats struct {
	Offered  int64 // calls of Record
	Recorded int64 // of them, recorded one by one
	Folded   int64 // of them, counted as repeats
	Lost     int64 // of them, neither on disk nor in the store: the caller was told, and it pages

	Accepted  int64 // records made durable, those of the trail itself and sums of repeats included
	Shipped   int64 // records that the store has, verified by their hash; those left by earlier processes included
	Backlog   int64 // records in the journal that are not verified in the store
	Tampered  int64 // TrailTamper and TrailGap events
	Conflicts int64 // keys under which the store held something else

	// BacklogAge is how long the oldest record of the backlog has waited; 0 without one.
	BacklogAge time.Duration
	// Failures counts calls of the store that failed; Failing says that the last one did.
	Failures int64
	Failing  bool
	// Reserve says that room for a full disk is kept.
	Reserve bool
	// Broken says that the last attempt to write the journal failed.
	Broken bool
	// SelfTest is when a self-test event was last verified in the store; zero when never. SelfTestTook is how long it took.
	SelfTest     time.Time
	SelfTestTook time.Duration
	// Sinks are the further places, by name.
	Sinks map[string]SinkStats
}

// SinkStats are the counts of one sink.
type SinkStats struct {
	Sent    int64 // events it took
	Dropped int64 // events it was too slow for, or that it refused until they had to make room
	Failing bool
}

// counters are the parts of Stats that are counted as they happen.
type counters struct {
	offered, recorded, folded, lost       atomic.Int64
	accepted, shipped, tampered, conflict atomic.Int64
	failures                              atomic.Int64
	failing, broken                       atomic.Bool
	selfTest, selfTestTook                atomic.Int64
}

// Stats returns the counts. It never waits for disk or store.
func (t *Trail) Stats() Stats {
	c := &t.counters
	s := Stats{
		Offered: c.offered.Load(), Recorded: c.recorded.Load(), Folded: c.folded.Load(), Lost: c.lost.Load(),
		Accepted: c.accepted.Load(), Shipped: c.shipped.Load(), Tampered: c.tampered.Load(), Conflicts: c.conflict.Load(),
		Failures: c.failures.Load(), Failing: c.failing.Load(), Broken: c.broken.Load(),
		SelfTestTook: time.Duration(c.selfTestTook.Load()), Sinks: make(map[string]SinkStats, len(t.sinks)),
	}
	if at := c.selfTest.Load(); at != 0 {
		s.SelfTest = time.UnixMicro(at).UTC()
	}
	for _, sink := range t.sinks {
		s.Sinks[sink.name] = sink.stats()
	}
	var oldest time.Time
	s.Backlog, oldest, s.Reserve = t.shipper.backlog()
	if s.Backlog > 0 && !oldest.IsZero() {
		s.BacklogAge = max(t.now().Sub(oldest), 0)
	}
	return s
}
