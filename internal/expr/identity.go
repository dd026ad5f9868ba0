package expr

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// Identity returns a text that two expressions share when they mean the same by construction: operators, functions, types
// and relations by identity and never by number, aliases and ways of writing left out, AND and OR flattened, sorted and
// without repetition, built-in operators turned to one side. Columns of the expression's own row are written without their
// relation, so that the same policy on two tables has one identity. What the snapshot cannot name is written by number.
func (r *Reader) Identity(e Expr) string {
	p := &printer{sorted: true, r: r}
	p.expr(e)
	return p.b.String()
}

// QueryIdentity is Identity for a query.
func (r *Reader) QueryIdentity(q *Query) string {
	p := &printer{sorted: true, r: r}
	p.query(q)
	return p.b.String()
}

// Equal reports whether two expressions have the same structure, nothing reordered.
func Equal(a, b Expr) bool {
	pa, pb := &printer{}, &printer{}
	pa.expr(a)
	pb.expr(b)
	return pa.b.String() == pb.b.String()
}

// A printer writes expressions as nested lists: {head part part …}.
type printer struct {
	b      strings.Builder
	r      *Reader // nil: only PostgreSQL's own names
	depth  int     // queries around
	sorted bool
}

func (p *printer) open(head string)  { p.b.WriteString("{" + head) }
func (p *printer) close()            { p.b.WriteByte('}') }
func (p *printer) word(s string)     { p.b.WriteString(" " + s) }
func (p *printer) part(e Expr)       { p.b.WriteByte(' '); p.expr(e) }
func (p *printer) parts(list []Expr) { p.each(list, p.part) }

func (p *printer) each(list []Expr, f func(Expr)) {
	for _, e := range list {
		f(e)
	}
}

// list writes {head parts…}.
func (p *printer) list(head string, args ...Expr) {
	p.open(head)
	p.parts(args)
	p.close()
}

// sub writes an expression on its own.
func (p *printer) sub(e Expr) string {
	s := &printer{r: p.r, depth: p.depth, sorted: p.sorted}
	s.expr(e)
	return s.b.String()
}

func (p *printer) expr(e Expr) {
	switch e := e.(type) {
	case nil:
		p.b.WriteString("-")
	case *Var:
		p.variable(e)
	case *Const:
		p.b.WriteString(p.constText(e))
	case *Param:
		p.b.WriteString(paramText(e))
	case *Call:
		p.open(functionText(e.Func, e.OID) + p.collationText(e.Collation))
		p.parts(e.Args)
		p.close()
	case *Operation:
		p.operation(e)
	case *Quantified:
		p.open(quantifier(e) + " " + p.operatorText(e.Op, e.OID) + p.collationText(e.Collation))
		p.parts([]Expr{e.Left, e.Array})
		p.close()
	case *Logic:
		p.logic(e)
	case *SubLink:
		p.subLink(e)
	case *Case:
		p.caseExpr(e)
	default:
		p.other(e)
	}
}

func (p *printer) other(e Expr) {
	switch e := e.(type) {
	case *NullTest:
		p.list("is"+not(e.Not)+" null"+when(e.Row, " row"), e.Arg)
	case *TruthTest:
		p.list("is"+not(e.Not)+" "+e.Want, e.Arg)
	case *CaseArg:
		p.b.WriteString("case_arg:" + p.typeText(e.TypeOID))
	case *Coalesce:
		p.list("coalesce", e.Args...)
	case *MinMax:
		p.list(map[bool]string{true: "greatest", false: "least"}[e.Greatest], e.Args...)
	case *Cast:
		p.open("cast " + e.Kind + " " + p.typeText(e.TypeOID) + modText(e.TypeMod))
		p.part(e.Arg)
		if e.Elem != nil {
			p.part(e.Elem)
		}
		p.close()
	case *Collate:
		p.list("collate "+p.collation(e.Collation), e.Arg)
	case *SessionValue:
		p.b.WriteString("{" + e.Name + "}")
	case *SubColumn:
		p.b.WriteString("column" + strconv.Itoa(e.Num))
	case *Unknown:
		p.list("unknown "+e.Tag+" "+strconv.Quote(e.Key), e.Args...)
	case *Aggregate:
		p.open(when(e.Window, "window ") + functionText(e.Func, e.OID) + when(e.Distinct, " distinct"))
		p.parts(e.Args)
		if e.Filter != nil {
			p.word("filter")
			p.part(e.Filter)
		}
		p.close()
	default:
		p.composite(e)
	}
}

