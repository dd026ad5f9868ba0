package catalog

import "strings"

// Identity returns the relation's name as pg_identify_object gives it: schema.name, quoted only where needed.
func (r *Relation) Identity() string { return QuoteIdent(r.Schema) + "." + QuoteIdent(r.Name) }

// Identity returns the function's name as pg_identify_object gives it: schema.name(type,type), types qualified but for
// those that SQL itself names (integer, character varying, …): public.f(pg_catalog.uuid,integer).
func (f *Function) Identity() string {
	return QuoteIdent(f.Schema) + "." + QuoteIdent(f.Name) + "(" + qualifyTypes(f.Arguments) + ")"
}

// Signature returns the function's short name: like Identity, with the types of pg_catalog left unqualified, as
// PostgreSQL's own messages have it: public.f(uuid,integer). Snapshot.Function finds a function by either.
func (f *Function) Signature() string {
	return QuoteIdent(f.Schema) + "." + QuoteIdent(f.Name) + "(" + strings.Join(f.Arguments, ",") + ")"
}

// Identity returns the operator's name as pg_identify_object gives it: schema.=(left,right), NONE for a missing side.
func (o *Operator) Identity() string {
	left, right := "NONE", "NONE"
	if o.Left != "" {
		left = qualifyType(o.Left)
	}
	if o.Right != "" {
		right = qualifyType(o.Right)
	}
	return QuoteIdent(o.Schema) + "." + o.Name + "(" + left + "," + right + ")"
}

// Identity returns the type's name as pg_identify_object gives it: pg_catalog.uuid, integer, public.t[].
func (t *Type) Identity() string { return qualifyType(t.Format) }

// Identity returns the role's name as pg_identify_object gives it.
func (r *Role) Identity() string { return QuoteIdent(r.Name) }

// Identity returns the schema's name as pg_identify_object gives it.
func (n *Namespace) Identity() string { return QuoteIdent(n.Name) }

// Identity returns the policy's name as pg_identify_object gives it: "p on public.orders".
func (p *Policy) Identity(on *Relation) string { return QuoteIdent(p.Name) + " on " + on.Identity() }

// Identity returns the trigger's name as pg_identify_object gives it: "t on public.orders".
func (t *Trigger) Identity(on *Relation) string { return QuoteIdent(t.Name) + " on " + on.Identity() }

// Identity returns the rule's name as pg_identify_object gives it: "r on public.orders". The server quotes "_RETURN" of a view.
func (r *Rule) Identity(on *Relation) string { return QuoteIdent(r.Name) + " on " + on.Identity() }

// Identity returns the constraint's name as pg_identify_object gives it: "c on public.orders".
func (c *Constraint) Identity(on *Relation) string {
	return QuoteIdent(c.Name) + " on " + on.Identity()
}

// ColumnIdentity returns a column's name as pg_identify_object gives it: public.orders.id.
func (r *Relation) ColumnIdentity(column string) string {
	return r.Identity() + "." + QuoteIdent(column)
}

// Identity returns the index's name as pg_identify_object gives it; an index stands in its table's schema.
func (x *Index) Identity(on *Relation) string {
	return QuoteIdent(on.Schema) + "." + QuoteIdent(x.Name)
}
