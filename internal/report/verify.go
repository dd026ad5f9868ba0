package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// VerifyVersion names the JSON form of a verification.
const VerifyVersion = "ringfence/verify/v1"

// A Verify is the document of ringfence verify: what the catalogue says of every step, then what logic and an attack say of the
// plan's tables.
type Verify struct {
	Schema  string               `json:"schema"`
	Server  Server               `json:"server"`
	Steps   []apply.VerifyResult `json:"steps"`
	Cells   []prove.Cell         `json:"cells"`
	Probes  []attack.Entry       `json:"probes"`
	Notes   []string             `json:"notes"`
	Summary VerifySummary        `json:"summary"`
}

// A VerifySummary counts what a Verify holds.
type VerifySummary struct {
	Done         int         `json:"done"`
	NotDone      int         `json:"not_done"`
	Gone         int         `json:"gone,omitempty"` // the table was dropped since
	Unknown      int         `json:"unknown"`
	Isolation    prove.Count `json:"isolation"`
	Held         int         `json:"held"` // isolation probes by outcome
	Leaked       int         `json:"leaked"`
	Inconclusive int         `json:"inconclusive"`
	Guessable    int         `json:"guessable"` // inference probes that learned something
	Accepted     int         `json:"accepted"`  // isolation probes that came through cells opened on purpose
}

// OfVerify makes the document of a verification of m.
func OfVerify(m *tenancy.Model, steps []apply.VerifyResult, cells []prove.Cell, tried *attack.Result) *Report {
	v := &Verify{Schema: VerifyVersion, Server: ServerOf(m), Steps: some(steps), Cells: some(cells), Probes: []attack.Entry{}, Notes: []string{}}
	for _, s := range steps {
		switch {
		case s.Done == nil:
			v.Summary.Unknown++
		case *s.Done:
			v.Summary.Done++
		case s.Gone:
			v.Summary.Gone++
		default:
			v.Summary.NotDone++
		}
	}
	v.Summary.Isolation, _, _ = prove.Summary(cells)
	if tried != nil {
		v.Probes, v.Notes = some(tried.Entries), append(some(tried.Notes), tried.Traces...)
		for _, e := range tried.Entries {
			v.Summary.count(e, accepted(cells, e))
		}
	}
	return &Report{Check: v}
}

// accepted reports whether the probe is on a cell that somebody opened on purpose.
func accepted(cells []prove.Cell, e attack.Entry) bool {
	return slices.ContainsFunc(cells, func(c prove.Cell) bool {
		return c.Accepted != nil && c.Relation == e.Table && c.Role == e.Role && c.Command == e.Command && len(c.Path) == len(e.Path)
	})
}

// count adds a probe's outcome; what a role may not even try, and what any plain setting gives way to, is not counted.
func (s *VerifySummary) count(e attack.Entry, accepted bool) {
	switch {
	case e.Code == attack.NoPrivilege || e.Informational:
	case e.Kind == reach.Inference:
		if e.Outcome == attack.Leaked {
			s.Guessable++
		}
	case e.Outcome == attack.Held:
		s.Held++
	case e.Outcome == attack.Leaked && accepted:
		s.Accepted++
	case e.Outcome == attack.Leaked:
		s.Leaked++
	default:
		s.Inconclusive++
	}
}

func (p *printer) verify(v *Verify) {
	for _, s := range v.Steps {
		if !s.Gone && (s.Done == nil || !*s.Done) {
			p.line("%s  step %d, %s on %s %s", p.paint("critical", "NOT DONE"), s.Step, safe(s.Kind), safe(s.Object), safe(s.Why))
		}
	}
	for _, g := range leakGroups(v.Cells, p.details) {
		p.leak(g)
	}
	p.unproven(v.Cells)
	for _, e := range v.Probes {
		if e.Outcome == attack.Leaked && !e.Informational && e.Kind == reach.Isolation && !accepted(v.Cells, e) {
			p.line("%s  %s: %s on %s: %s", p.paint("critical", "LEAKED"), safe(e.Probe), safe(e.Command), safe(e.Table), safe(e.Why))
			p.line("    %s", safe(e.Statement))
		}
	}
	for _, n := range v.Notes {
		p.wrapped("note: ", safe(n))
	}
	s := v.Summary
	p.reasons(v.Probes)
	gone := ""
	if s.Gone > 0 {
		gone = fmt.Sprintf(", %d gone with their tables", s.Gone)
	}
	p.line("steps: %s, %d not done, %d unknown%s", p.paint("good", fmt.Sprintf("%d done", s.Done)), s.NotDone, s.Unknown, gone)
	p.line("logic: %s, %d leak, %d unproven", p.paint("good", fmt.Sprintf("%d proved", s.Isolation.Proved)), s.Isolation.Leak, s.Isolation.Unproven)
	p.line("attack: %s, %d leaked, %d inconclusive, %d by ways accepted by name; %s succeeded (inference)",
		p.paint("good", english.Count(s.Held, "probe")+" held"), s.Leaked, s.Inconclusive, s.Accepted, english.Count(s.Guessable, "guess"))
}

// reasons says why probes were inconclusive, the commonest reason first.
func (p *printer) reasons(probes []attack.Entry) {
	count := map[string]int{}
	for _, e := range probes {
		if e.Outcome == attack.Inconclusive && e.Code != attack.NoPrivilege && !e.Informational && e.Kind == reach.Isolation {
			count[e.Why]++
		}
	}
	whys := slices.SortedFunc(maps.Keys(count), func(a, b string) int { return cmp.Or(count[b]-count[a], cmp.Compare(a, b)) })
	for i, why := range whys {
		if i == 3 {
			p.line("inconclusive: for %d other reasons (--format json lists all)", len(whys)-i)
			return
		}
		p.wrapped("inconclusive: ", fmt.Sprintf("%d: %s", count[why], safe(why)))
	}
}
