package trail

import (
	"sync/atomic"
	"time"

	"github.com/ringfencehq/ringfence"
)

// Stats are a trail's counts since it was opened. Counts of occurrences, of which a record may stand for several, obey: Offered =
// Recorded + Folded + Lost + what Record is still waiting for. Counts of records obey at any moment: Inherited + Accepted =
// Shipped + Backlog + Missing.
type Stats struct {
	Offered  int64 // calls of Record
	Recorded int64 // of them, recorded one by one
	Folded   int64 // of them, counted as repeats
	Lost     int64 // of them, neither on disk nor in the store: the caller was told, and it pages

	// Types and Severities count occurrences when they happen, whatever becomes of their records; those of the trail itself too. Every
	// type and every severity has an entry from the start.
	Types      map[ringfence.EventType]int64
	Severities map[ringfence.Severity]int64

	Inherited int64 // records that earlier processes left in the journal
	Accepted  int64 // records made durable, those of the trail itself and sums of repeats included; one that had to be written twice counts twice
	Shipped   int64 // records of the journal that the store has, verified by their hash
	Backlog   int64 // records of the journal that are not verified in the store
	Missing   int64 // records that are gone from the journal and were not verified in the store: more than 0 is a loss
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
	offered, recorded, folded, lost atomic.Int64
	tampered, conflict, failures    atomic.Int64
	failing, broken                 atomic.Bool
	selfTest, selfTestTook          atomic.Int64
	types                           map[ringfence.EventType]*atomic.Int64 // the maps are not written to after newCounters
	severities                      map[ringfence.Severity]*atomic.Int64
}

func (c *counters) init() {
	c.types, c.severities = make(map[ringfence.EventType]*atomic.Int64), make(map[ringfence.Severity]*atomic.Int64)
	for _, t := range ringfence.EventTypes {
		c.types[t] = new(atomic.Int64)
	}
	for _, s := range ringfence.Severities {
		c.severities[s] = new(atomic.Int64)
	}
}

// happened counts an event of a known type and severity.
func (c *counters) happened(e *ringfence.Event) {
	severity := e.Severity
	if severity == "" {
		severity = e.Type.Severity()
	}
	c.types[e.Type].Add(1)
	c.severities[severity].Add(1)
}

// Stats returns the counts. It never waits for disk or store.
func (t *Trail) Stats() Stats {
	c := &t.counters
	s := Stats{
		Offered: c.offered.Load(), Recorded: c.recorded.Load(), Folded: c.folded.Load(), Lost: c.lost.Load(),
		Types: load(c.types), Severities: load(c.severities), Tampered: c.tampered.Load(), Conflicts: c.conflict.Load(),
		Failures: c.failures.Load(), Failing: c.failing.Load(), Broken: c.broken.Load(),
		SelfTestTook: time.Duration(c.selfTestTook.Load()), Sinks: make(map[string]SinkStats, len(t.sinks)),
	}
	if at := c.selfTest.Load(); at != 0 {
		s.SelfTest = time.UnixMicro(at).UTC()
	}
	for _, sink := range t.sinks {
		s.Sinks[sink.name] = sink.stats()
	}
	a, oldest, reserve := t.shipper.backlog()
	s.Inherited, s.Accepted, s.Shipped, s.Backlog, s.Missing, s.Reserve = a.inherited, a.written, a.shipped, a.backlog, a.missing(), reserve
	if s.Backlog > 0 && !oldest.IsZero() {
		s.BacklogAge = max(t.now().Sub(oldest), 0)
	}
	return s
}

func load[K comparable](counts map[K]*atomic.Int64) map[K]int64 {
	out := make(map[K]int64, len(counts))
	for k, n := range counts {
		out[k] = n.Load()
	}
	return out
}
