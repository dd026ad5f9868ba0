package catalog

import (
	"slices"
	"strconv"
)

func uitoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

func (p *printer) function(f *Function) string {
	c := *f
	var types []string
	for _, oid := range f.AllArgumentOIDs {
		if t := p.snap.TypeByOID(oid); t != nil {
			types = append(types, t.Identity())
		}
	}
	c.OID, c.ArgumentOIDs, c.AllArgumentOIDs, c.ResultOID, c.Definition, c.Cost = 0, nil, nil, 0, "", 0
	c.Body, c.Defaults = p.tree(f.Body, nil), p.tree(f.Defaults, nil)
	return hash(&c, types)
}

func (p *printer) typ(t *Type) string {
	c := *t
	var parts []string
	for _, oid := range []uint32{t.Element, t.Base, t.Subtype} {
		if part := p.snap.TypeByOID(oid); part != nil {
			parts = append(parts, part.Identity())
		}
	}
	c.OID, c.Element, c.Base, c.Subtype, c.LabelOIDs = 0, 0, 0, 0, nil
	c.Checks = slices.Clone(t.Checks)
	for i := range c.Checks {
		c.Checks[i] = *p.tree(&c.Checks[i], nil)
	}
	return hash(&c, parts)
}

func (p *printer) operator(o *Operator) string {
	c := *o
	partners := p.operators([]uint32{o.Commutator, o.Negator})
	c.OID, c.Commutator, c.Negator = 0, 0, 0
	return hash(&c, partners)
}

// role hashes a role with the memberships it has and gives.
func (p *printer) role(r *Role) string {
	c := *r
	c.OID = 0
	var members []Membership
	for _, m := range p.snap.Memberships {
		if m.Role == r.Name || m.Member == r.Name {
			members = append(members, m)
		}
	}
	return hash(&c, members)
}

// objects hashes what is neither relation, function, type, operator nor role. The database's own name does not enter, so
// that a plan made on one database fits its copy.
func (p *printer) objects(out map[string]string) {
	s := p.snap
	for i := range s.Schemas {
		if n := s.Schemas[i]; n.Name != ownSchema && !systemSchema(n.Name) {
			n.OID = 0
			out["schema "+n.Identity()] = hash(&n)
		}
	}
	for _, d := range s.Databases {
		if d.Name == s.Server.Database {
			out["database"] = hash(d.Owner, d.Grants)
		}
	}
	for _, c := range s.Casts {
		out["cast "+c.Source+" as "+c.Target] = hash(c)
	}
	for _, c := range s.Collations {
		if c.OID >= firstUserOID {
			c.OID = 0
			out["collation "+c.Name] = hash(c)
		}
	}
	for _, l := range s.Languages {
		out["language "+QuoteIdent(l.Name)] = hash(l)
	}
	for _, e := range s.Extensions {
		out["extension "+QuoteIdent(e.Name)] = hash(e)
	}
	for _, d := range s.DefaultPrivileges {
		if d.Schema != ownSchema {
			out["default privilege "+QuoteIdent(d.Owner)+" "+QuoteIdent(d.Schema)+" "+d.Object] = hash(d)
		}
	}
	for _, e := range s.Settings {
		here := e.Database == s.Server.Database
		if here || e.Database == "" {
			e.Database = ""
			out["setting "+QuoteIdent(e.Role)+" "+strconv.FormatBool(here)+" "+e.Name] = hash(e)
		}
	}
	p.connections(out)
}

// connections hashes the ways out of and into the database.
func (p *printer) connections(out map[string]string) {
	s := p.snap
	for _, pub := range s.Publications {
		pub.Tables = slices.Clone(pub.Tables)
		for i := range pub.Tables {
			t := &pub.Tables[i]
			t.Filter = p.tree(t.Filter, s.Relation(t.Table))
		}
		out["publication "+QuoteIdent(pub.Name)] = hash(pub)
	}
	for _, sub := range s.Subscriptions {
		out["subscription "+QuoteIdent(sub.Name)] = hash(sub)
	}
	for _, f := range s.ForeignServers {
		out["server "+QuoteIdent(f.Name)] = hash(f)
	}
	for _, m := range s.UserMappings {
		out["user mapping "+QuoteIdent(m.Server)+" "+QuoteIdent(m.Role)] = hash(m.Server, m.Role)
	}
	for _, t := range s.EventTriggers {
		out["event trigger "+QuoteIdent(t.Name)] = hash(t)
	}
	for i, l := range s.LargeObjects {
		out["large objects "+strconv.Itoa(i)] = hash(l.Owner, l.Grants)
	}
}
