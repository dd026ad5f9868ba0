package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/cli"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// probesPage writes the reference of the probes.
func probesPage(b *bytes.Buffer) error {
	b.WriteString("# Probes\n\nWhat `ringfence prove --attack` and `ringfence verify` try. Each runs as the tenant that owns the row first, as the control, and\nthen as the stranger; everything is rolled back.\n")
	probes := slices.Clone(attack.All())
	slices.SortFunc(probes, func(a, c attack.Probe) int { return cmp.Compare(a.Name, c.Name) })
	for _, p := range probes {
		title, text, _ := strings.Cut(p.Doc, "\n")
		fmt.Fprintf(b, "\n## %s\n\n%s\n\n`%s`, %s\n%s\n", p.Name, title, strings.TrimSpace(p.Command+" "+p.Variant), p.Kind, text)
	}
	return nil
}

// stepsPage writes the reference of the kinds of step.
func stepsPage(b *bytes.Buffer) error {
	b.WriteString("# Steps\n\nWhat a plan is made of, in the order of their waves. Each step has the SQL that does it, a query that says whether it is done,\nand, where there is a way back, the SQL that takes it.\n")
	kinds := slices.Clone(plan.Kinds())
	slices.SortStableFunc(kinds, func(a, c *plan.Kind) int { return cmp.Compare(a.Wave, c.Wave) })
	for _, k := range kinds {
		title, text, _ := strings.Cut(k.Doc, "\n")
		fmt.Fprintf(b, "\n## %s\n\n%s (wave %d)\n%s\n", k.Name, title, k.Wave, text)
		if len(k.Danger) > 0 {
			fmt.Fprintf(b, "\nOnly where it is allowed by name: `--allow %s`.\n", strings.Join(k.Danger, "`, `--allow "))
		}
		if k.NoUndo != "" {
			fmt.Fprintf(b, "\nNo way back: %s.\n", k.NoUndo)
		}
	}
	return nil
}

// commandsPage writes the reference of the command line.
func commandsPage(b *bytes.Buffer) error { return cli.Reference(b) }
