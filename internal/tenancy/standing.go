package tenancy

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/rights"
)

// A standing is what is known of one role in this database.
type standing struct {
	role   *catalog.Role
	named  int  // tenant tables (or all, where none is) on which a grant names it or a role it inherits
	other  bool // a schema, function, sequence or policy names it
	owns   int  // tables it owns itself
	member int  // roles that it may become and that have grants of their own
	direct bool // a grant names it itself
}

// standings looks every role up in this database.
func (in *inference) standings() []*standing {
	var out []*standing
	objects := in.namedElsewhere()
	granted := in.grantedTables()
	for i := range in.snap.Roles {
		r := &in.snap.Roles[i]
		if r.Predefined {
			continue
		}
		s := &standing{role: r, direct: granted[r.Name] > 0 || objects[r.Name], other: objects[r.Name]}
		for name := range in.rights.Inherited(r.Name) {
			s.named += granted[name]
			s.other = s.other || objects[name]
		}
		for _, t := range in.model.Tables {
			if t.Relation.Owner == r.Name {
				s.owns++
			}
		}
		if s.named == 0 && s.owns == 0 {
			for _, id := range in.rights.Identities(r.Name)[1:] {
				if id.How == rights.SetRole && in.rights.CanSet(r.Name, id.Role) && (granted[id.Role] > 0 || objects[id.Role]) {
					s.member++
				}
			}
			s.other = s.other || s.member > 0
		}
		out = append(out, s)
	}
	return out
}

// grantedTables counts, by grantee, the tables on which a grant names a role that does not own them.
func (in *inference) grantedTables() map[string]int {
	out := make(map[string]int)
	for i := range in.snap.Relations {
		r := &in.snap.Relations[i]
		if r.System || r.Extension != "" || r.Schema == ownSchema {
			continue
		}
		seen := make(map[string]bool)
		count := func(grants []catalog.Grant) {
			for _, g := range grants {
				if g.Grantee != "" && g.Grantee != r.Owner && !seen[g.Grantee] {
					seen[g.Grantee] = true
					out[g.Grantee]++
				}
			}
		}
		count(r.Grants)
		for k := range r.Columns {
			count(r.Columns[k].Grants)
		}
	}
	return out
}

// namedElsewhere collects the roles that schemas, functions and policies of the product name.
func (in *inference) namedElsewhere() map[string]bool {
	out := make(map[string]bool)
	take := func(owner string, grants []catalog.Grant) {
		for _, g := range grants {
			if g.Grantee != "" && g.Grantee != owner {
				out[g.Grantee] = true
			}
		}
	}
	for i := range in.snap.Schemas {
		if s := &in.snap.Schemas[i]; s.Extension == "" && s.Name != ownSchema && s.Name != "pg_catalog" && s.Name != "information_schema" {
			take(s.Owner, s.Grants)
		}
	}
	for i := range in.snap.Functions {
		if f := &in.snap.Functions[i]; !f.System && f.Extension == "" && f.Schema != ownSchema {
			take(f.Owner, f.Grants)
		}
	}
	for _, t := range in.model.Tables {
		for i := range t.Relation.Policies {
			for _, r := range t.Relation.Policies[i].Roles {
				out[r] = true
			}
		}
	}
	delete(out, databaseOwnerRole)
	return out
}
