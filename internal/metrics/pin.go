package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth/pin"
)

// What is counted of logins by PIN.
var (
	PINAttempts = &Metric{Name: "ringfence_pin_attempts_total", Kind: Counter, Of: Gateway, Labels: []string{"outcome"}, Series: each(pin.Outcomes),
		Help: "Tries to log in by PIN, by what they came to. One that could not be counted against its user was refused, and pages."}
	PINHash = &Metric{Name: "ringfence_pin_hash_seconds", Kind: Histogram, Of: Gateway, Buckets: []float64{.01, .02, .05, .1, .2, .5, 1, 2, 5},
		Help: "What hashing one PIN took."}
)

var pinMetrics = []*Metric{PINAttempts, PINHash}

// PINStats counts logins by PIN.
type PINStats struct {
	attempts   map[pin.Outcome]prometheus.Counter
	unrecorded map[ringfence.EventType]prometheus.Counter
	hash       prometheus.Observer
}

var _ pin.Stats = (*PINStats)(nil)

// PIN registers the metrics of logins by PIN. What a login could not record is counted beside what the gateway could not.
func (r *Registry) PIN(beside *GatewayStats) *PINStats {
	s := &PINStats{attempts: map[pin.Outcome]prometheus.Counter{}, unrecorded: beside.unrecorded, hash: r.histogram(PINHash).WithLabelValues()}
	v := r.counter(PINAttempts)
	for _, o := range pin.Outcomes {
		s.attempts[o] = v.WithLabelValues(string(o))
	}
	return s
}

// Tried implements pin.Stats. An outcome that the list does not have is a fault, and counts as a try that could not be counted.
func (s *PINStats) Tried(o pin.Outcome) {
	c := s.attempts[o]
	if c == nil {
		c = s.attempts[pin.Uncounted]
	}
	c.Inc()
}

// Hashed implements pin.Stats.
func (s *PINStats) Hashed(d time.Duration) { s.hash.Observe(d.Seconds()) }

// Unrecorded implements pin.Stats.
func (s *PINStats) Unrecorded(t ringfence.EventType) { inc(s.unrecorded, t) }
