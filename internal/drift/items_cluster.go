package drift

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// cluster adds the database's own rights, default privileges, settings and publications.
func (v *inventory) cluster() {
	s := v.m.Snapshot
	prints := s.Fingerprints()
	for i := range s.Databases {
		if d := &s.Databases[i]; d.Name == s.Server.Database {
			v.owned("database", d.Owner, d.Grants, "")
		}
	}
	for _, d := range s.DefaultPrivileges {
		object := "default privileges of " + catalog.QuoteIdent(d.Owner) + " on each " + d.Object
		if d.Schema != "" {
			object += " in " + catalog.QuoteIdent(d.Schema)
		}
		v.grants(object, d.Owner, d.Grants, "")
	}
	for _, e := range s.Settings {
		here := e.Database == s.Server.Database
		if !here && e.Database != "" {
			continue
		}
		object := e.Name
		if here {
			object += " in the database"
		}
		v.add(&item{kind: "setting", object: object, role: e.Role, hash: e.Value, text: e.Value, value: e.Name})
	}
	for i := range s.Publications {
		p := &s.Publications[i]
		v.add(&item{kind: "publication", object: catalog.QuoteIdent(p.Name), hash: prints["publication "+catalog.QuoteIdent(p.Name)], text: publicationText(p)})
	}
}

func publicationText(p *catalog.Publication) string {
	if p.AllTables {
		return "all tables"
	}
	var out []string
	for _, n := range p.Schemas {
		out = append(out, "schema "+n)
	}
	for _, t := range p.Tables {
		name := t.Table
		if t.Filter != nil {
			name += " WHERE " + t.Filter.Text
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

// model adds how the schema was read: where that changes, cells come and go without anybody having gained or lost.
func (v *inventory) model() {
	for _, t := range v.m.Tables {
		v.add(&item{kind: "class", object: t.Relation.Identity(), relation: t.Relation.Identity(), hash: string(t.Class), text: string(t.Class)})
	}
	for _, name := range v.m.Applications() {
		v.add(&item{kind: "application", object: catalog.QuoteIdent(name), role: name, hash: "yes", text: "yes"})
	}
	for _, c := range v.m.Contexts {
		v.add(&item{kind: "context", object: c.Kind + " " + c.Name + " " + strings.Join(c.Path, "."), hash: "yes", text: c.Name})
	}
	for _, what := range v.m.Snapshot.Server.Unreadable {
		v.add(&item{kind: "unreadable", object: what, hash: "yes", text: "the session may not read it"})
	}
}
