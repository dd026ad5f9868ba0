package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Registry holds the metrics of one process; nothing is registered globally. Safe for concurrent use.
type Registry struct {
	*prometheus.Registry
}

// New returns a registry with what every process has: when it began, and what the Go runtime and the operating system say of it.
func New(started time.Time) *Registry {
	r := &Registry{prometheus.NewRegistry()}
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.gauge(startTime).WithLabelValues().Set(float64(started.UnixMilli()) / 1000)
	return r
}

// Handler answers scrapes.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second, EnableOpenMetrics: true})
}

// startTime lets an alert tell a counter that moved before it was first scraped from one that was left by an earlier process.
var startTime = &Metric{Name: "ringfence_start_time_seconds", Kind: Gauge, Of: Every,
	Help: "When this process began, in seconds since 1970."}

var processMetrics = []*Metric{startTime}

// StartTime is the metric of when a process began.
func StartTime() *Metric { return startTime }

// counter registers a counter with all its series.
func (r *Registry) counter(m *Metric) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.Labels)
	r.MustRegister(v)
	for _, s := range m.series() {
		v.WithLabelValues(s...)
	}
	return v
}

// gauge registers a gauge with all its series.
func (r *Registry) gauge(m *Metric) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.Labels)
	r.MustRegister(v)
	for _, s := range m.series() {
		v.WithLabelValues(s...)
	}
	return v
}

// histogram registers a histogram with all its series.
func (r *Registry) histogram(m *Metric) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: m.Buckets}, m.Labels)
	r.MustRegister(v)
	for _, s := range m.series() {
		v.WithLabelValues(s...)
	}
	return v
}

func (m *Metric) series() [][]string {
	if len(m.Labels) == 0 {
		return [][]string{nil}
	}
	return m.Series
}

// A reading is one series' value at the time of a scrape.
type reading struct {
	metric *Metric
	value  float64
	labels []string
}

// A reader is a collector that asks for the values when it is scraped.
type reader struct {
	metrics []*Metric
	descs   map[*Metric]*prometheus.Desc
	read    func() []reading
}

// read registers metrics whose values are asked for at each scrape.
func (r *Registry) read(list []*Metric, values func() []reading) {
	c := &reader{list, map[*Metric]*prometheus.Desc{}, values}
	for _, m := range list {
		c.descs[m] = prometheus.NewDesc(m.Name, m.Help, m.Labels, nil)
	}
	r.MustRegister(c)
}

// Describe implements prometheus.Collector.
func (c *reader) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- c.descs[m]
	}
}

// Collect implements prometheus.Collector.
func (c *reader) Collect(out chan<- prometheus.Metric) {
	for _, v := range c.read() {
		kind := prometheus.GaugeValue
		if v.metric.Kind == Counter {
			kind = prometheus.CounterValue
		}
		out <- prometheus.MustNewConstMetric(c.descs[v.metric], kind, v.value, v.labels...)
	}
}

// truth is 1 or 0.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
