package decide

// mayBe are the values that a condition may have, by what it is made of alone.
type mayBe struct{ yes, no, unknown bool }

var anything = mayBe{true, true, true}

// outcomes says what a condition may come to, whatever the values of its variables.
func (p *program) outcomes(n *node) mayBe {
	switch n.op {
	case opConst:
		return mayBe{n.val.isTrue(), n.val.isFalse(), n.val.null}
	case opNot:
		a := p.outcomes(n.args[0])
		return mayBe{a.no, a.yes, a.unknown}
	case opIsNull:
		out := mayBe{yes: !p.filled(n.args[0]), no: true}
		if n.not {
			out.yes, out.no = out.no, out.yes
		}
		return out
	case opTruth:
		a := p.outcomes(n.args[0])
		hit := map[string]bool{"true": a.yes, "false": a.no}
		miss := map[string]bool{"true": a.no || a.unknown, "false": a.yes || a.unknown}
		out := mayBe{yes: hit[n.want], no: miss[n.want]}
		if n.want != "true" && n.want != "false" {
			out = mayBe{yes: a.unknown, no: a.yes || a.no}
		}
		if n.not {
			out.yes, out.no = out.no, out.yes
		}
		return out
	case opAnd:
		out := mayBe{yes: true}
		for _, x := range n.args {
			a := p.outcomes(x)
			out = mayBe{out.yes && a.yes, out.no || a.no, out.unknown || a.unknown}
		}
		return out
	case opOr:
		out := mayBe{no: true}
		for _, x := range n.args {
			a := p.outcomes(x)
			out = mayBe{out.yes || a.yes, out.no && a.no, out.unknown || a.unknown}
		}
		return out
	case opNullif:
		a, b := p.outcomes(n.args[0]), p.outcomes(n.args[1])
		return mayBe{a.yes && (b.no || b.unknown), a.no && (b.yes || b.unknown), true}
	case opCoalesce:
		var out mayBe
		for _, x := range n.args {
			a := p.outcomes(x)
			out.yes, out.no, out.unknown = out.yes || a.yes, out.no || a.no, a.unknown
			if !a.unknown {
				break
			}
		}
		return out
	case opCase:
		var out mayBe
		for i, x := range n.args {
			if i%2 == 1 || i == len(n.args)-1 {
				a := p.outcomes(x)
				out = mayBe{out.yes || a.yes, out.no || a.no, out.unknown || a.unknown}
			}
		}
		return out
	}
	return anything
}

// filled reports whether a value is never NULL: a column that may not be, in its own form or as text.
func (p *program) filled(n *node) bool {
	for n.op == opConvert && !n.to.domain {
		n = n.args[0]
	}
	return n.op == opVar && p.vars[n.v].class == classColumn && p.vars[n.v].notNull
}

// markNever marks, from a node of which only TRUE counts, the conditions that will never be TRUE: a proof need not look into them.
func (p *program) markNever(n *node) {
	if n.never = n.op != opConst && !p.outcomes(n).yes; n.never {
		return
	}
	switch n.op {
	case opAnd, opOr:
		for _, a := range n.args {
			p.markNever(a)
		}
	case opTruth:
		if n.want == "true" && !n.not {
			p.markNever(n.args[0])
		}
	case opCase:
		for i, a := range n.args {
			if i%2 == 1 || i == len(n.args)-1 {
				p.markNever(a)
			}
		}
	}
}
