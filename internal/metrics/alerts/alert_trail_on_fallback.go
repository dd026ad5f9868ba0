package alerts

import "github.com/ringfencehq/ringfence/internal/metrics"

var trailOnFallback = Alert{
	Name: "TrailOnFallback", Severity: Error, For: "1m", Panel: "Trail: table against backlog",
	Summary: "security events are kept on the node's disk and do not reach the table",
	Meaning: `The oldest event in a node's journal has waited for more than five minutes. Nothing is lost: the journal keeps it all and ships it when the
table can be written again. Queries of the table do not see those events meanwhile.`,
	Steps: []string{
		"Is the database up, and may the trail's writer log in and append? The node's log has the reason: \"shipping\".",
		"How long is there room? " + metrics.TrailBacklog.Name + " grows by the rate of refusals; see the node's disk.",
		"Read what waits: `ringfence trail tail DIR`.",
		"When the cause is mended it drains by itself; `ringfence trail reconcile \"$DSN\" --journal DIR` then says that nothing is missing.",
	},
	Expr: "max " + by + "(" + metrics.TrailBacklogAge.Name + ") > 300",
	Cases: []Case{
		{"fires", age("0x2 60+60x20"), "12m", []string{instance}},
		{"is quiet while it drains in time", age("0 60 120 180 0 60 120 180 240 0 0 0"), "11m", nil},
		{"fires on a backlog that was there at the start", age("900+60x10"), "1m", []string{instance}},
		{"is quiet over a restart that drained it", age("600 660 720 0x10"), "8m", nil},
		{"is quiet without series", nil, "10m", nil},
	},
}

func age(values string) []Series { return []Series{{Metric: metrics.TrailBacklogAge, Values: values}} }
