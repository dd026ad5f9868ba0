package watch

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// A Kind is one thing that can be wrong after a stage was applied. Judge is a pure reading: it looks at readings and nothing else.
type Kind struct {
	Name     string // file name without "signal_" and ".go"
	Doc      string
	Severity int // 1: taken back at once; 2: halts and asks; 3: a ticket
	// Needs is what has to be readable for the clock of the soak to advance; "": nothing.
	Needs string
	Judge func(v *View) []rollout.Signal
}

// Kinds returns every kind of signal, the gravest first.
func Kinds() []*Kind {
	return []*Kind{&rowsCollapse, &canaryTenants, &stepUndone, &sqlStates, &writesStopped, &latency, &p95, &blocks, &seqScans, &rollbacks, &replicaLag, &backups, &trailGrowth, &alertsFiring}
}

// A View is all that signals are judged by.
type View struct {
	Base          *Reading // before the stage was begun; nil: not known
	Prior         *Span    // the time before that was measured, by two samples or more; nil: there was one only
	Now           *Reading
	Spans         []*Span           // that end now, the shortest first
	Before, After map[Key][]float64 // mean milliseconds of each statement, a round each
	Tables        []string          // that were applied
	Owners        map[string]bool   // roles that own tables
}

// judge gives every signal, and why what has to be readable is not.
func judge(v *View) (signals []rollout.Signal, unknown []string) {
	for _, k := range Kinds() {
		if why, blind := v.Now.Unknown[k.Needs]; k.Needs != "" && blind && !slices.Contains(unknown, why) {
			unknown = append(unknown, why)
		}
		for _, s := range k.Judge(v) {
			s.Name, s.Severity = k.Name, cmp.Or(s.Severity, k.Severity)
			if s.Tables == nil {
				s.Tables = []string{}
			}
			slices.Sort(s.Tables)
			s.Tables = slices.Compact(s.Tables)
			signals = append(signals, s)
		}
	}
	return signals, unknown
}

// path says whose way to the rows a role's statements take.
func (v *View) path(role string) rollout.SignalPath {
	if v.Owners[role] {
		return rollout.PathOwner
	}
	return rollout.PathTenant
}

// calls compare what a statement costs a call, before and now, by one role.
type calls struct {
	before  Statement
	now     Delta
	was, is float64
}

// perCall compares a cost of each statement of the time before, over the longest span, with what it costs each role that asks it now: a
// cost that judge answers true to is a signal, on the tables that the statement names.
func (v *View) perCall(cost func(Delta) float64, judge func(calls) (rollout.Signal, bool)) []rollout.Signal {
	if v.Base == nil || len(v.Spans) == 0 {
		return nil
	}
	var out []rollout.Signal
	span := v.Spans[len(v.Spans)-1]
	for k, before := range v.Base.Statements {
		if before.Calls == 0 {
			continue
		}
		was := cost(Delta{Statement: before, Calls: before.Calls, Rows: before.Rows, Blocks: before.Blocks, Millis: before.Millis}) / float64(before.Calls)
		for _, d := range span.after(v.Base, k) {
			if d.Calls < timedLeast {
				continue
			}
			if s, bad := judge(calls{before, d, was, cost(d) / float64(d.Calls)}); bad {
				s.Role, s.Tables = d.Role, v.tablesIn(before.Text)
				out = append(out, s)
			}
		}
	}
	return out
}

// tablesIn are the applied tables that a statement's text names; all of them where it names none, since it may reach them by a view.
func (v *View) tablesIn(text string) []string {
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;()=<>.\"", r) }) {
		words[strings.ToLower(w)] = true
	}
	var out []string
	for _, table := range v.Tables {
		name := table
		if _, after, ok := strings.Cut(table, "."); ok {
			name = after
		}
		if words[strings.ToLower(strings.Trim(name, `"`))] {
			out = append(out, table)
		}
	}
	if len(out) == 0 {
		return slices.Clone(v.Tables)
	}
	return out
}

// excerpt is the beginning of a statement, for a person; its constants were taken out by the server.
func excerpt(text string) string {
	text = squeeze(text)
	if r := []rune(text); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return text
}
