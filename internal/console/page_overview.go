package console

import (
	"net/http"
	"path/filepath"

	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/report"
)

// overview says in a glance what is open, what is unknown, and what is there to read.
func (s *subject) overview(w http.ResponseWriter, r *http.Request) {
	p := s.posture(w, r)
	if p == nil {
		return
	}
	own := struct {
		*Posture
		Severities []count
		Isolation  prove.Count
		Open       int // leaks and unproven cells of isolation that nobody accepted
		Worst      []report.MatrixRow
		Drift      []count
		Rollouts   []string
		Trail      bool
	}{Posture: p, Isolation: p.Prove.Summary.Isolation, Trail: s.Events != nil}
	for _, s := range severities {
		own.Severities = append(own.Severities, count{s, p.Audit.Summary[s]})
	}
	for _, row := range p.rows {
		switch s := row.Worst(); {
		case s.Accepted:
		case s.Verdict == prove.Leak, s.Verdict == prove.Unproven:
			own.Open++
			if len(own.Worst) < 10 {
				own.Worst = append(own.Worst, row)
			}
		}
	}
	if p.Drift != nil {
		own.Drift = driftCounts(p.Drift)
	}
	for _, dir := range s.Rollouts {
		own.Rollouts = append(own.Rollouts, filepath.Base(dir))
	}
	s.render(w, r, "overview", "Overview", own)
}

// A count is how many there are of a kind.
type count struct {
	Name string
	N    int
}
