package catalog

import "strings"

// metRoles are the roles that this database can meet: those that it names, those that no policy binds, and all that are
// tied to one of these by membership, in either direction. PostgreSQL's own are not among them unless so tied.
func (s *Snapshot) metRoles() map[string]bool {
	met := map[string]bool{s.Server.DatabaseOwner: true}
	grants := func(list []Grant) {
		for _, g := range list {
			met[g.Grantee], met[g.Grantor] = true, true
		}
	}
	for i := range s.Relations {
		s.Relations[i].namedRoles(met, grants)
	}
	for i := range s.Functions {
		if f := &s.Functions[i]; !f.System {
			met[f.Owner] = true
			grants(f.Grants)
		}
	}
	for _, n := range s.Schemas {
		met[n.Owner] = true
		grants(n.Grants)
	}
	for _, d := range s.Databases {
		if d.Name == s.Server.Database {
			grants(d.Grants)
		}
	}
	for _, d := range s.DefaultPrivileges {
		met[d.Owner] = true
		grants(d.Grants)
	}
	for _, r := range s.Roles {
		if r.Superuser || r.BypassRLS {
			met[r.Name] = true
		}
	}
	for _, m := range s.Memberships {
		if role := s.Role(m.Role); role != nil && role.Predefined && !strings.HasPrefix(m.Member, "pg_") {
			met[m.Member] = true // pg_read_all_data and the like reach every database
		}
	}
	delete(met, "")
	s.spreadByMembership(met)
	return met
}

func (r *Relation) namedRoles(met map[string]bool, grants func([]Grant)) {
	if r.System || r.Schema == ownSchema {
		return
	}
	met[r.Owner] = true
	grants(r.Grants)
	for _, c := range r.Columns {
		grants(c.Grants)
	}
	for _, p := range r.Policies {
		for _, role := range p.Roles {
			met[role] = true
		}
	}
}

// spreadByMembership adds, until nothing new comes, who is a member of a met role, and what a met role is a member of. A
// predefined role does not tie its members together.
func (s *Snapshot) spreadByMembership(met map[string]bool) {
	predefined := map[string]bool{}
	for _, r := range s.Roles {
		predefined[r.Name] = r.Predefined
	}
	for grown := true; grown; {
		grown = false
		for _, m := range s.Memberships {
			down := met[m.Role] && !predefined[m.Role] && !met[m.Member]
			up := met[m.Member] && !met[m.Role]
			if down || up {
				met[m.Role], met[m.Member], grown = true, true, true
			}
		}
	}
}
