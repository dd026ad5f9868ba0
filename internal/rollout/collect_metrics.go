package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/metrics"
)

// What the windows of success ask of the processes beside the database, which Prometheus scrapes. Where it has no such series nothing is known.
var (
	scraped          = Collector{Name: "metrics_scraped", How: "Prometheus's count of processes that give " + metrics.StartTime().Name, Holds: time.Hour, Collect: collectScraped}
	ownErrors        = Collector{Name: "own_errors", How: "errors of Ringfence's own processes within an hour, as Prometheus has them", Holds: time.Hour, Collect: collectOwnErrors}
	attemptsRecorded = Collector{Name: "attempts_recorded", How: "refusals and those that the trail did not confirm, as Prometheus has them", Holds: 24 * time.Hour, Collect: collectAttemptsRecorded}
	socketsStable    = Collector{Name: "sockets_stable", How: "sockets cut as silent or slow and failures of the back end, a socket, against the hour before the stage was begun", Holds: 24 * time.Hour, Collect: collectSockets}
	journal          = Collector{Name: "journal", How: "records that wait in the journal, against the hour before the stage was begun", Holds: 24 * time.Hour, Collect: collectJournal}
	cpu              = Collector{Name: "cpu", How: "cores in use, against the hour before the stage was begun", Holds: 24 * time.Hour, Collect: collectCPU}
	memory           = Collector{Name: "memory", How: "resident memory, against the hour before the stage was begun", Holds: 24 * time.Hour, Collect: collectMemory}
)

// ours limits a vector to processes that give Ringfence's metrics.
var ours = " and on (job, instance) " + metrics.StartTime().Name

// measure asks Prometheus for one number; a finding says why it has none.
func (t *Target) measure(ctx context.Context, query string, at time.Time) (float64, *Finding) {
	if t.Prometheus == "" {
		f := unknown("no Prometheus is given")
		return 0, &f
	}
	v, err := Instant(ctx, t.Prometheus, query, at)
	switch {
	case errors.Is(err, errNoNumber):
		f := unknown("Prometheus has no such series: %s", query)
		return 0, &f
	case err != nil:
		f := unknown("Prometheus could not be asked: %v", err)
		return 0, &f
	}
	return v, nil
}

func collectScraped(ctx context.Context, t *Target) Finding {
	n, lacks := t.measure(ctx, "count("+metrics.StartTime().Name+")", t.Now())
	if lacks != nil {
		return *lacks
	}
	return known(n > 0, fmt.Sprintf("%.0f processes", n), "their metrics answer, and are scraped")
}

// moved is how far counters moved within an hour, all together; one that nobody gives counts nothing.
func moved(of ...*metrics.Metric) string {
	var parts []string
	for _, m := range of {
		parts = append(parts, fmt.Sprintf("(sum(increase(%s[1h])) or vector(0))", m.Name))
	}
	return strings.Join(parts, " + ")
}

func collectOwnErrors(ctx context.Context, t *Target) Finding {
	if _, lacks := t.measure(ctx, "count("+metrics.Sockets.Name+")", t.Now()); lacks != nil {
		return *lacks
	}
	n, lacks := t.measure(ctx, moved(metrics.AuthorizerFaults, metrics.MembershipFailures, metrics.TrailStoreFailures, metrics.Unrecorded), t.Now())
	if lacks != nil {
		return *lacks
	}
	return known(n < 0.5, fmt.Sprintf("%.0f errors", n), "of the gateway, of membership and of the trail within an hour")
}

func collectAttemptsRecorded(ctx context.Context, t *Target) Finding {
	refused, lacks := t.measure(ctx, "sum("+metrics.Refusals.Name+")", t.Now())
	if lacks != nil {
		return *lacks
	}
	lost, lacks := t.measure(ctx, "sum("+metrics.Unrecorded.Name+")", t.Now())
	if lacks != nil {
		return *lacks
	}
	return known(lost == 0, fmt.Sprintf("%.0f of %.0f", refused-lost, refused), "refusals since the processes began that the trail confirmed in time")
}

// A regression is a figure that may not be worse than it was before the stage was begun.
type regression struct {
	query string // gives one number, of the last hour
	floor float64
	unit  string
	scale float64 // of a unit in what the query gives
}

// worseBy is how much worse a figure may be: the reference's fifth.
const worseBy = 1.2

// against compares a figure with the hour before the stage was begun.
func (t *Target) against(ctx context.Context, r regression) Finding {
	begun := t.begun()
	if begun.IsZero() {
		return unknown("the stage was not begun: there is nothing to compare")
	}
	before, lacks := t.measure(ctx, r.query, begun)
	if lacks != nil {
		lacks.Why = "before the stage was begun: " + lacks.Why
		return *lacks
	}
	now, lacks := t.measure(ctx, r.query, t.Now())
	if lacks != nil {
		return *lacks
	}
	f := known(now <= before*worseBy || now <= before+r.floor, fmt.Sprintf("%.4g %s", now/r.scale, r.unit), fmt.Sprintf("%.4g %s in the hour before the stage was begun", before/r.scale, r.unit))
	f.Raw = map[string]any{"query": r.query, "before": before, "now": now}
	return f
}

func collectSockets(ctx context.Context, t *Target) Finding {
	broken := fmt.Sprintf(`(sum(increase(%s{reason=~"silent|slow"}[1h])) + sum(increase(%s[1h])))`, metrics.Cuts.Name, metrics.BackendFailures.Name)
	return t.against(ctx, regression{fmt.Sprintf("%s / (sum(avg_over_time(%s[1h])) > 0)", broken, metrics.Sockets.Name), 0.01, "faults a socket and hour", 1})
}

func collectJournal(ctx context.Context, t *Target) Finding {
	return t.against(ctx, regression{fmt.Sprintf("sum(avg_over_time(%s[1h]))", metrics.TrailBacklog.Name), 1, "records", 1})
}

// collectCPU asks for the processes that rollout.yaml names by watch.cpu, else for Ringfence's own.
func collectCPU(ctx context.Context, t *Target) Finding {
	query := "sum(rate(process_cpu_seconds_total[1h])" + ours + ")"
	if t.Watch.CPU != "" {
		query = t.Watch.CPU
	}
	return t.against(ctx, regression{query, 0.05, "cores", 1})
}

// collectMemory asks for the processes that rollout.yaml names by watch.memory, else for Ringfence's own.
func collectMemory(ctx context.Context, t *Target) Finding {
	query := "sum(avg_over_time(process_resident_memory_bytes[1h])" + ours + ")"
	if t.Watch.Memory != "" {
		query = t.Watch.Memory
	}
	return t.against(ctx, regression{query, 64e6, "MB", 1e6})
}

// collectBacklog asks the hook, or Prometheus where there is none.
func collectBacklog(ctx context.Context, t *Target) Finding {
	if t.hasHook("backlog") || t.Prometheus == "" {
		return t.answer(ctx, "backlog", "no event waits to reach the table", "the hook backlog failed")
	}
	n, lacks := t.measure(ctx, "sum("+metrics.TrailBacklog.Name+")", t.Now())
	if lacks != nil {
		return *lacks
	}
	return known(n == 0, fmt.Sprintf("%.0f records", n), "wait in the journal to reach the table")
}
