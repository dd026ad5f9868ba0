package decide

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// comparisonOf says which comparison an operator is. Its place in a btree family decides, never its spelling.
func (c *compiler) comparisonOf(o *catalog.Operator, oid uint32) (comparison, bool) {
	if o == nil {
		return 0, false
	}
	if o.BTreeStrategy >= 1 && o.BTreeStrategy <= 5 {
		return comparison(o.BTreeStrategy), true
	}
	if o.Name != "<>" || !o.System && o.Extension == "" {
		return 0, false
	}
	if o.System {
		return cmpNE, !strings.Contains(o.Family, "pattern")
	}
	n := c.snap.OperatorByOID(o.Negator)
	return cmpNE, n != nil && n.BTreeStrategy == 3
}

func (c *compiler) operator(e *expr.Operation, s *scope) *node {
	if inner, ok := c.peeled(e.Op, e.Collation, e.Args); ok && e.Kind == "plain" {
		if args := c.all(inner, s); args[0].t.kind == args[1].t.kind {
			cmp, _ := c.comparisonOf(e.Op, e.OID)
			return compare(cmp, args[0], args[1])
		}
	}
	if n := c.inRange(e, s); n != nil {
		return n
	}
	if n := c.shifted(e, s); n != nil {
		return n
	}
	args := c.all(e.Args, s)
	switch e.Kind {
	case "distinct", "nullif":
		n := c.comparison(e.Op, e.OID, e.Collation, args)
		if n == nil || n.cmp != cmpEQ && n.cmp != cmpNE || wholeArrays(n) {
			return c.free(e, s, describe(e))
		}
		if e.Kind == "nullif" {
			n.op, n.cmp = opNullif, cmpEQ
			n.t = args[0].t
			return n
		}
		n.op, n.cmp = opDistinct, cmpEQ
		return n
	}
	if n := c.comparison(e.Op, e.OID, e.Collation, args); n != nil {
		return c.guard(n, e, s)
	}
	if e.Op != nil && e.Op.Extension == "ltree" {
		_, name, _ := strings.Cut(functionName(e.Op.Function), ".")
		if f, ok := treeFunctions[name]; ok {
			if n := c.singleLabel(name, args); n != nil {
				return n
			}
			return c.run(&f, e, args, s)
		}
	}
	if e.Op != nil && e.Op.System {
		if n := c.heldIn(functionName(e.Op.Function), e.Collation, args); n != nil {
			return n
		}
		if f := functionNamed(functionName(e.Op.Function), len(args)); f != nil {
			return c.run(f, e, args, s)
		}
		if f := jsonFunction(functionName(e.Op.Function), args); f != nil {
			return c.run(f, e, args, s)
		}
		if j := c.jsonOperator(functionName(e.Op.Function), e, args, s); j != nil {
			return j
		}
	}
	return c.free(e, s, describe(e))
}

// functionName is the bare name in a function's identity.
func functionName(identity string) string {
	name, _, _ := strings.Cut(identity, "(")
	return strings.TrimPrefix(name, "pg_catalog.")
}

// comparison makes a comparison of two nodes; nil where the operator is none, or compares what is not modelled.
func (c *compiler) comparison(o *catalog.Operator, oid uint32, collation uint32, args []*node) *node {
	cmp, ok := c.comparisonOf(o, oid)
	if !ok || len(args) != 2 {
		return nil
	}
	left, right := c.operandKind(o.Left, args[0]), c.operandKind(o.Right, args[1])
	if left != right || left == kindJSON && (o.Left != "jsonb" || cmp != cmpEQ && cmp != cmpNE) {
		return nil
	}
	c.settle(args[0], args[1])
	c.settle(args[1], args[0])
	n := compare(cmp, args[0], args[1])
	switch left {
	case kindText, kindBpchar:
		n.folded = c.folds(collation)
	case kindOther:
		if o.Left != o.Right {
			return nil
		}
	}
	return n
}

// settle gives a value of which nothing is known, not even its type, the type of what it is compared with: values of another would
// never equal it, and every predicate over it would pass for proved.
func (c *compiler) settle(n, other *node) {
	if n.op != opVar || n.t.oid != 0 || c.p.vars[n.v].class != classFree || other.t.oid == 0 {
		return
	}
	n.t = other.t
	c.p.vars[n.v].t = other.t
}

