package alerts

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/metrics"
)

// dashboardUID is the dashboard's name for good: links to it outlive an import of a later one.
const dashboardUID = "ringfence"

// A panel is one picture of the dashboard.
type panel struct {
	title, about string
	kind         string // timeseries, stat, table, state-timeline
	unit         string // Grafana's name of it
	wide         int    // of 24 columns
	queries      []query
	sql          string // instead of queries: asked of the trail's database
}

type query struct{ expr, legend string }

// rates is a counter's rate by a label.
func rates(m *metrics.Metric, label string) []query {
	return []query{{fmt.Sprintf("sum by (%s) (rate(%s{job=~\"$job\"}[$__rate_interval]))", label, m.Name), "{{" + label + "}}"}}
}

// quantiles are a histogram's.
func quantiles(m *metrics.Metric, labels ...string) []query {
	var out []query
	for _, q := range []string{"0.5", "0.95", "0.99"} {
		legend := "p" + strings.TrimPrefix(q, "0.")
		for _, l := range labels {
			legend += " {{" + l + "}}"
		}
		out = append(out, query{fmt.Sprintf("histogram_quantile(%s, sum by (%s) (rate(%s_bucket{job=~\"$job\"}[$__rate_interval])))",
			q, strings.Join(append([]string{"le"}, labels...), ", "), m.Name), legend})
	}
	return out
}

// sums are values as they are, one query each.
func sums(of ...*metrics.Metric) []query {
	var out []query
	for _, m := range of {
		out = append(out, query{fmt.Sprintf("sum (%s{job=~\"$job\"})", m.Name), strings.TrimPrefix(m.Name, "ringfence_")})
	}
	return out
}

// increases are what counters moved by in the range that is shown.
func increases(of ...*metrics.Metric) []query {
	var out []query
	for _, m := range of {
		out = append(out, query{fmt.Sprintf("sum (increase(%s{job=~\"$job\"}[$__rate_interval]))", m.Name), strings.TrimPrefix(m.Name, "ringfence_")})
	}
	return out
}

// attemptedSQL asks the table: a tenant's id is never a label.
const attemptedSQL = `SELECT attempted_tenant_id AS "attempted tenant", sum(count) AS attempts, count(DISTINCT user_id) AS users, max(created_at) AS last
FROM ringfence.trail_event
WHERE event_type = 'cross_tenant' AND $__timeFilter(created_at)
GROUP BY 1 ORDER BY 2 DESC LIMIT 20`

// panels returns what people look at first.
func panels() []panel {
	return []panel{
		{title: "Refusals over time", about: "What was refused, by what it was.", kind: "timeseries", unit: "reqps", wide: 12, queries: rates(metrics.Refusals, "event")},
		{title: "Refusals by severity", about: "The same, by how grave it is.", kind: "timeseries", unit: "reqps", wide: 12, queries: rates(metrics.Refusals, "severity")},
		{title: "Top tenants attempted", about: "Whose data was asked for by others, from the trail's table: ids are never labels.", kind: "table", wide: 12, sql: attemptedSQL},
		{title: "Trail: table against backlog", about: "Records in the table, and those that wait on the nodes' disks.", kind: "timeseries", unit: "short", wide: 12,
			queries: append(sums(metrics.TrailRows, metrics.TrailBacklog), query{"max (" + metrics.TrailBacklogAge.Name + "{job=~\"$job\"})", "oldest, seconds"})},
		{title: "Validation latency", about: "What judging one message took. The aim is under 0.01 ms.", kind: "timeseries", unit: "s", wide: 12, queries: quantiles(metrics.Judgement)},
		{title: "Trail: losses, tampering, conflicts", about: "Each of them pages.", kind: "timeseries", unit: "short", wide: 12,
			queries: append(increases(metrics.TrailLost, metrics.TrailTampered, metrics.TrailConflicts), sums(metrics.TrailTableFaults)...)},
		{title: "Logins by PIN", about: "Tries by what they came to, and those that could not be counted.", kind: "timeseries", unit: "reqps", wide: 12,
			queries: rates(metrics.PINAttempts, "outcome")},
		{title: "Memberships and keys", about: "Whether it can be told who belongs where, and whose tokens are good.", kind: "timeseries", unit: "short", wide: 12,
			queries: append(increases(metrics.MembershipFailures), query{"sum by (state) (" + metrics.KeySources.Name + "{job=~\"$job\"})", "{{state}} key sets"})},
		{title: "Trail: common queries", about: "The two queries that people use most, as the monitor times them.", kind: "timeseries", unit: "s", wide: 12, queries: quantiles(metrics.TrailQuery, "query")},
		{title: "Posture", about: "Each of the monitor's checks: fine, bad or unknown. Unknown is never good news.", kind: "timeseries", unit: "short", wide: 12,
			queries: []query{{"sum by (check, outcome) (" + metrics.MonitorState.Name + "{job=~\"$job\"}) > 0", "{{check}} {{outcome}}"}}},
	}
}