func (p *printer) composite(e Expr) {
	switch e := e.(type) {
	case *RowCompare:
		p.open("row_compare " + strconv.Itoa(e.Strategy))
		for _, op := range e.Ops {
			p.word(p.operatorByOID(op))
		}
		p.parts(e.Left)
		p.word("|")
		p.parts(e.Right)
		p.close()
	case *Row:
		p.list("row "+p.typeText(e.TypeOID), e.Fields...)
	case *Array:
		p.list("array "+p.typeText(e.TypeOID), e.Elements...)
	case *Subscript:
		p.open("subscript")
		p.part(e.Container)
		p.parts(e.Lower)
		p.word(":")
		p.parts(e.Upper)
		p.close()
	case *Field:
		p.list("field "+nameOr(e.Name, e.Num), e.Arg)
	}
}

// variable writes a column: of the expression's own row by name alone, else with the query and the entry it belongs to.
func (p *printer) variable(v *Var) {
	if at := p.depth - v.Level; at != 0 || v.RTE != 1 {
		p.b.WriteString("q" + strconv.Itoa(at) + "." + strconv.Itoa(v.RTE) + ".")
	}
	if v.Returning != "" {
		p.b.WriteString(v.Returning + ".")
	}
	p.b.WriteString(nameOr(v.Name, v.Num) + ":" + p.typeText(v.TypeOID))
}

func nameOr(name string, num int16) string {
	switch {
	case name != "":
		return catalog.QuoteIdent(name)
	case num == 0:
		return "*"
	default:
		return "#" + strconv.Itoa(int(num))
	}
}

func (p *printer) constText(c *Const) string {
	switch {
	case c.Null:
		return "NULL:" + p.typeText(c.TypeOID)
	case c.Known:
		return strconv.Quote(c.Text) + ":" + p.typeText(c.TypeOID)
	default:
		return "0x" + c.Raw + ":" + p.typeText(c.TypeOID)
	}
}

func paramText(p *Param) string {
	return "{param " + p.Kind + " " + strconv.Itoa(p.ID) + when(p.Kind == "variable", " "+p.Name) + "}"
}

// operation writes an operator's use. A built-in operator with a commutator is turned so that the smaller text comes first:
// the server vouches for its own commutators, nobody does for others'.
func (p *printer) operation(e *Operation) {
	op, args := p.operatorText(e.Op, e.OID), e.Args
	if p.sorted && e.Kind != "nullif" && e.Op != nil && e.Op.System && e.Op.Commutator != 0 && len(args) == 2 {
		if turned := commuted(e.Op); turned != "" {
			a, b := op+" "+p.sub(args[0])+" "+p.sub(args[1]), turned+" "+p.sub(args[1])+" "+p.sub(args[0])
			if b < a {
				op, args = turned, []Expr{args[1], args[0]}
			}
		}
	}
	p.open(when(e.Kind != "plain", e.Kind+" ") + op + p.collationText(e.Collation))
	p.parts(args)
	p.close()
}

// commuted names a built-in operator's commutator where its operands are of one type and the name is its own mirror image.
func commuted(o *catalog.Operator) string {
	mirror := map[string]string{"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
	name, ok := mirror[o.Name]
	if !ok {
		return ""
	}
	c := *o
	c.Name, c.Left, c.Right = name, o.Right, o.Left
	return c.Identity()
}

func quantifier(e *Quantified) string {
	if e.Any {
		return "any"
	}
	return "all"
}

func (p *printer) logic(e *Logic) {
	if e.Op == "not" || !p.sorted {
		p.list(e.Op, e.Args...)
		return
	}
	var texts []string
	for _, a := range flat(e.Op, e.Args, nil) {
		texts = append(texts, p.sub(a))
	}
	sort.Strings(texts)
	texts = slices.Compact(texts)
	if len(texts) == 1 {
		p.b.WriteString(texts[0])
		return
	}
	p.b.WriteString("{" + e.Op + " " + strings.Join(texts, " ") + "}")
}

// flat collects the operands of nested ANDs, or ORs.
func flat(op string, args, out []Expr) []Expr {
	for _, a := range args {
		if l, ok := a.(*Logic); ok && l.Op == op {
			out = flat(op, l.Args, out)
		} else {
			out = append(out, a)
		}
	}
	return out
}

func (p *printer) caseExpr(e *Case) {
	p.open("case")
	if e.Arg != nil {
		p.part(e.Arg)
	}
	for _, w := range e.Whens {
		p.word("when")
		p.part(w.Cond)
		p.part(w.Result)
	}
	p.word("else")
	p.part(e.Else)
	p.close()
}

func not(b bool) string { return when(b, " not") }

func when(b bool, s string) string {
	if b {
		return s
	}
	return ""
}
