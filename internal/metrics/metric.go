// Package metrics describes every metric once, as data, and registers it: its name, its help, and all series that it can ever
// have. Each series stands at 0 from the start, since a counter that is born at 1 moves no alert; no label holds an id, a name
// or anything else a stranger can make up. Alert rules and dashboards (package alerts) are made from the same values.
//
// To add a metric: a *Metric in the file of who counts it, in that file's list, and the place that counts it.
package metrics

import (
	"slices"
)

// A Kind is how a metric counts.
type Kind string

// The kinds.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// A Process is which of Ringfence's processes has a metric.
type Process string

// The processes.
const (
	Gateway Process = "ringfence gateway"
	Monitor Process = "ringfence monitor run"
	Every   Process = "every process"
)

// A Metric is one metric.
type Metric struct {
	Name   string
	Help   string
	Kind   Kind
	Of     Process
	Labels []string
	// Series are the values of the labels of each series there is: the list is closed. Nil without labels.
	Series  [][]string
	Buckets []float64 // of a histogram, in seconds
}

// All returns every metric, by name.
func All() []*Metric {
	all := slices.Concat(processMetrics, gatewayMetrics, authMetrics, pinMetrics, trailMetrics, monitorMetrics)
	slices.SortFunc(all, func(a, b *Metric) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

// OfProcess returns the metrics that a process emits.
func OfProcess(p Process) []*Metric {
	return slices.DeleteFunc(All(), func(m *Metric) bool { return m.Of != p && m.Of != Every })
}

// each makes one series of each value.
func each[T ~string](values []T) [][]string {
	out := make([][]string, len(values))
	for i, v := range values {
		out[i] = []string{string(v)}
	}
	return out
}

// has reports whether the metric has a series of these labels.
func (m *Metric) has(labels []string) bool {
	if len(m.Labels) == 0 {
		return len(labels) == 0
	}
	return slices.ContainsFunc(m.Series, func(s []string) bool { return slices.Equal(s, labels) })
}
