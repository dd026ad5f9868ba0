package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/metrics"
	"github.com/ringfencehq/ringfence/internal/metrics/alerts"
)

// runbookPage writes what to do about each alert; the rules link to its headings.
func runbookPage(b *bytes.Buffer) error { return alerts.WriteRunbook(b) }

// metricsPage lists every metric with all series it can have.
func metricsPage(b *bytes.Buffer) error {
	b.WriteString("# Metrics\n\nEvery metric, who emits it, and each value that its labels can have: there are no others. All series stand at 0 from the start.\n")
	for _, p := range []metrics.Process{metrics.Every, metrics.Gateway, metrics.Monitor} {
		fmt.Fprintf(b, "\n## %s\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n", p)
		for _, m := range metrics.All() {
			if m.Of == p {
				fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, labelWords(m), m.Help)
			}
		}
	}
	return nil
}

// labelWords lists each label with its values, in the order of the series.
func labelWords(m *metrics.Metric) string {
	var out []string
	for i, l := range m.Labels {
		var values []string
		seen := map[string]bool{}
		for _, s := range m.Series {
			if !seen[s[i]] {
				seen[s[i]] = true
				values = append(values, s[i])
			}
		}
		out = append(out, fmt.Sprintf("`%s`: %s", l, strings.Join(values, ", ")))
	}
	return strings.Join(out, "<br>")
}
