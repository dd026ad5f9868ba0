package decide

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// injective are functions of pg_catalog that map no two values to one, by the argument that varies; the rest must be the same constants.
// A digest of SHA-2 counts: who finds two keys of one digest has other things to do.
var injective = map[string]int{
	"reverse": 0, "uuid_send": 0, "textsend": 0, "encode": 0, "convert_to": 0, "quote_literal": 0, "sha224": 0, "sha256": 0, "sha384": 0, "sha512": 0,
}

// peeled takes from both sides of an equality what both wrap their value in without loss: 't-' || a = 't-' || b is a = b. False where
// nothing can be taken away, or what is left is not of one type whose equality is identity.
func (c *compiler) peeled(o *catalog.Operator, collation uint32, args []expr.Expr) ([]expr.Expr, bool) {
	if cmp, ok := c.comparisonOf(o, 0); !ok || cmp != cmpEQ && cmp != cmpNE || len(args) != 2 {
		return nil, false
	}
	if c.folds(collation) {
		return nil, false
	}
	a, b, any := args[0], args[1], false
	for {
		x, y, ok := c.unwrapped(a, b)
		if !ok {
			break
		}
		a, b, any = x, y, true
	}
	if !any || c.typeOf(a.Type(), -1).kind != c.typeOf(b.Type(), -1).kind {
		return nil, false
	}
	switch c.typeOf(a.Type(), -1).kind {
	case kindText, kindUUID:
		return []expr.Expr{a, b}, true
	}
	return nil, false
}

// unwrapped takes one layer away.
func (c *compiler) unwrapped(a, b expr.Expr) (expr.Expr, expr.Expr, bool) {
	switch x := a.(type) {
	case *expr.Call:
		y, ok := b.(*expr.Call)
		if !ok || x.Func == nil || x.Func != y.Func || !x.Func.System || len(x.Args) != len(y.Args) {
			return nil, nil, false
		}
		at, ok := injective[x.Func.Name]
		return c.onlyDiffer(x.Args, y.Args, at, ok)
	case *expr.Operation:
		y, ok := b.(*expr.Operation)
		if !ok || x.Kind != "plain" || y.Kind != "plain" || x.Op == nil || x.Op != y.Op || !x.Op.System || functionName(x.Op.Function) != "textcat" || len(x.Args) != 2 || len(y.Args) != 2 {
			return nil, nil, false
		}
		if l, r, ok := c.onlyDiffer(x.Args, y.Args, 0, true); ok {
			return l, r, true
		}
		return c.onlyDiffer(x.Args, y.Args, 1, true)
	}
	return nil, nil, false
}

// onlyDiffer returns the arguments at one place where all others are the same constants, not NULL.
func (c *compiler) onlyDiffer(a, b []expr.Expr, at int, ok bool) (expr.Expr, expr.Expr, bool) {
	if !ok {
		return nil, nil, false
	}
	for i := range a {
		x, okX := a[i].(*expr.Const)
		y, okY := b[i].(*expr.Const)
		if i != at && (!okX || !okY || x.Null || y.Null || !x.Known || !y.Known || x.Text != y.Text || x.TypeOID != y.TypeOID) {
			return nil, nil, false
		}
	}
	return a[at], b[at], true
}

// holdsRole is pg_has_role of roles that are known: what the memberships in the snapshot say; nil where it is not so plain.
func (c *compiler) holdsRole(e *expr.Call, s *scope) *node {
	if c.m.Rights == nil || len(e.Args) < 2 || len(e.Args) > 3 {
		return nil
	}
	names := make([]string, len(e.Args))
	for i, a := range e.Args {
		n := c.compile(a, s)
		switch {
		case n.op == opConst && !n.val.null && n.t.kind == kindText:
			names[i] = n.val.s
		case n.op == opVar && c.p.vars[n.v].class == classSession && len(c.p.vars[n.v].fixed) == 1:
			names[i] = c.p.vars[n.v].fixed[0].s
		default:
			return nil
		}
	}
	if len(names) == 2 {
		names = append([]string{c.user}, names...)
	}
	if c.snap.Role(names[0]) == nil || c.snap.Role(names[1]) == nil {
		return nil
	}
	switch settingName(names[2]) {
	case "member":
		return constant(boolean(c.m.Rights.MemberOf(names[0], names[1])))
	case "usage":
		return constant(boolean(c.m.Rights.HasPrivsOf(names[0], names[1])))
	}
	return nil
}
