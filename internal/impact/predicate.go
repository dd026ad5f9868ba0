package impact

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A view is what one role sees of a table: the condition under which a row is visible to it, over the table's columns.
type view struct{ before, after string }

// views returns, for each application role that may read the table, what it sees before and after; the role that the plan makes
// takes over from the application of today. unknown says why a condition cannot be evaluated by anybody but the role itself.
func (c *change) views(m *tenancy.Model) (out map[string]view, unknown string) {
	out = map[string]view{}
	for _, role := range m.Applications() {
		if !m.Rights.Any(role, c.rel) {
			continue
		}
		before, why := c.visible(m, role, c.bound(m, role, c.rel.RowSecurity, c.rel.ForceRLS), pointers(c.rel.Policies), nil)
		if why != "" {
			return nil, why
		}
		boundAfter := c.enabled && c.newRole != "" || c.bound(m, role, c.enabled, c.forced)
		after, why := c.visible(m, role, boundAfter, c.kept(), c.shape)
		if why != "" {
			return nil, why
		}
		name := role
		if c.newRole != "" {
			name = c.newRole
		}
		if had, ok := out[name]; ok && had.before != before {
			before = "(" + had.before + ") OR (" + before + ")"
		}
		out[name] = view{before, after}
	}
	if len(out) == 0 && c.newRole != "" && !c.rel.ForceRLS {
		// The role is there already and holds nothing yet: the application still is the owner, who sees all.
		after, why := c.visible(m, c.newRole, c.enabled, c.kept(), c.shape)
		return map[string]view{c.newRole: {"true", after}}, why
	}
	return out, ""
}

// visible composes policies as the server does: permissive ones by OR, restrictive ones by AND.
func (c *change) visible(m *tenancy.Model, role string, bound bool, policies []*catalog.Policy, shape *plan.PolicyShape) (sql, unknown string) {
	if !bound {
		return "true", ""
	}
	var or, and []string
	if shape != nil && shape.UsingSQL(c.rel.Name) != "" {
		or = append(or, c.shapeSQL(shape))
	}
	for _, p := range policies {
		if p.Command != "ALL" && p.Command != "SELECT" || !applies(m, p, role) || p.Using == nil {
			continue
		}
		if why := foreignCode(m, c.rel, p); why != "" {
			return "", why
		}
		if p.Permissive {
			or = append(or, p.Using.Text)
		} else {
			and = append(and, p.Using.Text)
		}
	}
	if len(or) == 0 {
		return "false", ""
	}
	return strings.Join(append([]string{"((" + strings.Join(or, ") OR (") + "))"}, parenthesized(and)...), " AND "), ""
}

// shapeSQL is the condition of the policy that is made. Where its key is a column that the plan has yet to add, the parent that it
// will be filled from says.
func (c *change) shapeSQL(shape *plan.PolicyShape) string {
	if k := shape.Rows.Key; k != nil && c.rel.ColumnByName(k.Column) == nil {
		return contextSQL(*k) + " OPERATOR(pg_catalog.=) ANY (" + c.keysSQL() + ")"
	}
	return shape.UsingSQL(c.rel.Name)
}

// unsigned is a policy that reads from the setting what the verifier of signed contexts gives: the counter says itself whose session it
// is, and holds no key; the verifier may not be there yet.
func unsigned(shape *plan.PolicyShape) *plan.PolicyShape {
	if shape == nil {
		return nil
	}
	out := *shape
	out.Rows = unsignedRows(out.Rows)
	return &out
}

func unsignedRows(p plan.Predicate) plan.Predicate {
	if p.Key != nil {
		k := *p.Key
		k.Signed = false
		p.Key = &k
	}
	if p.Parent != nil {
		t := *p.Parent
		t.Rows = unsignedRows(t.Rows)
		p.Parent = &t
	}
	return p
}

// contextSQL reads the context as text, as the policy reads it.
func contextSQL(k plan.KeyTest) string {
	k.Type, k.ColumnCast, k.Column = "", "", "x"
	_, right, _ := strings.Cut(plan.PolicyShape{Command: "ALL", Rows: plan.Predicate{Key: &k}}.UsingSQL(""), " = ")
	return right
}

func parenthesized(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = "(" + s + ")"
	}
	return out
}

func pointers(policies []catalog.Policy) []*catalog.Policy {
	out := make([]*catalog.Policy, len(policies))
	for i := range policies {
		out[i] = &policies[i]
	}
	return out
}