func (c *compiler) snapCollation(oid uint32) *catalog.Collation {
	if c.snap == nil || oid == 0 {
		return nil
	}
	return c.snap.CollationByOID(oid)
}

// operandKind is the family in which an operator compares its operand.
func (c *compiler) operandKind(name string, arg *node) kind {
	switch name {
	case "text", "name", "character varying":
		return kindText
	case "character":
		return kindBpchar
	case "uuid":
		return kindUUID
	case "smallint", "integer", "bigint", "numeric", "oid", "real", "double precision":
		return kindNum
	case "boolean":
		return kindBool
	case "json", "jsonb":
		return kindJSON
	case "anyarray":
		return kindArray
	case "record":
		return kindRow
	}
	if strings.HasSuffix(name, "citext") {
		return kindCitext
	}
	if name == "anyenum" || strings.HasSuffix(name, "ltree") && arg.t.tree {
		return kindText
	}
	return kindOther
}

// guard gives an order that is not known in full a stand-in for proofs.
func (c *compiler) guard(n *node, e expr.Expr, s *scope) *node {
	if n.folded || wholeArrays(n) {
		n.stand, _ = c.freeVariable(e, s, describe(e))
		c.p.vars[n.stand].notNull = !wholeArrays(n)
		return n
	}
	if n.cmp == cmpEQ || n.cmp == cmpNE {
		return n
	}
	for _, a := range n.args {
		if a.t.kind != kindNum && a.t.kind != kindUUID && a.t.kind != kindBool || a.t.labels != nil {
			n.stand, _ = c.freeVariable(e, s, describe(e))
			c.p.vars[n.stand].notNull = true
			c.p.orders = append(c.p.orders, n)
			return n
		}
	}
	return n
}

// wholeArrays reports whether a comparison is of arrays that are put together: which those may be, the few arrays that are tried do not
// tell.
func wholeArrays(n *node) bool {
	for _, a := range n.args {
		if a.t.kind == kindArray && a.op != opVar && a.op != opConst {
			return true
		}
	}
	return false
}

func (c *compiler) quantified(e *expr.Quantified, s *scope) *node {
	args := []*node{c.compile(e.Left, s), elementwise(c.compile(e.Array, s))}
	n := c.comparison(e.Op, e.OID, e.Collation, args)
	if n == nil {
		return c.quantifiedFunction(e, args, s)
	}
	n.op, n.not = opQuant, !e.Any
	if n.folded || n.cmp != cmpEQ && n.cmp != cmpNE {
		n.stand, _ = c.freeVariable(e, s, describe(e))
	}
	return n
}

// quantifiedFunction is x OP ANY (array) for an operator that is a function of ours, as LIKE ANY.
func (c *compiler) quantifiedFunction(e *expr.Quantified, args []*node, s *scope) *node {
	if e.Op == nil || !e.Op.System || args[1].op != opArray {
		return c.free(e, s, describe(e))
	}
	f := functionNamed(functionName(e.Op.Function), 2)
	if f == nil {
		return c.free(e, s, describe(e))
	}
	op := opOr
	if !e.Any {
		op = opAnd
	}
	out := operation(op)
	for _, elem := range args[1].args {
		out.args = append(out.args, c.run(f, e, []*node{args[0], elem}, s))
	}
	return out
}

func (c *compiler) rowCompare(e *expr.RowCompare, s *scope) *node {
	n := compare(comparison(e.Strategy), operation(opRow, c.all(e.Left, s)...), operation(opRow, c.all(e.Right, s)...))
	for _, oid := range e.Ops {
		o := c.snap.OperatorByOID(oid)
		if oid >= firstUserOID && (o == nil || o.BTreeStrategy == 0) {
			return c.free(e, s, "a row comparison")
		}
	}
	n.stand, _ = c.freeVariable(e, s, "a row comparison")
	return n
}

// firstUserOID is where OIDs of objects made after initdb begin (FirstNormalObjectId).
const firstUserOID = 16384
