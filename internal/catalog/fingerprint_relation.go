package catalog

import "slices"

// relation hashes a relation and all that hangs on it. It works on a copy that lost what does not bear on isolation, so that
// a field added to Relation enters the hash unless it is taken out here.
func (p *printer) relation(r *Relation) string {
	c, operators := p.normal(r)
	return hash(c, operators)
}

// normal returns that copy, and the names of the operators of its constraints.
func (p *printer) normal(r *Relation) (*Relation, [][]string) {
	c := *r
	c.OID, c.Pages, c.Tuples, c.Bytes, c.Comment = 0, 0, 0, 0, ""
	c.Columns = slices.Clone(r.Columns)
	for i := range c.Columns {
		col := &c.Columns[i]
		col.Num, col.TypeOID = 0, 0
		col.Inherited = col.Inherited && r.Partition == nil // pg_dump makes a partition's columns its own, then attaches it
		col.Default = p.tree(col.Default, r)
	}
	operators := [][]string{}
	c.Constraints = slices.Clone(r.Constraints)
	for i := range c.Constraints {
		k := &c.Constraints[i]
		operators = append(operators, p.operators(k.Operators))
		k.OID, k.Operators = 0, nil
		k.Inherited = k.Inherited && r.Partition == nil
		k.NoInherit = k.NoInherit && (k.Kind == "check" || k.Kind == "not_null") // PostgreSQL sets it for keys by how they came about
		k.Check = p.tree(k.Check, r)
		if k.Kind != "foreign" {
			k.Definition = "" // it prints again what stands in the other fields
		}
	}
	c.Indexes = slices.Clone(r.Indexes)
	for i := range c.Indexes {
		p.index(&c.Indexes[i], r)
	}
	c.Policies = slices.Clone(r.Policies)
	for i := range c.Policies {
		pol := &c.Policies[i]
		pol.OID, pol.ColumnDeps, pol.Comment = 0, nil, ""
		pol.Using, pol.Check = p.tree(pol.Using, r), p.tree(pol.Check, r)
	}
	c.Triggers = slices.Clone(r.Triggers)
	for i := range c.Triggers {
		t := &c.Triggers[i]
		t.OID, t.Definition, t.When = 0, "", p.tree(t.When, r)
	}
	c.Rules = slices.Clone(r.Rules)
	for i := range c.Rules {
		rule := &c.Rules[i]
		rule.OID = 0
		rule.Qual, rule.Action = p.tree(rule.Qual, r), *p.tree(&rule.Action, r)
	}
	return &c, operators
}

func (p *printer) index(x *Index, on *Relation) {
	x.OID, x.Bytes, x.Scans, x.Definition = 0, 0, 0, ""
	x.Predicate = p.tree(x.Predicate, on)
	x.Keys = slices.Clone(x.Keys)
	for i := range x.Keys {
		x.Keys[i].Expression = p.tree(x.Keys[i].Expression, on)
	}
}

func (p *printer) operators(oids []uint32) []string {
	out := []string{}
	for _, oid := range oids {
		p.trees.out.Reset()
		p.trees.writeOID(classOperator, uitoa(oid))
		out = append(out, p.trees.out.String())
	}
	return out
}
