package report

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/prove"
)

// columns are the commands of the matrix, in its order.
var columns = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"}

// letters are the one letter and colour of each verdict; an accepted cell is in lower case.
var letters = map[prove.Verdict]struct{ letter, color string }{
	prove.Proved: {"P", "good"}, prove.Probed: {"H", "good"}, prove.Leak: {"L", "critical"}, prove.Unproven: {"U", "medium"},
}

// prove writes the matrix of tables × commands, each the worst verdict over roles, variants and paths, then the leaks with
// their way and witness, then what is unproven with what would make it provable.
func (p *printer) prove(d *Prove) {
	p.heading(d.Server, d.Model)
	p.matrix(d.Cells)
	for _, c := range d.Cells {
		if c.Verdict == prove.Leak && c.Kind == "isolation" && c.Accepted == nil {
			p.leak(c)
		}
	}
	p.unproven(d.Cells)
	for _, c := range d.Cells {
		if c.Accepted != nil {
			p.line("%s  %s %s: accepted by %s until %s: %s", p.paint("dim", "ACCEPTED"), safe(c.Relation), c.Command, safe(c.Accepted.By), c.Accepted.Until, safe(c.Accepted.Reason))
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

// A square is the matrix's verdict on one table and command.
type square struct {
	verdict  prove.Verdict
	accepted bool
}

// squaresOf gives the worst verdict of each table and command over roles, variants and paths; what was accepted counts only where
// nothing else is worse than proved.
func squaresOf(cells []prove.Cell) (squares map[string]map[string]square, tables []string) {
	squares = map[string]map[string]square{}
	for _, c := range cells {
		if c.Kind != "isolation" {
			continue
		}
		row, ok := squares[c.Relation]
		if !ok {
			row = map[string]square{}
			squares[c.Relation] = row
			tables = append(tables, c.Relation)
		}
		next := square{c.Verdict, c.Accepted != nil}
		if old, ok := row[c.Command]; !ok || worse(next, old) {
			row[c.Command] = next
		}
	}
	return squares, tables
}

// worse reports whether a is worse news than b: an accepted leak is better than any that is not proved, and worse than proved.
func worse(a, b square) bool {
	rank := func(s square) int {
		switch {
		case s.verdict == prove.Proved:
			return 3
		case s.accepted:
			return 2
		case s.verdict == prove.Probed:
			return 2
		case s.verdict == prove.Unproven:
			return 1
		}
		return 0
	}
	return rank(a) < rank(b)
}

func (p *printer) matrix(cells []prove.Cell) {
	squares, tables := squaresOf(cells)
	width := 5
	for _, t := range tables {
		width = max(width, len(t))
	}
	p.line("%-*s  %s", width, "table", strings.Join(columns, "  "))
	for _, t := range sorted(tables) {
		line := fmt.Sprintf("%-*s", width, safe(t))
		for _, col := range columns {
			s, ok := squares[t][col]
			mark := p.paint("dim", "-")
			if ok {
				l := letters[s.verdict]
				mark = l.letter
				if s.accepted {
					mark = strings.ToLower(mark)
				}
				mark = p.paint(l.color, mark)
			}
			line += "  " + mark + strings.Repeat(" ", len(col)-1)
		}
		p.line("%s", strings.TrimRight(line, " "))
	}
	p.line("%s\n", p.paint("dim", "P proved  H held under attack  L leak  U unproven  (lower case: accepted)"))
}

func (p *printer) leak(c prove.Cell) {
	p.line("%s  %s", p.paint("critical", "LEAK"), p.paint("bold", way(c.Role, c.Path, variant(c)+" on "+safe(c.Relation))))
	p.wrapped("    ", safe(c.Why))
	if c.Witness != nil {
		p.wrapped("    ", "row "+values(c.Witness.Row)+" in the context "+values(c.Witness.Context)+" (executed: "+c.Witness.Executed+")")
		if c.Witness.Statement != "" {
			p.line("    %s", safe(c.Witness.Statement))
		}
	}
	p.line("")
}

func (p *printer) unproven(cells []prove.Cell) {
	type reason struct{ relation, why, makes string }
	var reasons []reason
	commands := map[reason][]string{}
	for _, c := range cells {
		if c.Verdict != prove.Unproven || c.Kind != "isolation" || c.Accepted != nil {
			continue
		}
		r := reason{c.Relation, c.Why, c.Makes}
		if len(commands[r]) == 0 {
			reasons = append(reasons, r)
		}
		commands[r] = append(commands[r], variant(c))
	}
	for _, r := range reasons {
		p.line("%s  %s  %s", p.paint("medium", "UNPROVEN"), p.paint("bold", safe(r.relation)), strings.Join(unique(commands[r]), ", "))
		p.wrapped("    ", safe(r.why))
		if r.makes != "" {
			p.wrapped("    ", "to prove it: "+safe(r.makes))
		}
	}
}

func variant(c prove.Cell) string {
	if c.Variant == "" {
		return c.Command
	}
	return c.Command + " (" + strings.ReplaceAll(c.Variant, "_", " ") + ")"
}

// values writes a row or a context: name=value, sorted; NULL and unset are words.
func values(m map[string]*string) string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	var out []string
	for _, n := range sorted(names) {
		v := "NULL"
		if m[n] != nil {
			v = "'" + safe(*m[n]) + "'"
		}
		out = append(out, safe(n)+"="+v)
	}
	return "(" + strings.Join(out, ", ") + ")"
}
