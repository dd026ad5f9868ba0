package metrics

import (
	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/trail"
)

// What a node's trail counts.
var (
	TrailOffered = &Metric{Name: "ringfence_trail_offered_total", Kind: Counter, Of: Gateway,
		Help: "Events that were to be recorded: recorded, folded, lost, or still being written."}
	TrailRecorded = &Metric{Name: "ringfence_trail_recorded_total", Kind: Counter, Of: Gateway,
		Help: "Events that were recorded one by one."}
	TrailFolded = &Metric{Name: "ringfence_trail_folded_total", Kind: Counter, Of: Gateway,
		Help: "Events that were counted as repeats of a recorded one."}
	TrailLost = &Metric{Name: "ringfence_trail_lost_total", Kind: Counter, Of: Gateway,
		Help: "Events that are neither on disk nor in the table."}
	TrailAccepted = &Metric{Name: "ringfence_trail_accepted_total", Kind: Counter, Of: Gateway,
		Help: "Records that were made durable in the journal."}
	TrailShipped = &Metric{Name: "ringfence_trail_shipped_total", Kind: Counter, Of: Gateway,
		Help: "Records that the table has, verified by their hash; those left by earlier processes included."}
	TrailInherited = &Metric{Name: "ringfence_trail_inherited", Kind: Gauge, Of: Gateway,
		Help: "Records that earlier processes left in the journal. With those accepted they are what is shipped, waiting and missing, at any moment."}
	TrailMissing = &Metric{Name: "ringfence_trail_missing", Kind: Gauge, Of: Gateway,
		Help: "Records that are gone from the journal and were not verified in the table: more than 0 is a loss."}
	TrailEvents = &Metric{Name: "ringfence_trail_events_total", Kind: Counter, Of: Gateway, Labels: []string{"event", "severity"}, Series: eventSeries(),
		Help: "Events of the node by what they are and how grave that is by default, counted when they happen."}
	TrailBacklog = &Metric{Name: "ringfence_trail_backlog", Kind: Gauge, Of: Gateway,
		Help: "Records in the journal that are not verified in the table."}
	TrailBacklogAge = &Metric{Name: "ringfence_trail_backlog_age_seconds", Kind: Gauge, Of: Gateway,
		Help: "How long the oldest record of the backlog has waited; 0 without one."}
	TrailTampered = &Metric{Name: "ringfence_trail_tampered_total", Kind: Counter, Of: Gateway,
		Help: "Times the journal was found changed, removed or unreadable."}
	TrailConflicts = &Metric{Name: "ringfence_trail_conflicts_total", Kind: Counter, Of: Gateway,
		Help: "Keys under which the table held something else than the journal."}
	TrailStoreFailures = &Metric{Name: "ringfence_trail_store_failures_total", Kind: Counter, Of: Gateway,
		Help: "Calls of the table's store that failed; the journal keeps what they were for."}
	TrailStoreFailing = &Metric{Name: "ringfence_trail_store_failing", Kind: Gauge, Of: Gateway,
		Help: "1 where the last call of the table's store failed."}
	TrailJournalBroken = &Metric{Name: "ringfence_trail_journal_broken", Kind: Gauge, Of: Gateway,
		Help: "1 where the last attempt to write the journal failed."}
	TrailReserve = &Metric{Name: "ringfence_trail_reserve", Kind: Gauge, Of: Gateway,
		Help: "1 where room for a full disk is kept."}
	TrailSelfTest = &Metric{Name: "ringfence_trail_self_test_timestamp_seconds", Kind: Gauge, Of: Gateway,
		Help: "When a self-test event was last verified in the table; 0: never."}
	TrailSelfTestTook = &Metric{Name: "ringfence_trail_self_test_seconds", Kind: Gauge, Of: Gateway,
		Help: "How long the last self-test event took from the journal to the table."}
	TrailSinksSent = &Metric{Name: "ringfence_trail_sinks_sent_total", Kind: Counter, Of: Gateway,
		Help: "Events that further places took, of all of them together."}
	TrailSinksDropped = &Metric{Name: "ringfence_trail_sinks_dropped_total", Kind: Counter, Of: Gateway,
		Help: "Events that further places were too slow for or refused, of all of them together."}
	TrailSinksFailing = &Metric{Name: "ringfence_trail_sinks_failing", Kind: Gauge, Of: Gateway,
		Help: "Further places that refused their last event."}
)

var trailMetrics = []*Metric{TrailOffered, TrailRecorded, TrailFolded, TrailLost, TrailAccepted, TrailShipped, TrailInherited,
	TrailMissing, TrailEvents, TrailBacklog, TrailBacklogAge, TrailTampered,
	TrailConflicts, TrailStoreFailures, TrailStoreFailing, TrailJournalBroken, TrailReserve, TrailSelfTest, TrailSelfTestTook, TrailSinksSent,
	TrailSinksDropped, TrailSinksFailing}

// Trail registers the metrics of a trail, which is asked at each scrape.
func (r *Registry) Trail(stats func() trail.Stats) {
	r.read(trailMetrics, func() []reading { return trailReadings(stats()) })
}

func trailReadings(s trail.Stats) []reading {
	var sinks trail.SinkStats
	failing := 0
	for _, k := range s.Sinks {
		sinks.Sent += k.Sent
		sinks.Dropped += k.Dropped
		if k.Failing {
			failing++
		}
	}
	verified := 0.0
	if !s.SelfTest.IsZero() {
		verified = float64(s.SelfTest.UnixMilli()) / 1000
	}
	out := []reading{
		{TrailInherited, float64(s.Inherited), nil}, {TrailMissing, float64(s.Missing), nil},
		{TrailOffered, float64(s.Offered), nil}, {TrailRecorded, float64(s.Recorded), nil}, {TrailFolded, float64(s.Folded), nil},
		{TrailLost, float64(s.Lost), nil}, {TrailAccepted, float64(s.Accepted), nil}, {TrailShipped, float64(s.Shipped), nil},
		{TrailBacklog, float64(s.Backlog), nil}, {TrailBacklogAge, s.BacklogAge.Seconds(), nil}, {TrailTampered, float64(s.Tampered), nil},
		{TrailConflicts, float64(s.Conflicts), nil}, {TrailStoreFailures, float64(s.Failures), nil}, {TrailStoreFailing, truth(s.Failing), nil},
		{TrailJournalBroken, truth(s.Broken), nil}, {TrailReserve, truth(s.Reserve), nil}, {TrailSelfTest, verified, nil},
		{TrailSelfTestTook, s.SelfTestTook.Seconds(), nil}, {TrailSinksSent, float64(sinks.Sent), nil},
		{TrailSinksDropped, float64(sinks.Dropped), nil}, {TrailSinksFailing, float64(failing), nil},
	}
	for _, labels := range TrailEvents.Series {
		out = append(out, reading{TrailEvents, float64(s.Types[ringfence.EventType(labels[0])]), labels})
	}
	return out
}
