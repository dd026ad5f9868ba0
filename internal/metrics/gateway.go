package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway"
)

// What the gateway counts.
var (
	Sockets = &Metric{Name: "ringfence_gateway_sockets", Kind: Gauge, Of: Gateway,
		Help: "Sockets that are open."}
	Draining = &Metric{Name: "ringfence_gateway_draining", Kind: Gauge, Of: Gateway,
		Help: "1 while the process is about to end."}
	Requests = &Metric{Name: "ringfence_gateway_requests_total", Kind: Counter, Of: Gateway,
		Help: "Plain requests that were let through."}
	Messages = &Metric{Name: "ringfence_gateway_messages_total", Kind: Counter, Of: Gateway, Labels: []string{"direction"}, Series: each(gateway.Directions),
		Help: "Messages that were judged and passed on, by where they came from."}
	Bytes = &Metric{Name: "ringfence_gateway_bytes_total", Kind: Counter, Of: Gateway, Labels: []string{"direction"}, Series: each(gateway.Directions),
		Help: "Bytes of messages that were passed on, by where they came from."}
	DroppedMessages = &Metric{Name: "ringfence_gateway_dropped_messages_total", Kind: Counter, Of: Gateway, Labels: []string{"direction"}, Series: each(gateway.Directions),
		Help: "Messages that were left out as the rules ask, by where they came from."}
	Judgement = &Metric{Name: "ringfence_gateway_judgement_seconds", Kind: Histogram, Of: Gateway,
		Buckets: []float64{5e-8, 1e-7, 2e-7, 5e-7, 1e-6, 2e-6, 5e-6, 1e-5, 1e-4, 1e-3},
		Help:    "What one message's judgement took; one in 64 is timed. The aim is under 0.00001."}
	Refusals = &Metric{Name: "ringfence_refusals_total", Kind: Counter, Of: Gateway, Labels: []string{"event", "severity"}, Series: eventSeries(),
		Help: "What was refused, counted before it is recorded."}
	Unrecorded = &Metric{Name: "ringfence_refusals_unrecorded_total", Kind: Counter, Of: Gateway, Labels: []string{"event", "severity"}, Series: eventSeries(),
		Help: "Refusals that the trail did not confirm in time."}
	Cuts = &Metric{Name: "ringfence_gateway_cuts_total", Kind: Counter, Of: Gateway, Labels: []string{"reason"}, Series: each(gateway.CutReasons),
		Help: "Sockets that the gateway ended, by why."}
	BackendFailures = &Metric{Name: "ringfence_gateway_backend_failures_total", Kind: Counter, Of: Gateway,
		Help: "Times the back end could not be reached or broke the protocol."}
	AuthorizerFaults = &Metric{Name: "ringfence_gateway_authorizer_faults_total", Kind: Counter, Of: Gateway,
		Help: "Times nobody was let in because it could not be told who asks."}
	Revocations = &Metric{Name: "ringfence_gateway_revocations_total", Kind: Counter, Of: Gateway,
		Help: "Revocations that came."}
	RevokedSockets = &Metric{Name: "ringfence_gateway_revoked_sockets_total", Kind: Counter, Of: Gateway,
		Help: "Sockets that revocations ended."}
	RevocationLag = &Metric{Name: "ringfence_gateway_revocation_lag_seconds", Kind: Histogram, Of: Gateway,
		Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .5, 1, 5, 30},
		Help:    "From when a revocation was made to when its sockets were cut, where the former is known."}
)

var gatewayMetrics = []*Metric{Sockets, Draining, Requests, Messages, Bytes, DroppedMessages, Judgement, Refusals, Unrecorded, Cuts, BackendFailures,
	AuthorizerFaults, Revocations, RevokedSockets, RevocationLag}

// eventSeries are the event types with their severities.
func eventSeries() [][]string {
	var out [][]string
	for _, t := range ringfence.EventTypes {
		out = append(out, []string{string(t), string(t.Severity())})
	}
	return out
}

