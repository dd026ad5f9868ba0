package report

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/english"
)

// compareTables are a before-and-after report as titled tables, which text, Markdown and HTML all show.
func compareTables(d *Compare) []titled {
	var holes, examples, findings, queries, indexes, triggers, registry [][]string
	for _, h := range d.Holes {
		closed := []string{}
		for _, part := range []struct {
			n    int
			word string
		}{{h.Proved, "closed by proof"}, {h.Probed, "held under attack"}, {h.Gone, "the way is gone"}, {h.Accepted, "open on purpose"}} {
			if part.n > 0 {
				closed = append(closed, fmt.Sprintf("%d %s", part.n, part.word))
			}
		}
		score, vector := fmt.Sprintf("%.1f %s", h.CVSS.Score, h.CVSS.Severity), h.CVSS.Vector
		if h.Before == 0 {
			score, vector = "", ""
		}
		holes = append(holes, []string{safe(h.Class), score, fmt.Sprint(h.Before), fmt.Sprint(h.Open), strings.Join(closed, ", "),
			strings.Join(h.Commands, ", "), vector})
	}
	for _, h := range d.Holes {
		if h.Example != "" {
			examples = append(examples, []string{safe(h.Class), h.Example})
		}
	}
	for _, t := range d.Triggers {
		triggers = append(triggers, []string{safe(t)})
	}
	for _, f := range d.Findings {
		left := ""
		if len(f.Still) > 0 {
			left = orNone(f.Still)
		}
		if len(f.New) > 0 {
			left = strings.TrimSpace(left + " new: " + orNone(f.New))
		}
		findings = append(findings, []string{string(f.Severity), safe(f.ID), safe(f.Title), fmt.Sprint(f.Before), fmt.Sprint(f.After), left})
	}
	for _, q := range d.Queries {
		verdict := ""
		if q.Worse {
			verdict = "WORSE"
		}
		queries = append(queries, []string{safe(q.Table), safe(q.Query), fmt.Sprintf("%.3f", q.Before), fmt.Sprintf("%.3f", q.After), fmt.Sprintf("%.2f", q.Ratio),
			fmt.Sprintf("%.0f", q.BlocksBefore), fmt.Sprintf("%.0f", q.BlocksAfter), safe(q.IndexAfter), verdict})
	}
	for _, x := range d.Indexes {
		took := "unknown"
		if x.Seconds > 0 {
			took = fmt.Sprintf("%.3f", x.Seconds)
		}
		indexes = append(indexes, []string{safe(x.Index), safe(x.Table), bytesText(x.Bytes), took})
	}
	for _, t := range d.Registry {
		policy := strings.Join(t.Policy, ", ")
		if policy != "" && t.Forced {
			policy += " (forced)"
		}
		registry = append(registry, []string{safe(t.Table), safe(t.Class), safe(strings.Join(t.Key, ", ")), safe(policy), safe(t.Index), safe(t.Since), safe(t.Why)})
	}
	return []titled{
		{"Holes, by class", []string{"Class", "CVSS before", "Open before", "Open now", "What closes them", "Commands", "Vector before"}, holes},
		{"One open way of each class, before", []string{"Class", "Way, and what it gave"}, examples},
		{"Findings, by rule", []string{"Severity", "Rule", "What", "Before", "Now", "Left"}, findings},
		{"Queries, as the application", []string{"Table", "Query", "Before ms", "Now ms", "Ratio", "Blocks before", "Blocks now", "Index now", ""}, queries},
		{"Indexes made", []string{"Index", "Table", "Size", "Build s"}, indexes},
		{"Triggers made", []string{"Trigger"}, triggers},
		{"Registry of tables", []string{"Table", "Class", "Key", "Policy", "Index", "Since", "Why this class"}, registry},
	}
}

// A titled is a table with its title.
type titled struct {
	Title string
	Head  []string
	Rows  [][]string
}

// compareSentences sum a before-and-after report up for somebody who was not there.
func compareSentences(d *Compare) []string {
	s := d.Summary
	var out []string
	if len(d.Holes) > 0 {
		out = append(out, fmt.Sprintf("Ways that lead to another tenant's row: %d before (worst CVSS base score %.1f), %d now (%.1f), and %d open on purpose.",
			s.OpenBefore, s.WorstBefore, s.OpenAfter, s.WorstAfter, s.Accepted))
		out = append(out, "A class's CVSS v3.1 base vector is computed from the commands that were open in it: used over the network, with an ordinary tenant's account, without help; complexity is high where something has to be guessed.")
		out = append(out, fmt.Sprintf("%d of the ways of before are closed: by proof, by an attack that held, or because the way does not exist any more.", s.Closed))
	}
	if len(d.Indexes) > 0 {
		took := fmt.Sprintf("%.1f s to build", s.BuildSeconds)
		if s.BuildSeconds == 0 {
			took = "no run tells how long they took"
		}
		out = append(out, fmt.Sprintf("Made: %s (%s, %s).", english.Count(len(d.Indexes), "index"), bytesText(s.IndexBytes), took))
	}
	if len(d.Triggers) > 0 {
		out = append(out, fmt.Sprintf("Made: %s.", english.Count(len(d.Triggers), "trigger")))
	}
	if len(d.Queries) > 0 {
		out = append(out, fmt.Sprintf("Timed before and after: %s, of which %d slower by more than a fifth and more than %.1f ms.", english.Count(len(d.Queries), "query"), s.Worse, bench.LeastEffect))
	}
	return out
}

// bytesText writes a size for people; 0 is a size that the catalogue does not tell yet.
func bytesText(n int64) string {
	switch {
	case n <= 0:
		return "unknown"
	case n < 1<<20:
		return fmt.Sprintf("%.0f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}

func (p *printer) compare(d *Compare) {
	p.line("%s", p.paint("bold", safe(d.After.Database)+": before and after"))
	for _, s := range compareSentences(d) {
		p.wrapped("  ", s)
	}
	for _, t := range compareTables(d) {
		more := len(t.Rows) - mostRows
		t.Rows = t.Rows[:min(len(t.Rows), mostRows)]
		p.grid(t)
		if more > 0 {
			p.line("  and %d more: --format html, markdown or json has them all", more)
		}
	}
	if len(d.Missing) > 0 {
		p.line("\nNot known")
	}
	for _, t := range d.Missing {
		p.wrapped("  ", t)
	}
}

// mostRows is how many rows of a table a terminal is given.
const mostRows = 40

// grid writes a table in columns as wide as what they hold, but for the last.
func (p *printer) grid(t titled) {
	if len(t.Rows) == 0 {
		return
	}
	p.line("\n%s", p.paint("bold", t.Title))
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for n, row := range append([][]string{t.Head}, t.Rows...) {
		var b strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&b, "%-*s  ", widths[i], strings.ReplaceAll(cell, "\n", "; "))
		}
		line := "  " + strings.TrimRight(b.String(), " ")
		if n == 0 {
			line = p.paint("dim", line)
		}
		p.line("%s", line)
	}
}

func (m marker) compare(d *Compare) {
	m.title(2, "Ringfence: "+safe(d.After.Database)+", before and after")
	for _, s := range compareSentences(d) {
		m.line(s)
	}
	for _, t := range compareTables(d) {
		m.table(t.Title, t.Head, t.Rows)
	}
	for _, s := range d.Missing {
		m.line("Not known: " + s)
	}
}
