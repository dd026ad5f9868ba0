package report

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/prove"
)

// letters are the one letter and colour of each verdict; an accepted cell is in lower case.
var letters = map[prove.Verdict]struct{ letter, color string }{
	prove.Proved: {"P", "good"}, prove.Probed: {"H", "good"}, prove.Leak: {"L", "critical"}, prove.Unproven: {"U", "medium"},
}

// prove writes the matrix of tables × commands, each the worst verdict over roles, variants and paths, then the leaks with
// their way and witness, then what is unproven with what would make it provable.
func (p *printer) prove(d *Prove) {
	p.heading(d.Server, d.Model)
	p.matrix(d.Cells)
	for _, g := range leakGroups(d.Cells, p.details) {
		p.leak(g)
	}
	p.unproven(d.Cells)
	for _, c := range d.Cells {
		if c.Accepted != nil {
			p.line("%s  %s %s: %s", p.paint("dim", "ACCEPTED"), safe(c.Relation), c.Command, acceptedText(c.Accepted.By, c.Accepted.Until, c.Accepted.Reason))
		}
	}
	for _, n := range d.Notes {
		p.wrapped("note: ", safe(n))
	}
	s := d.Summary
	p.line("\nisolation: %s, %d probed, %s, %s; inference: %d proved, %d leak, %d unproven", p.paint("good", fmt.Sprintf("%d proved", s.Isolation.Proved)),
		s.Isolation.Probed, p.paint("critical", fmt.Sprintf("%d leak", s.Isolation.Leak)), p.paint("medium", fmt.Sprintf("%d unproven", s.Isolation.Unproven)),
		s.Inference.Proved, s.Inference.Leak, s.Inference.Unproven)
}

func (p *printer) matrix(cells []prove.Cell) {
	rows := Matrix(cells)
	width := 5
	for _, r := range rows {
		width = max(width, len(r.Table))
	}
	p.line("%-*s  %s", width, "table", strings.Join(Columns, "  "))
	for _, r := range rows {
		line := fmt.Sprintf("%-*s", width, safe(r.Table))
		for i, s := range r.Squares {
			mark := p.paint("dim", "-")
			if s.Verdict != "" {
				mark = p.paint(letters[s.Verdict].color, s.Letter())
			}
			line += "  " + mark + strings.Repeat(" ", len(Columns[i])-1)
		}
		p.line("%s", strings.TrimRight(line, " "))
	}
	p.line("%s\n", p.paint("dim", "P proved  H held under attack  L leak  U unproven  (lower case: accepted)"))
}

// unproven writes what could not be decided by its reason, with the tables of one reason together.
func (p *printer) unproven(cells []prove.Cell) {
	type reason struct{ relation, why, makes string }
	var reasons gathering[reason]
	for _, c := range cells {
		if c.Verdict == prove.Unproven && c.Kind == "isolation" && c.Accepted == nil {
			reasons.add(reason{c.Relation, c.Why, c.Makes}, Variant(c))
		}
	}
	type alike struct{ why, makes, commands string }
	var groups gathering[alike]
	for _, r := range reasons.list {
		groups.add(alike{r.key.why, r.key.makes, strings.Join(unique(r.names), ", ")}, r.key.relation)
	}
	for _, g := range groups.list {
		a := g.key
		p.line("%s  %s  %s", p.paint("medium", "UNPROVEN"), p.paint("bold", safe(few(g.names, 1, "tables"))), a.commands)
		p.tables(g.names)
		p.wrapped("    ", safe(a.why))
		if a.makes != "" {
			p.wrapped("    ", "to prove it: "+safe(a.makes))
		}
	}
}