// GatewayStats counts what a gateway does. It never blocks and allocates nothing.
type GatewayStats struct {
	sockets                                                prometheus.Gauge
	requests, backendFailed, faulted, revocations, revoked prometheus.Counter
	messages, bytes, dropped                               [2]prometheus.Counter
	judgement, lag                                         prometheus.Observer
	refused, unrecorded                                    map[ringfence.EventType]prometheus.Counter
	cuts                                                   []prometheus.Counter
}

var _ gateway.Stats = (*GatewayStats)(nil)

// Gateway registers the gateway's metrics. draining says whether the process is about to end; it is asked at each scrape.
func (r *Registry) Gateway(draining func() bool) *GatewayStats {
	s := &GatewayStats{
		sockets:  r.gauge(Sockets).WithLabelValues(),
		requests: r.counter(Requests).WithLabelValues(), backendFailed: r.counter(BackendFailures).WithLabelValues(),
		faulted: r.counter(AuthorizerFaults).WithLabelValues(), revocations: r.counter(Revocations).WithLabelValues(),
		revoked: r.counter(RevokedSockets).WithLabelValues(), judgement: r.histogram(Judgement).WithLabelValues(),
		lag: r.histogram(RevocationLag).WithLabelValues(), refused: r.events(Refusals), unrecorded: r.events(Unrecorded),
	}
	r.read([]*Metric{Draining}, func() []reading { return []reading{{Draining, truth(draining()), nil}} })
	for into, m := range map[*[2]prometheus.Counter]*Metric{&s.messages: Messages, &s.bytes: Bytes, &s.dropped: DroppedMessages} {
		v := r.counter(m)
		for i, d := range gateway.Directions {
			into[i] = v.WithLabelValues(d)
		}
	}
	cuts := r.counter(Cuts)
	for _, reason := range gateway.CutReasons {
		s.cuts = append(s.cuts, cuts.WithLabelValues(reason))
	}
	return s
}

func (r *Registry) events(m *Metric) map[ringfence.EventType]prometheus.Counter {
	v, out := r.counter(m), map[ringfence.EventType]prometheus.Counter{}
	for _, s := range m.Series {
		out[ringfence.EventType(s[0])] = v.WithLabelValues(s...)
	}
	return out
}

// Sockets implements gateway.Stats.
func (s *GatewayStats) Sockets(delta int) { s.sockets.Add(float64(delta)) }

// Requests implements gateway.Stats.
func (s *GatewayStats) Requests() { s.requests.Inc() }

// Forwarded implements gateway.Stats.
func (s *GatewayStats) Forwarded(d gateway.Direction, messages, bytes int) {
	s.messages[d].Add(float64(messages))
	s.bytes[d].Add(float64(bytes))
}

// Dropped implements gateway.Stats.
func (s *GatewayStats) Dropped(d gateway.Direction) { s.dropped[d].Inc() }

// Judged implements gateway.Stats.
func (s *GatewayStats) Judged(d time.Duration) { s.judgement.Observe(d.Seconds()) }

// Refused implements gateway.Stats.
func (s *GatewayStats) Refused(t ringfence.EventType) { inc(s.refused, t) }

// Unrecorded implements gateway.Stats.
func (s *GatewayStats) Unrecorded(t ringfence.EventType) { inc(s.unrecorded, t) }

// Cut implements gateway.Stats.
func (s *GatewayStats) Cut(r gateway.CutReason) { s.cuts[r].Inc() }

// BackendFailed implements gateway.Stats.
func (s *GatewayStats) BackendFailed() { s.backendFailed.Inc() }

// Faulted implements gateway.Stats.
func (s *GatewayStats) Faulted() { s.faulted.Inc() }

// RevocationApplied implements gateway.Stats.
func (s *GatewayStats) RevocationApplied(sockets int, lag time.Duration) {
	s.revocations.Inc()
	s.revoked.Add(float64(sockets))
	if lag > 0 {
		s.lag.Observe(lag.Seconds())
	}
}

// inc counts an event. A type that the enumeration does not have is a fault of the program, and has no series.
func inc(of map[ringfence.EventType]prometheus.Counter, t ringfence.EventType) {
	if c := of[t]; c != nil {
		c.Inc()
	}
}
