// Package alerts makes what watches the metrics from the metrics themselves: Prometheus rules with their unit tests, the
// runbook that they link to, and a Grafana dashboard. A metric is named by its *metrics.Metric, so that none is named that no
// process emits.
//
// To add an alert: alert_NAME.go with one Alert and its cases, its line in All, and make gen.
package alerts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/metrics"
)

// A Severity is how fast somebody has to look.
type Severity string

// The severities: critical pages at once, error within the day's shift, warning is a ticket.
const (
	Critical Severity = "critical"
	Error    Severity = "error"
	Warning  Severity = "warning"
)

// An Alert is one rule. {{instance}} stands in no text: what differs between instances is in the labels.
type Alert struct {
	Name     string
	Severity Severity
	Summary  string // one line, for whoever is paged
	Meaning  string // for the runbook: what it says, and what it does not
	Steps    []string
	Expr     string
	For      string // as 5m; empty: at once
	Panel    string // title of the dashboard's panel that shows it
	Cases    []Case
}

// A Case is one unit test of a rule.
type Case struct {
	Name   string
	Series []Series
	At     string   // when the rule is asked, as 10m
	Labels []string // of the alerts that are to fire, one string of name=value pairs each; none: silent
}

// A Series is one input series, a sample a minute, in promtool's notation.
type Series struct {
	Metric *metrics.Metric
	Suffix string // _bucket for a histogram's
	Labels string // beside job and instance: event="cross_tenant"
	Values string
}

// All returns every alert, gravest first.
func All() []Alert {
	return []Alert{crossTenantAttempt, trailLost, trailIntegrityBroken, pinCounterFailing, membershipLoadFailing,
		trailOnFallback, trailMetricAbsent, violationRateAnomaly, trailQuerySlow}
}

// Names returns the names of all alerts, gravest first.
func Names() []string {
	var out []string
	for _, a := range All() {
		out = append(out, a.Name)
	}
	return out
}

// Anchor is the alert's place in the runbook.
func (a Alert) Anchor() string { return strings.ToLower(a.Name) }

const by = "by (job, instance) "

// moved is true where a counter moved within five minutes. A counter that had moved before it was first scraped shows no
// increase, and one that a restart brought back to the value it had before neither: there the process's age tells.
func moved(m *metrics.Metric, selector string) string {
	name := m.Name + selector
	return fmt.Sprintf("(sum %[1]s(increase(%[2]s[5m])) > 0 or sum %[1]s(%[2]s) > 0 and on (job, instance) time() - %[3]s < 300)", by, name, metrics.StartTime().Name)
}

// movedCases are the cases of a rule over one counter: it fires, it does not, on the first event before any scrape, over
// restarts, and without any series.
func movedCases(m *metrics.Metric, labels string) []Case {
	at := func(values, start string) []Series {
		return []Series{{Metric: m, Labels: labels, Values: values}, {Metric: metrics.StartTime(), Values: start}}
	}
	fires := []string{instance}
	return []Case{
		{"fires", at("0x10 1x5", "0x15"), "12m", fires},
		{"is quiet while nothing moves", at("0x20", "0x20"), "15m", nil},
		{"is quiet about what is long over", at("0x3 4x20", "0x23"), "15m", nil},
		{"fires on the first event after the start, before any scrape", at("_x9 1x5", "_x9 570x5"), "11m", fires},
		{"is quiet over a restart", at("3x10 0x5", "0x10 630x5"), "13m", nil},
		{"fires on an event right after a restart that hides in the old value", at("3x10 3x5", "0x10 630x5"), "13m", fires},
		{"is quiet without series", nil, "15m", nil},
	}
}

// instance are the labels of the one instance that the cases know.
const instance = "job=ringfence instance=node-1"

// uses returns the metrics that an expression names.
func uses(expr string) []*metrics.Metric {
	return slices.DeleteFunc(metrics.All(), func(m *metrics.Metric) bool { return !names(expr, m) })
}

// names reports whether an expression names a metric, alone or as a histogram's part.
func names(expr string, m *metrics.Metric) bool {
	for rest := expr; ; {
		_, after, found := strings.Cut(rest, m.Name)
		if !found {
			return false
		}
		word := after[:len(after)-len(strings.TrimLeft(after, "abcdefghijklmnopqrstuvwxyz_"))]
		if word == "" || m.Kind == metrics.Histogram && slices.Contains([]string{"_bucket", "_sum", "_count"}, word) {
			return true
		}
		rest = after
	}
}
