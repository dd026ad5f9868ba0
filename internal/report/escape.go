package report

import (
	"cmp"
	"strings"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/visible"
)

// safe makes one line of a name or value that does nothing where it is shown.
func safe(s string) string { return visible.Line(s) }

// A level is how grave something is in the words that annotations and SARIF share.
type level string

const (
	levelError   level = "error"
	levelWarning level = "warning"
	levelNote    level = "note"
)

// levelOf maps a severity; one that is not known is not taken for harmless.
func levelOf(s audit.Severity) level {
	switch s {
	case audit.Critical, audit.High:
		return levelError
	case audit.Low, audit.Info:
		return levelNote
	}
	return levelWarning
}

// levelOfCell maps a cell that is neither proved nor probed. What can only be guessed is one step less grave.
func levelOfCell(c prove.Cell) level {
	switch {
	case c.Kind == reach.Inference && c.Verdict != prove.Leak:
		return levelNote
	case c.Kind != reach.Inference && c.Verdict == prove.Leak:
		return levelError
	}
	return levelWarning
}

// isOpen reports whether a cell is neither proved nor probed.
func isOpen(c prove.Cell) bool { return c.Verdict != prove.Proved && c.Verdict != prove.Probed }

// cellTitle says in one line what a cell is about.
func cellTitle(c prove.Cell) string {
	return safe(way(c.Role, c.Path, Variant(c)+" on "+c.Relation))
}

// findingText is the detail of a finding and the way to it, a line each.
func findingText(f audit.Finding) string {
	out := safe(f.Object) + ": " + safe(f.Detail)
	if f.Role != "" && len(f.Path) > 0 {
		out += "\nway: " + safe(way(f.Role, f.Path, f.Command))
	}
	if fix := fixText(f); fix != "" {
		out += "\nfix: " + fix
	}
	return out
}

// fixText is a finding's repair in a line: its SQL, or in words where there is none to copy; empty where there is no repair.
func fixText(f audit.Finding) string {
	if f.Fix == nil {
		return ""
	}
	return safe(strings.ReplaceAll(cmp.Or(f.Fix.SQL, f.Fix.Why), "\n", " "))
}

// cellText is why a cell is what it is, its witness, and what would make it provable, a line each.
func cellText(c prove.Cell) string {
	out := cellTitle(c) + ": " + safe(string(c.Verdict)) + ": " + safe(c.Why)
	if c.Witness != nil {
		out += "\nwitness: row " + Values(c.Witness.Row) + " in the context " + Values(c.Witness.Context) + " (executed: " + safe(c.Witness.Executed) + ")"
		if c.Witness.Statement != "" {
			out += "\nstatement: " + safe(c.Witness.Statement)
		}
	}
	if c.Makes != "" {
		out += "\nto prove it: " + safe(c.Makes)
	}
	return out
}

// acceptedText says who accepted something.
func acceptedText(by, until, reason string) string {
	return "accepted by " + whoUntil(by, until) + ": " + safe(reason)
}

// whoUntil names who accepted something and the last day it counts; what a service function reaches has no such day.
func whoUntil(by, until string) string {
	if until == "" {
		return safe(by)
	}
	return safe(by) + " until " + safe(until)
}
