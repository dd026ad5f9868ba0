package watch

import (
	"cmp"
	"fmt"
	"slices"
)

// A Span is the time between two readings of one epoch.
type Span struct{ From, To *Reading }

// A Delta is what one statement did in a span.
type Delta struct {
	Statement
	Calls, Rows, Blocks int64
	Millis              float64
}

// delta is what a statement did in the span.
func (s *Span) delta(k Key) Delta {
	to, from := s.To.Statements[k], s.From.Statements[k]
	return Delta{Statement: to, Calls: to.Calls - from.Calls, Rows: to.Rows - from.Rows, Blocks: to.Blocks - from.Blocks, Millis: to.Millis - from.Millis}
}

// after is what a statement of the time before did in the span, by each role that asks it now: the one that asked it before, and those
// that did not, since a plan gives the application another role. One that asked it before itself is compared with itself. By role.
func (s *Span) after(base *Reading, k Key) []Delta {
	var out []Delta
	for _, now := range s.To.same(base.Statements[k]) {
		asked := slices.ContainsFunc(base.same(s.To.Statements[now]), func(was Key) bool { return was.Role == now.Role })
		if d := s.delta(now); d.Calls > 0 && (now.Role == k.Role || !asked) {
			out = append(out, d)
		}
	}
	return out
}

// sum is over all statements.
func (s *Span) sum() (calls, rows int64, millis float64) {
	for k := range s.To.Statements {
		d := s.delta(k)
		calls, rows, millis = calls+d.Calls, rows+d.Rows, millis+d.Millis
	}
	return calls, rows, millis
}

// means adds each statement's mean time in the span to its series.
func (s *Span) means(into map[Key][]float64) {
	for k := range s.To.Statements {
		if d := s.delta(k); d.Calls > 0 {
			series := append(into[k], d.Millis/float64(d.Calls))
			into[k] = series[max(0, len(series)-maxSeries):]
		}
	}
}

// maxSeries bounds how many rounds of a statement are compared.
const maxSeries = 120

// The least that a span has to hold to be judged by.
const (
	leastCalls    = 10
	criticalMost  = 10 // statements called most before
	criticalLeast = 5  // calls of each, and a hundredth of all
)

// enough reports whether the span holds calls enough: of all statements, and of half of those that were called most before.
func (s *Span) enough(base *Reading, least int64) (ok bool, why string) {
	calls, _, _ := s.sum()
	if least = cmp.Or(least, leastCalls); calls < least {
		return false, fmt.Sprintf("%d calls of the application since the last sample, %d are asked for", calls, least)
	}
	if base == nil {
		return true, ""
	}
	critical, called := critical(base), 0
	for _, k := range critical {
		if len(s.after(base, k)) > 0 {
			called++
		}
	}
	if called*2 < len(critical) {
		return false, fmt.Sprintf("%d of the %d statements that were called most before were called", called, len(critical))
	}
	return true, ""
}

// critical are the statements that returned rows and were called most.
func critical(r *Reading) []Key {
	var keys []Key
	for k, s := range r.Statements {
		if s.Calls >= max(criticalLeast, total(r)/100) && s.Rows*5 >= s.Calls {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(r.Statements[b].Calls, r.Statements[a].Calls), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Role, b.Role))
	})
	return keys[:min(len(keys), criticalMost)]
}
