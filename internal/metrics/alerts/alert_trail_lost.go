package alerts

import "github.com/ringfencehq/ringfence/internal/metrics"

var trailLost = Alert{
	Name: "TrailLost", Severity: Critical, Panel: "Trail: losses, tampering, conflicts",
	Summary: "a security event is neither on disk nor in the table",
	Meaning: `An event was refused by the journal, so that no record of it is kept, or a record went from the journal before the
table had it. What it tells of was refused all the same; the evidence is gone. The
cause is nearly always a disk that is full or failing on that node.`,
	Steps: []string{
		"On the node: is the journal's disk full or read-only? `df`, `dmesg`. Make room first; the journal begins to write again by itself.",
		"The node's log names the events' types at the time: \"a refusal could not be recorded\". Keep those lines; they are all that is left.",
		"When it writes again: `ringfence trail reconcile \"$DSN\" --journal DIR` counts what is there.",
		"Record the gap: who was told, and for how long nothing was kept.",
	},
	Expr: moved(metrics.TrailLost, "") + " or sum " + by + "(" + metrics.TrailMissing.Name + ") > 0",
	Cases: append(movedCases(metrics.TrailLost, ""),
		Case{"fires while records are missing", []Series{{Metric: metrics.TrailMissing, Values: "0x5 3x10"}}, "8m", []string{instance}},
		Case{"is quiet while none is missing", []Series{{Metric: metrics.TrailMissing, Values: "0x15"}}, "8m", nil}),
}
