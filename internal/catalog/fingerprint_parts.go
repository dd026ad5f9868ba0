package catalog

// PartFingerprints gives the hash of every policy, trigger, rule, column, constraint and index under its kind and identity
// ("policy p on public.t"), of what is the relation's own under "relation public.t", and of every function, without its owner
// and grants, under "function …". What Fingerprint leaves out is left out here; the ringfence schema is not, since signed contexts rest on it.
func (s *Snapshot) PartFingerprints() map[string]string {
	p := newPrinter(s)
	out := make(map[string]string, 16*len(s.Relations)+len(s.Functions))
	for i := range s.Relations {
		if r := &s.Relations[i]; !r.System {
			p.parts(r, out)
		}
	}
	for i := range s.Functions {
		if f := s.Functions[i]; !f.System {
			f.Owner, f.Grants = "", nil
			out["function "+f.Identity()] = p.function(&f)
		}
	}
	return out
}

func (p *printer) parts(r *Relation, out map[string]string) {
	c, operators := p.normal(r)
	for i := range c.Columns {
		col := c.Columns[i]
		col.Grants = nil
		out["column "+QuoteIdent(col.Name)+" of "+r.Identity()] = hash(col)
	}
	for i := range c.Constraints {
		out["constraint "+c.Constraints[i].Identity(r)] = hash(c.Constraints[i], operators[i])
	}
	for i := range c.Indexes {
		out["index "+c.Indexes[i].Identity(r)] = hash(c.Indexes[i])
	}
	for i := range c.Policies {
		out["policy "+c.Policies[i].Identity(r)] = hash(c.Policies[i])
	}
	for i := range c.Triggers {
		out["trigger "+c.Triggers[i].Identity(r)] = hash(c.Triggers[i])
	}
	for i := range c.Rules {
		out["rule "+c.Rules[i].Identity(r)] = hash(c.Rules[i])
	}
	c.Owner, c.RowSecurity, c.ForceRLS, c.Grants = "", false, false, nil
	c.Columns, c.Constraints, c.Indexes, c.Policies, c.Triggers, c.Rules = nil, nil, nil, nil, nil, nil
	out["relation "+r.Identity()] = hash(c)
}
