package expr

import (
	"strconv"
	"strings"
)

func (p *printer) subLink(e *SubLink) {
	p.open("sublink " + e.Kind + when(e.RunAs != "", " as "+strconv.Quote(e.RunAs)))
	if e.Test != nil {
		p.part(e.Test)
	}
	p.word("")
	p.depth++
	p.query(e.Query)
	p.depth--
	p.close()
}

// query writes a query at the printer's depth.
func (p *printer) query(q *Query) {
	if q == nil {
		p.b.WriteString("-")
		return
	}
	p.open(q.Command + when(q.RunAs != "", " as "+strconv.Quote(q.RunAs)) + when(q.Utility != "", " "+q.Utility) + when(q.Result > 0, " into "+strconv.Itoa(q.Result)))
	for i := range q.CTEs {
		p.word("with " + strconv.Quote(q.CTEs[i].Name) + when(q.CTEs[i].Recursive, " recursive") + " ")
		p.nested(q.CTEs[i].Query)
	}
	for i := range q.Range {
		if q.Range[i].Kind != "group" { // 18's way to number what the others name directly
			p.rangeEntry(i+1, &q.Range[i])
		}
	}
	p.word("from")
	for i := range q.From {
		p.word("")
		p.fromItem(&q.From[i])
	}
	p.clause("where", q.Where)
	p.targets("select", q.Targets)
	p.targets("returning", q.Returning)
	p.clause("having", q.Having)
	p.clause("on", q.MergeOn)
	p.word(strings.TrimSpace(when(q.Group, " group") + when(q.Limit, " limit") + when(q.RowMarks, " lock")))
	p.parts(q.Values)
	p.queryTail(q)
	p.close()
}

func (p *printer) queryTail(q *Query) {
	if q.SetOp != nil {
		p.word("")
		p.setOp(q.SetOp)
	}
	if c := q.OnConflict; c != nil {
		p.word("conflict " + c.Action)
		for _, name := range c.Arbiter {
			p.word("on " + name)
		}
		p.targets("set", c.Set)
		p.clause("where", c.Where)
	}
	for _, m := range q.Merge {
		p.word("when " + m.Matched + " " + m.Command)
		p.clause("and", m.Qual)
		p.targets("set", m.Targets)
	}
	for _, u := range q.Unknown {
		p.word("unknown " + strconv.Quote(u))
	}
}

// nested writes a query inside the one being written.
func (p *printer) nested(q *Query) {
	p.depth++
	p.query(q)
	p.depth--
}

func (p *printer) clause(word string, e Expr) {
	if e != nil {
		p.word(word)
		p.part(e)
	}
}

func (p *printer) targets(word string, targets []Target) {
	if len(targets) == 0 {
		return
	}
	p.word(word)
	for _, t := range targets {
		p.word("")
		if t.Column != "" {
			p.b.WriteString(t.Column + ":=")
		}
		if t.Junk {
			p.b.WriteString("junk:")
		}
		p.expr(t.Expr)
	}
}

func (p *printer) rangeEntry(at int, e *RangeEntry) {
	p.word("{" + strconv.Itoa(at) + " " + e.Kind)
	switch e.Kind {
	case "relation":
		name := number(e.RelOID)
		if e.Relation != nil {
			name = e.Relation.Identity()
		}
		p.word(when(!e.Inherit, "only ") + name)
	case "subquery":
		p.word("")
		p.nested(e.Subquery)
	case "cte":
		p.word(strconv.Quote(e.CTE) + " up " + strconv.Itoa(e.CTELevel))
	}
	p.parts(e.Funcs)
	for _, row := range e.Values {
		p.word("")
		p.list("values", row...)
	}
	p.close()
}

func (p *printer) fromItem(f *FromItem) {
	switch {
	case f == nil:
		p.b.WriteString("-")
		return
	case f.RTE != 0:
		p.b.WriteString(strconv.Itoa(f.RTE))
		return
	}
	p.open(f.Join)
	for _, side := range []*FromItem{f.Left, f.Right} {
		p.word("")
		p.fromItem(side)
	}
	p.clause("on", f.On)
	p.close()
}

func (p *printer) setOp(s *SetOp) {
	switch {
	case s == nil:
		p.b.WriteString("-")
	case s.Op == "":
		p.b.WriteString(strconv.Itoa(s.RTE))
	default:
		p.open(s.Op + when(s.All, " all"))
		p.word("")
		p.setOp(s.Left)
		p.word("")
		p.setOp(s.Right)
		p.close()
	}
}
