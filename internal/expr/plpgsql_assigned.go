package expr

import "encoding/json"

// rowFields lists the variables of an INTO list by number.
func (p *plReader) rowFields(row plNode) []int {
	var fields []struct{ Varno int }
	if json.Unmarshal(row.fields["fields"], &fields) != nil {
		return nil
	}
	out := make([]int, len(fields))
	for i, f := range fields {
		out[i] = f.Varno
	}
	return out
}

// assigned lists the variables that a statement and those in it may assign.
func (p *plReader) assigned(n plNode) []int {
	var out []int
	switch n.kind {
	case "stmt_assign", "stmt_foreach_a":
		out = append(out, n.number("varno"))
	case "stmt_getdiag":
		for _, d := range n.list("diag_items") {
			out = append(out, d.number("target"))
		}
	}
	for _, name := range []string{"target", "var"} {
		switch t := n.sub(name); t.kind {
		case "row":
			out = append(out, p.rowFields(t)...)
		case "rec":
			out = append(out, t.number("dno"))
		case "var":
			for i, known := range p.names {
				if known == t.text("refname") {
					out = append(out, i)
				}
			}
		}
	}
	for _, s := range inside(n) {
		out = append(out, p.assigned(s)...)
	}
	return out
}

// inside lists the statements directly within one.
func inside(n plNode) []plNode {
	var out []plNode
	for _, name := range []string{"body", "then_body", "else_body", "stmts", "else_stmts", "action", "elsif_list", "case_when_list", "exc_list"} {
		out = append(out, n.list(name)...)
	}
	if e := n.sub("exceptions"); e.kind != "" {
		out = append(out, inside(e)...)
	}
	return out
}

// returns reports whether a statement may return from the function.
func returns(n plNode) bool {
	if n.kind == "stmt_return" {
		return true
	}
	for _, s := range inside(n) {
		if returns(s) {
			return true
		}
	}
	return false
}
