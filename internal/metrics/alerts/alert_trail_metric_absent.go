package alerts

import "github.com/ringfencehq/ringfence/internal/metrics"

var trailMetricAbsent = Alert{
	Name: "TrailMetricAbsent", Severity: Error, For: "5m", Panel: "Trail: table against backlog",
	Summary: "the metrics that the other alerts watch are not there",
	Meaning: `No process reports how its trail is, so that the other alerts are silent whatever happens. An alert that cannot fire looks like good news;
this one is what tells the two apart.`,
	Steps: []string{
		"Does the gateway run? `curl` its admin listener: /healthz, then /metrics.",
		"Does Prometheus scrape it: its page of targets, the address, the network's rules?",
		"Were names changed by an update? Write the rules again: `ringfence monitor rules`.",
	},
	Expr: "absent(" + metrics.TrailOffered.Name + ") or max without (event) (absent(" + metrics.Refusals.Name + `{event="cross_tenant"}))`,
	Cases: []Case{
		{"fires where nothing is there at all", nil, "6m", []string{""}},
		{"fires where everything went away", both("0x10 _x20"), "22m", []string{""}},
		{"is quiet while they are there, at 0", both("0x20"), "15m", nil},
		{"is quiet over a short restart", both("5x5 _x2 0x10"), "12m", nil},
		{"fires where only the refusals are missing", both("0x20")[:1], "15m", []string{""}},
	},
}

func both(values string) []Series {
	return []Series{{Metric: metrics.TrailOffered, Values: values}, {Metric: metrics.Refusals, Labels: `event="cross_tenant",severity="CRITICAL"`, Values: values}}
}