// rest makes a panel of each metric that no other one shows, so that there is none without a picture.
func rest(shown []panel) []panel {
	var out []panel
	for _, m := range metrics.All() {
		if slices.ContainsFunc(shown, func(p panel) bool {
			return slices.ContainsFunc(p.queries, func(q query) bool { return names(q.expr, m) })
		}) {
			continue
		}
		p := panel{title: strings.TrimPrefix(m.Name, "ringfence_"), about: m.Help, kind: "timeseries", unit: unitOf(m), wide: 8}
		switch {
		case m.Kind == metrics.Histogram:
			p.queries = quantiles(m, m.Labels...)
		case m.Kind == metrics.Counter:
			p.queries = rates(m, strings.Join(append([]string{"instance"}, m.Labels...), ", "))
			p.queries[0].legend = legend(m)
		default:
			p.queries = []query{{m.Name + "{job=~\"$job\"}", legend(m)}}
		}
		out = append(out, p)
	}
	return out
}

func legend(m *metrics.Metric) string {
	out := "{{instance}}"
	for _, l := range m.Labels {
		out += " {{" + l + "}}"
	}
	return out
}

func unitOf(m *metrics.Metric) string {
	switch {
	case strings.HasSuffix(m.Name, "_timestamp_seconds") || m == metrics.StartTime():
		return "dateTimeFromNow"
	case strings.HasSuffix(m.Name, "_seconds"):
		return "s"
	case strings.HasSuffix(m.Name, "_bytes_total"):
		return "Bps"
	case m.Kind == metrics.Counter:
		return "ops"
	}
	return "short"
}

type object = map[string]any

// WriteDashboard writes the dashboard as Grafana imports it. It asks two data sources, each by a variable: Prometheus, and the
// trail's PostgreSQL as a role that may read it.
func WriteDashboard(w io.Writer) error {
	first := panels()
	var out []object
	place := &placing{}
	for _, p := range first {
		out = append(out, place.panel(p))
	}
	out = append(out, place.row("Everything else"))
	for _, p := range rest(first) {
		out = append(out, place.panel(p))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(object{
		"uid": dashboardUID, "title": "Ringfence", "schemaVersion": 39, "version": 1, "editable": true, "graphTooltip": 1,
		"description": "Written by: ringfence monitor dashboard",
		"tags":        []string{"ringfence", "security"}, "timezone": "browser", "refresh": "30s",
		"time": object{"from": "now-6h", "to": "now"},
		"templating": object{"list": []object{
			{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
			{"name": "trail", "label": "Trail", "type": "datasource", "query": "grafana-postgresql-datasource"},
			{"name": "job", "label": "Job", "type": "query", "datasource": prometheus, "query": "label_values(" + metrics.StartTime().Name + ", job)",
				"multi": true, "includeAll": true, "current": object{"text": "All", "value": "$__all"}, "refresh": 2},
		}},
		"links":  []object{{"title": "Runbook", "type": "link", "url": DefaultRunbook, "targetBlank": true}},
		"panels": out,
	})
}

var (
	prometheus = object{"type": "prometheus", "uid": "${datasource}"}
	postgres   = object{"type": "grafana-postgresql-datasource", "uid": "${trail}"}
)

// placing lays panels out in rows of 24 columns.
type placing struct{ id, x, y int }

const high = 8

func (l *placing) row(title string) object {
	l.id++
	if l.x > 0 {
		l.x, l.y = 0, l.y+high
	}
	l.y++
	return object{"id": l.id, "type": "row", "title": title, "collapsed": false, "panels": []object{}, "gridPos": object{"h": 1, "w": 24, "x": 0, "y": l.y - 1}}
}

func (l *placing) panel(p panel) object {
	l.id++
	if l.x+p.wide > 24 {
		l.x, l.y = 0, l.y+high
	}
	out := object{"id": l.id, "type": p.kind, "title": p.title, "description": p.about, "datasource": prometheus,
		"gridPos":     object{"h": high, "w": p.wide, "x": l.x, "y": l.y},
		"fieldConfig": object{"defaults": object{"unit": p.unit, "min": 0}, "overrides": []object{}}, "options": object{}}
	l.x += p.wide
	if p.kind == "timeseries" {
		out["options"] = object{"legend": object{"displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	}
	var targets []object
	for i, q := range p.queries {
		targets = append(targets, object{"refId": string(rune('A' + i)), "datasource": prometheus, "expr": q.expr, "legendFormat": q.legend, "range": true})
	}
	if p.sql != "" {
		out["datasource"], out["fieldConfig"] = postgres, object{"defaults": object{}, "overrides": []object{}}
		targets = []object{{"refId": "A", "datasource": postgres, "format": "table", "rawQuery": true, "editorMode": "code", "rawSql": p.sql}}
	}
	out["targets"] = targets
	return out
}
