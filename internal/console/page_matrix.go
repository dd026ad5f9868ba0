package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/report"
)

// verdicts are the words that the matrix is filtered by, the worst first.
var verdicts = []string{string(prove.Leak), string(prove.Unproven), string(prove.Probed), string(prove.Proved), "accepted"}

// matrix shows tables × commands, each the worst verdict.
func (s *subject) matrix(w http.ResponseWriter, r *http.Request) {
	p := s.posture(w, r)
	if p == nil {
		return
	}
	q := r.URL.Query()
	text, verdict := strings.ToLower(q.Get("q")), q.Get("verdict")
	var rows []report.MatrixRow
	for _, row := range p.rows {
		if strings.Contains(strings.ToLower(row.Table), text) && (verdict == "" || slices.ContainsFunc(row.Squares, func(s report.Square) bool { return wordOf(s) == verdict })) {
			rows = append(rows, row)
		}
	}
	s.render(w, r, "matrix", "Isolation matrix", struct {
		Rows      paging[report.MatrixRow]
		Q, Chosen string
		Verdicts  []string
		Summary   report.ProveSummary
	}{paged(r, rows), q.Get("q"), verdict, verdicts, p.Prove.Summary})
}

func wordOf(s report.Square) string {
	if s.Accepted {
		return "accepted"
	}
	return string(s.Verdict)
}

// table shows one table's cells: role, path, and the statement that shows a leak; and the findings about it.
func (s *subject) table(w http.ResponseWriter, r *http.Request) {
	p := s.posture(w, r)
	if p == nil {
		return
	}
	q := r.URL.Query()
	name := q.Get("name")
	at := slices.IndexFunc(p.Audit.Model.Tables, func(t report.Table) bool { return t.Name == name })
	if at < 0 && len(p.cells[name]) == 0 {
		s.fail(w, r, http.StatusNotFound, "There is no table of that name.")
		return
	}
	own := struct {
		Name     string
		Table    *report.Table
		Parent   parent
		Cells    paging[*prove.Cell]
		Command  string
		Columns  []string
		Findings []audit.Finding
	}{Name: name, Command: q.Get("command"), Columns: report.Columns, Parent: p.parents[name]}
	if at >= 0 {
		own.Table = &p.Audit.Model.Tables[at]
	}
	var cells []*prove.Cell
	for _, cell := range p.cells[name] {
		if own.Command == "" || cell.Command == own.Command {
			cells = append(cells, cell)
		}
	}
	slices.SortStableFunc(cells, func(a, b *prove.Cell) int { return rank(a) - rank(b) })
	own.Cells = paged(r, cells)
	for _, f := range p.Audit.Findings {
		if (f.Table == name || f.Object == name) && len(own.Findings) < perPage {
			own.Findings = append(own.Findings, f)
		}
	}
	s.render(w, r, "table", name, own)
}

// rank orders cells: isolation before what can only be guessed, the worst first, what was accepted after what was not.
func rank(c *prove.Cell) int {
	n := slices.Index(verdicts, string(c.Verdict)) * 4
	if c.Accepted != nil {
		n += 2
	}
	if c.Kind != reach.Isolation {
		n++
	}
	return n
}
