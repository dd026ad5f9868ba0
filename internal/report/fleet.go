package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/fleet"
)

// OfFleet makes the report of a fleet's answers.
func OfFleet(d *fleet.Document) *Report { return &Report{Fleet: d} }

// fleetColor is the colour of a verdict.
var fleetColor = map[fleet.Verdict]string{fleet.Found: "high", fleet.Unknown: "medium", fleet.Clean: "good"}

func (p *printer) fleet(d *fleet.Document) {
	width := 0
	for _, l := range d.Databases {
		width = max(width, len([]rune(safe(l.Name))))
	}
	for _, l := range d.Databases {
		name := safe(l.Name)
		p.line("%s%s  %s%s  %s", p.paint(fleetColor[l.Verdict], string(l.Verdict)), strings.Repeat(" ", 7-len(l.Verdict)),
			name, strings.Repeat(" ", width-len([]rune(name))), safe(l.Why))
	}
	p.line("")
	p.line("%s", fleetSummary(d))
}

func fleetSummary(d *fleet.Document) string {
	return fmt.Sprintf("%s of %d databases: %d found, %d unknown, %d clean", d.Verb, len(d.Databases), d.Summary[fleet.Found], d.Summary[fleet.Unknown], d.Summary[fleet.Clean])
}

func (m marker) fleet(d *fleet.Document) {
	m.title(2, "Ringfence fleet "+d.Verb)
	m.line(fleetSummary(d))
	var rows [][]string
	for _, l := range d.Databases {
		var labels []string
		for k, v := range l.Labels {
			labels = append(labels, safe(k+"="+v))
		}
		slices.Sort(labels)
		rows = append(rows, []string{string(l.Verdict), safe(l.Name), safe(l.Why), safe(strings.Join(l.Groups, ", ")), strings.Join(labels, ", "), fmt.Sprintf("%.2f", l.Seconds)})
	}
	m.table("Databases", []string{"Verdict", "Database", "Why", "Groups", "Labels", "Seconds"}, rows)
}