func applies(m *tenancy.Model, p *catalog.Policy, role string) bool {
	return len(p.Roles) == 0 || slices.ContainsFunc(p.Roles, func(r string) bool { return m.Rights.HasPrivsOf(role, r) })
}

// foreignCode says why a policy's condition must not, or cannot truly, be evaluated by somebody else than the role it is for: code of
// the schema's own would run with the rights of whoever counts, and what looks at the role or into other tables answers for the
// role that asks. "": it can.
func foreignCode(m *tenancy.Model, rel *catalog.Relation, p *catalog.Policy) string {
	e, err := m.Reader.Expression(p.Using, rel)
	if err != nil || e == nil {
		return fmt.Sprintf("the policy %s cannot be read", catalog.QuoteIdent(p.Name))
	}
	why := ""
	expr.WalkDeep(e, func(x expr.Expr, _ int) bool {
		switch x := x.(type) {
		case *expr.Call:
			if x.Func == nil || !x.Func.System {
				why = "calls a function that answers for the role that asks"
			}
		case *expr.Operation:
			if x.Op == nil || x.Op.Schema != "pg_catalog" {
				why = "uses an operator that is not PostgreSQL's own"
			}
		case *expr.SessionValue:
			why = "looks at who asks"
		case *expr.SubLink:
			expr.Queries(x.Query, func(q *expr.Query) {
				if slices.ContainsFunc(q.Range, func(r expr.RangeEntry) bool { return r.Kind == "relation" }) {
					why = "looks into another table as the role that asks"
				}
			})
		}
		return why == ""
	})
	if why == "" {
		return ""
	}
	return fmt.Sprintf("the policy %s %s", catalog.QuoteIdent(p.Name), why)
}

// keysSQL is an expression over the table's columns: the texts of the tenant keys that its row belongs to, NULLs among them. A row
// has one by its own key, and as many as its parents by its parent.
func (c *change) keysSQL() string {
	if c.shape != nil {
		switch rows := c.shape.Rows; {
		case rows.Key != nil && c.rel.ColumnByName(rows.Key.Column) != nil:
			return "ARRAY[" + pg.Ident(c.rel.Name, rows.Key.Column) + "::pg_catalog.text]"
		case rows.Parent != nil:
			return parentKeys(c.rel.Name, rows.Parent, 0)
		}
	}
	return tableKeys(c.table, c.rel.Name, 0)
}

// parentKeys follows the way that the policy takes.
func parentKeys(outer string, t *plan.ParentTest, level int) string {
	alias := fmt.Sprintf("ringfence_up%d", level)
	var on []string
	for _, p := range t.On {
		on = append(on, cast(pg.Ident(alias, p.Ref), p.RefCast)+" = "+cast(pg.Ident(outer, p.Column), p.ColumnCast))
	}
	inner, from := "", fmt.Sprintf("%s AS %s", pg.Ident(t.Table.Schema, t.Table.Name), alias)
	switch {
	case t.Rows.Key != nil:
		inner = pg.Ident(alias, t.Rows.Key.Column) + "::pg_catalog.text"
	case t.Rows.Parent != nil:
		inner = fmt.Sprintf("pg_catalog.unnest(%s)", parentKeys(alias, t.Rows.Parent, level+1))
	default:
		return "NULL::pg_catalog.text[]"
	}
	return fmt.Sprintf("ARRAY(SELECT %s FROM %s WHERE %s)", inner, from, strings.Join(on, " AND "))
}

// tableKeys is keysSQL by the model, where no policy is made.
func tableKeys(t *tenancy.Table, outer string, level int) string {
	switch {
	case t == nil || level > 8:
	case len(t.Key) == 1 && t.Relation.ColumnByName(t.Key[0]) != nil:
		return "ARRAY[" + pg.Ident(outer, t.Key[0]) + "::pg_catalog.text]"
	case t.Parent != nil:
		alias, up := fmt.Sprintf("ringfence_up%d", level), t.Parent.Table.Relation
		var on []string
		for i, column := range t.Parent.Columns {
			on = append(on, pg.Ident(alias, t.Parent.Refs[i])+"::pg_catalog.text = "+pg.Ident(outer, column)+"::pg_catalog.text")
		}
		return fmt.Sprintf("ARRAY(SELECT pg_catalog.unnest(%s) FROM %s AS %s WHERE %s)", tableKeys(t.Parent.Table, alias, level+1),
			pg.Ident(up.Schema, up.Name), alias, strings.Join(on, " AND "))
	}
	return "NULL::pg_catalog.text[]"
}

func cast(operand, to string) string {
	if to == "" {
		return operand
	}
	return operand + "::" + to
}
