package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The closed lists of what the monitor says.
var (
	MonitorChecks   = []string{"audit", "canary", "drift", "errors", "prove", "statements", "tables", "trail"}
	MonitorOutcomes = []string{"fine", "bad", "unknown"}
	MonitorStates   = []string{"42501", "42704", "22P02"}
	TrailQueries    = []string{"tenant_latest", "critical_latest"}
	TrailFaults     = []string{"lost", "doubled", "clashing", "broken_chain"}
	severities      = []string{"critical", "high", "medium", "low", "info"}
	verdicts        = []string{"proved", "probed", "leak", "unproven"}
	directions      = []string{"widened", "narrowed", "neutral", "unknown"}
)

// What the monitor says of a database.
var (
	MonitorState = &Metric{Name: "ringfence_monitor_state", Kind: Gauge, Of: Monitor, Labels: []string{"check", "outcome"}, Series: product(MonitorChecks, MonitorOutcomes),
		Help: "1 for the outcome that a check had when it last ran; all 0 for a check that has not run."}
	MonitorRuns = &Metric{Name: "ringfence_monitor_checks_total", Kind: Counter, Of: Monitor, Labels: []string{"check", "outcome"}, Series: product(MonitorChecks, MonitorOutcomes),
		Help: "Checks that ran, by their outcome."}
	MonitorLast = &Metric{Name: "ringfence_monitor_last_run_timestamp_seconds", Kind: Gauge, Of: Monitor, Labels: []string{"check"}, Series: each(MonitorChecks),
		Help: "When a check last ended, whatever it found; 0: never."}
	MonitorTook = &Metric{Name: "ringfence_monitor_check_seconds", Kind: Gauge, Of: Monitor, Labels: []string{"check"}, Series: each(MonitorChecks),
		Help: "How long a check last took."}
	MonitorFindings = &Metric{Name: "ringfence_monitor_findings", Kind: Gauge, Of: Monitor, Labels: []string{"severity"}, Series: each(severities),
		Help: "Findings of the audit that nobody accepted."}
	MonitorCells = &Metric{Name: "ringfence_monitor_cells", Kind: Gauge, Of: Monitor, Labels: []string{"verdict"}, Series: each(verdicts),
		Help: "Ways to rows by what logic says of them, accepted ones left out."}
	MonitorDrift = &Metric{Name: "ringfence_monitor_drift", Kind: Gauge, Of: Monitor, Labels: []string{"direction"}, Series: each(directions),
		Help: "Objects that are not as they were accepted, by what that lets tenants reach."}
	MonitorNewTables = &Metric{Name: "ringfence_monitor_new_tables_without_isolation", Kind: Gauge, Of: Monitor,
		Help: "Tables that came since the state was accepted, hold tenants' rows or may, and are not isolated."}
	MonitorZeroRows = &Metric{Name: "ringfence_monitor_statements_fallen_to_zero_rows", Kind: Gauge, Of: Monitor,
		Help: "Statements that gave rows before and none since the last run: a policy may hide them all."}
	MonitorErrors = &Metric{Name: "ringfence_monitor_sqlstate_total", Kind: Counter, Of: Monitor, Labels: []string{"sqlstate"}, Series: each(MonitorStates),
		Help: "Errors that tenants' work meets where isolation or its context is wrong, since the monitor began."}
	MonitorNotices = &Metric{Name: "ringfence_monitor_notifications_total", Kind: Counter, Of: Monitor, Labels: []string{"outcome"}, Series: each([]string{"taken", "failed"}),
		Help: "Messages to webhooks and PagerDuty."}
	TrailRows = &Metric{Name: "ringfence_trail_table_rows", Kind: Gauge, Of: Monitor,
		Help: "Records in the trail's table."}
	TrailTableFaults = &Metric{Name: "ringfence_trail_table_faults", Kind: Gauge, Of: Monitor, Labels: []string{"fault"}, Series: each(TrailFaults),
		Help: "Records of the trail's table that are missing in between, doubled, of other content, or do not name the one before."}
	TrailQuery = &Metric{Name: "ringfence_trail_query_seconds", Kind: Histogram, Of: Monitor, Labels: []string{"query"}, Series: each(TrailQueries),
		Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		Help:    "What the two common queries of the trail's table took."}
)

var monitorMetrics = []*Metric{MonitorState, MonitorRuns, MonitorLast, MonitorTook, MonitorFindings, MonitorCells, MonitorDrift, MonitorNewTables, MonitorZeroRows,
	MonitorErrors, MonitorNotices, TrailRows, TrailTableFaults, TrailQuery}

// product makes a series of each pair.
func product(a, b []string) [][]string {
	var out [][]string
	for _, x := range a {
		for _, y := range b {
			out = append(out, []string{x, y})
		}
	}
	return out
}

// MonitorStats are the monitor's metrics. Safe for concurrent use.
type MonitorStats struct {
	gauges   map[*Metric]*prometheus.GaugeVec
	counters map[*Metric]*prometheus.CounterVec
	query    *prometheus.HistogramVec
}

// Monitor registers the monitor's metrics.
func (r *Registry) Monitor() *MonitorStats {
	s := &MonitorStats{gauges: map[*Metric]*prometheus.GaugeVec{}, counters: map[*Metric]*prometheus.CounterVec{}}
	for _, m := range monitorMetrics {
		switch m.Kind {
		case Gauge:
			s.gauges[m] = r.gauge(m)
		case Counter:
			s.counters[m] = r.counter(m)
		}
	}
	s.query = r.histogram(TrailQuery)
	return s
}

// Ran notes that a check ended at a time with an outcome.
func (s *MonitorStats) Ran(check, outcome string, at time.Time, took time.Duration) {
	for _, o := range MonitorOutcomes {
		s.Set(MonitorState, truth(o == outcome), check, o)
	}
	s.Add(MonitorRuns, 1, check, outcome)
	s.Set(MonitorLast, float64(at.UnixMilli())/1000, check)
	s.Set(MonitorTook, took.Seconds(), check)
}

// Set sets a gauge's series. A series that the metric does not list is a fault of the program, and none is made.
func (s *MonitorStats) Set(m *Metric, v float64, labels ...string) {
	if m.has(labels) {
		s.gauges[m].WithLabelValues(labels...).Set(v)
	}
}

// Add moves a counter's series.
func (s *MonitorStats) Add(m *Metric, v float64, labels ...string) {
	if m.has(labels) {
		s.counters[m].WithLabelValues(labels...).Add(v)
	}
}

// Queried takes what one of the common queries took.
func (s *MonitorStats) Queried(query string, took time.Duration) {
	if TrailQuery.has([]string{query}) {
		s.query.WithLabelValues(query).Observe(took.Seconds())
	}
}
