package report

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/impact"
)

// OfObserve makes the report of what observing has counted.
func OfObserve(s *impact.Status) *Report { return &Report{Observe: s} }

// observed is who and what a count is about.
func observed(o impact.Observed) (role, what string) {
	role = o.Role
	if role == "" {
		role = "(other roles)"
	}
	what = english.Count(o.Count, strings.TrimSuffix(o.Unit, "s"))
	if o.Unit == "rows" {
		what = "at most " + what
	}
	return role, what + " " + o.Cause.Words()
}

// observedSum is the whole of it in one line.
func observedSum(s *impact.Status) string {
	return fmt.Sprintf("%s under observation: %s without a tenant, at most %s of others",
		english.Count(s.Summary.Tables, "table"), english.Count(s.Summary.Statements, "statement"), english.Count(s.Summary.Rows, "row"))
}

func (p *printer) observe(s *impact.Status) {
	if s.Summary.Tables == 0 {
		p.line("Nothing is under observation.")
		return
	}
	for _, o := range s.Observed {
		if o.Count > 0 {
			role, what := observed(o)
			p.line("%s  %s: %s", p.paint("bold", safe(o.Table)), safe(role), what)
		}
	}
	for _, u := range s.Unobservable {
		where := ""
		if u.Table != "" {
			where = " on " + u.Table
		}
		p.wrapped(p.paint("medium", "UNOBSERVABLE")+"  ", safe(fmt.Sprintf("%s%s: %s; first: %s", u.Role, where, u.Why, u.First)))
	}
	for _, t := range s.Reset {
		p.line("%s  %s: the statistics were reset after it was installed; its counts are those since", p.paint("medium", "RESET"), safe(t))
	}
	p.line("%s", observedSum(s))
	for _, n := range s.Notes {
		p.wrapped("note: ", n)
	}
}

func (m marker) observe(s *impact.Status) {
	m.title(2, "Ringfence observe")
	m.line(observedSum(s) + ".")
	var counts, blind, reset [][]string
	for _, o := range s.Observed {
		if o.Count > 0 {
			role, what := observed(o)
			counts = append(counts, []string{safe(o.Table), safe(role), what})
		}
	}
	for _, u := range s.Unobservable {
		blind = append(blind, []string{safe(u.Role), safe(u.Table), u.Why, u.First})
	}
	for _, t := range s.Reset {
		reset = append(reset, []string{safe(t)})
	}
	m.table("Would be refused or hidden", []string{"Table", "Role", "What"}, counts)
	m.table("Unobservable", []string{"Role", "Table", "Why", "First"}, blind)
	m.table("Counts that began anew", []string{"Table"}, reset)
}
