package alerts

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/metrics"
)

var trailIntegrityBroken = Alert{
	Name: "TrailIntegrityBroken", Severity: Critical, Panel: "Trail: losses, tampering, conflicts",
	Summary: "the record of security events does not hold together",
	Meaning: `A journal file was changed or removed underneath the process, the table holds something else under a record's key, the chain of a node has
a hole or a link that does not fit, or what was accepted is not what the table and the backlog hold together. One of them is either a fault of
the disk or somebody at work on the evidence.`,
	Steps: []string{
		"Change nothing: no cleaning up, no restart of the database. Copy the node's journal directory.",
		"`ringfence trail verify \"$DSN\" --key trail.pub --journal DIR` names the records that do not fit, and the last signed checkpoint before them.",
		"`ringfence trail reconcile \"$DSN\" --journal DIR` tells a record that is missing from one that is late.",
		"Who could write there: owner and superusers of the table, root on the node. Hand it to security.",
	},
	Expr: moved(metrics.TrailTampered, "") + " or " + moved(metrics.TrailConflicts, "") + " or sum " + by + "(" + metrics.TrailTableFaults.Name + ") > 0 or " + uneven,
	Cases: append(movedCases(metrics.TrailTampered, ""), append(relabel(movedCases(metrics.TrailConflicts, ""), "conflicts: "),
		Case{"fires while the table has a hole", []Series{{Metric: metrics.TrailTableFaults, Labels: `fault="lost"`, Values: "0x5 2x10"}}, "8m", []string{instance}},
		Case{"is quiet once it is whole again", []Series{{Metric: metrics.TrailTableFaults, Labels: `fault="lost"`, Values: "2x5 0x10"}}, "8m", nil},
		Case{"fires on an account that is not even", account("2x9", "7x9", "5x9", "3x9", "0x9"), "5m", []string{instance}},
		Case{"is quiet about one that is", account("2x9", "7x9", "5x9", "3x9", "1x9"), "5m", nil})...),
}

// uneven is true where the records that a node's journal had are not those that were shipped, wait and are missing.
var uneven = fmt.Sprintf("sum %[1]s(%[2]s + %[3]s - %[4]s - %[5]s - %[6]s) != 0", by, metrics.TrailInherited.Name, metrics.TrailAccepted.Name,
	metrics.TrailShipped.Name, metrics.TrailBacklog.Name, metrics.TrailMissing.Name)

// account are the five sides of it.
func account(inherited, accepted, shipped, backlog, missing string) []Series {
	return []Series{{Metric: metrics.TrailInherited, Values: inherited}, {Metric: metrics.TrailAccepted, Values: accepted},
		{Metric: metrics.TrailShipped, Values: shipped}, {Metric: metrics.TrailBacklog, Values: backlog}, {Metric: metrics.TrailMissing, Values: missing}}
}

func relabel(cases []Case, before string) []Case {
	for i := range cases {
		cases[i].Name = before + cases[i].Name
	}
	return cases
}
