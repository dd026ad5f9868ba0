package report

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/english"
)

// OfBench makes the report of timings.
func OfBench(d *bench.Document) *Report { return &Report{Bench: d} }

// benchHead are the columns of a table of timings.
var benchHead = []string{"Table", "Query", "Without ms", "With ms", "p95 ms", "MAD ms", "Policy ms", "Ratio", "Index", "Before"}

// benchRow is one case as text.
func benchRow(c bench.Case) []string {
	row := []string{safe(c.Table), c.Query}
	if c.With == nil || c.Without == nil {
		return append(row, "", "", "", "", "", "", safe(c.Unknown), "")
	}
	policy, ratio := "off", ""
	if c.Policy {
		policy, ratio = fmt.Sprintf("%.3f", c.Cost), fmt.Sprintf("%.2f", c.Ratio)
	}
	index := "none"
	if c.Plan != nil && len(c.Plan.Indexes) > 0 {
		index = strings.Join(c.Plan.Indexes, ", ")
	}
	before := ""
	if b := c.Before; b != nil {
		before = fmt.Sprintf("%.3f (x%.2f)", b.Median, b.Ratio)
	}
	return append(row, fmt.Sprintf("%.3f", c.Without.Median), fmt.Sprintf("%.3f", c.With.Median), fmt.Sprintf("%.3f", c.With.P95),
		fmt.Sprintf("%.3f", c.With.MAD), policy, ratio, safe(index), before)
}

func (p *printer) bench(d *bench.Document) {
	rows := [][]string{benchHead}
	for _, c := range d.Bench {
		rows = append(rows, benchRow(c))
	}
	widths := make([]int, len(benchHead))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			if right := i >= 2 && i <= 7; right {
				fmt.Fprintf(&b, "%*s  ", widths[i], cell)
			} else {
				fmt.Fprintf(&b, "%-*s  ", widths[i], cell)
			}
		}
		p.line("%s", strings.TrimRight(b.String(), " "))
	}
	for _, c := range d.Bench {
		if c.Worse {
			p.line("%s  %s %s", p.paint("high", "WORSE"), safe(c.Table), worseWords(c))
		}
	}
	p.line("%s", benchSummary(d))
}

// worseWords says what is worse than what, where it is more than a fifth.
func worseWords(c bench.Case) string {
	if b := c.Before; b != nil && b.Worse {
		return fmt.Sprintf("%s: %.3f ms, %.2f times the %.3f ms of before", c.Query, c.With.Median, b.Ratio, b.Median)
	}
	return fmt.Sprintf("%s: %.3f ms under the policy, %.2f times the %.3f ms without", c.Query, c.With.Median, c.Ratio, c.Without.Median)
}

func benchSummary(d *bench.Document) string {
	s := d.Summary
	return fmt.Sprintf("%s: %d worse by more than a fifth, %d without an index, %d unknown", english.Count(s.Cases, "case"), s.Worse, s.NoIndex, s.Unknown)
}

func (m marker) bench(d *bench.Document) {
	m.title(2, "Ringfence bench")
	m.line(benchSummary(d))
	var rows, bad [][]string
	for _, c := range d.Bench {
		rows = append(rows, benchRow(c))
		if c.Worse {
			bad = append(bad, []string{safe(c.Table), worseWords(c)})
		}
	}
	m.table("Worse by more than a fifth", []string{"Table", "What"}, bad)
	m.table("Timings", benchHead, rows)
}
