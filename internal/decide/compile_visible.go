package decide

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// visible is what row security asks of a row that a sub-query reads, in the rights the sub-query runs with: nil where it
// does not bind. Meeting a relation whose policies are being read already is an error in PostgreSQL, whatever the row.
func (c *compiler) visible(rel *catalog.Relation, r int) *node {
	if !rel.RowSecurity || c.exempt(rel) {
		return nil
	}
	if slices.Contains(c.stack, rel) {
		c.recursion = rel
		return &node{op: opRaise, stand: -1}
	}
	c.stack = append(c.stack, rel)
	defer func() { c.stack = c.stack[:len(c.stack)-1] }()
	open, floor := operation(opOr), []*node(nil)
	for i := range rel.Policies {
		pol := &rel.Policies[i]
		if pol.Command != "ALL" && pol.Command != "SELECT" || !c.appliesTo(pol) {
			continue
		}
		switch {
		case pol.Permissive && pol.Using == nil:
		case pol.Permissive:
			open.args = append(open.args, c.policy(pol.Using, rel, r))
		case pol.Using != nil:
			floor = append(floor, c.policy(pol.Using, rel, r))
		}
	}
	switch len(open.args) {
	case 0:
		return constant(falseV)
	case 1:
		return conjunction(append(floor, open.args[0])...)
	}
	return conjunction(append(floor, open)...)
}

// policy compiles a policy's expression over row r.
func (c *compiler) policy(tree *catalog.Tree, rel *catalog.Relation, r int) *node {
	var e expr.Expr
	if c.m.Reader != nil {
		e, _ = c.m.Reader.Expression(tree, rel)
	}
	if e == nil {
		return c.freeKeyed("policy/"+rel.Identity()+tree.Text, boolType, "a policy of "+rel.Identity(), false)
	}
	return c.compile(c.inlined(e), c.rowScope(r))
}

// exempt reports whether the compiler's role passes row security of rel: superuser, BYPASSRLS, or its owner unless forced.
func (c *compiler) exempt(rel *catalog.Relation) bool {
	r := c.m.Rights
	return r != nil && (r.Superuser(c.as) || r.Bypass(c.as) || !rel.ForceRLS && r.Owns(c.as, rel))
}

func (c *compiler) appliesTo(p *catalog.Policy) bool {
	return len(p.Roles) == 0 || slices.ContainsFunc(p.Roles, func(r string) bool {
		return r == "" || r == "public" || c.m.Rights != nil && c.m.Rights.HasPrivsOf(c.as, r)
	})
}
