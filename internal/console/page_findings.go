package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/audit"
)

var severities = []string{string(audit.Critical), string(audit.High), string(audit.Medium), string(audit.Low), string(audit.Info)}

// findings lists what the audit found, the gravest first, each with its fix.
func (s *subject) findings(w http.ResponseWriter, r *http.Request) {
	p := s.posture(w, r)
	if p == nil {
		return
	}
	q := r.URL.Query()
	text, severity := strings.ToLower(q.Get("q")), q.Get("severity")
	var found []audit.Finding
	for _, f := range p.Audit.Findings {
		if (severity == "" || string(f.Severity) == severity) && (text == "" || strings.Contains(strings.ToLower(f.ID+" "+f.Object+" "+f.Title+" "+f.Role), text)) {
			found = append(found, f)
		}
	}
	s.render(w, r, "findings", "Findings", struct {
		Findings   paging[audit.Finding]
		Unchecked  []audit.Unchecked
		Q, Chosen  string
		Severities []string
	}{paged(r, found), p.Audit.Unchecked[:min(len(p.Audit.Unchecked), perPage)], q.Get("q"), severity, severities})
}

// rule tells what a rule looks for.
func (s *subject) rule(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	rules := audit.Rules()
	at := slices.IndexFunc(rules, func(x audit.Rule) bool { return x.ID == id })
	if at < 0 {
		s.fail(w, r, http.StatusNotFound, "There is no rule of that id.")
		return
	}
	s.render(w, r, "rule", rules[at].ID, struct {
		audit.Rule
		Paragraphs []string
	}{rules[at], strings.Split(rules[at].Doc, "\n\n")})
}
