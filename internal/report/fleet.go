package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/english"
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
		verdict := safe(string(l.Verdict)) // a saved document may hold any word
		p.line("%s%s  %s%s  %s", p.paint(fleetColor[l.Verdict], verdict), strings.Repeat(" ", max(0, 7-len([]rune(verdict)))),
			name, strings.Repeat(" ", width-len([]rune(name))), safe(l.Why))
	}
	p.line("")
	p.line("%s", fleetSummary(d))
}

func fleetSummary(d *fleet.Document) string {
	return fmt.Sprintf("%s of %s: %d found, %d unknown, %d clean", safe(d.Verb), english.Count(len(d.Databases), "database"), d.Summary[fleet.Found], d.Summary[fleet.Unknown], d.Summary[fleet.Clean])
}

func (m marker) fleet(d *fleet.Document) {
	m.title(2, "Ringfence fleet "+safe(d.Verb))
	m.line(fleetSummary(d))
	var rows [][]string
	for _, l := range d.Databases {
		var labels []string
		for k, v := range l.Labels {
			labels = append(labels, safe(k+"="+v))
		}
		slices.Sort(labels)
		rows = append(rows, []string{safe(string(l.Verdict)), safe(l.Name), safe(l.Why), safe(strings.Join(l.Groups, ", ")), strings.Join(labels, ", "), fmt.Sprintf("%.2f", l.Seconds)})
	}
	m.table("Databases", []string{"Verdict", "Database", "Why", "Groups", "Labels", "Seconds"}, rows)
}
