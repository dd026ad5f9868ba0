package drift

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// An item is one thing that can be added, removed or changed.
type item struct {
	kind, object  string
	role, command string
	relation      string // identity of the relation it is on
	hash          string // equal where nothing changed
	text          string // for people
	flags         map[string]bool
	value         any // what the kind's judgement looks at
}

func (x *item) key() string { return x.kind + "\x00" + x.object + "\x00" + x.role + "\x00" + x.command }

// An inventory holds the items of one snapshot.
type inventory struct {
	items map[string]*item
	m     *tenancy.Model
	parts map[string]string
}

func inventoryOf(m *tenancy.Model) *inventory {
	v := &inventory{items: map[string]*item{}, m: m, parts: m.Snapshot.PartFingerprints()}
	s := m.Snapshot
	for i := range s.Relations {
		if !s.Relations[i].System {
			v.relation(&s.Relations[i])
		}
	}
	for i := range s.Functions {
		if f := &s.Functions[i]; !f.System {
			v.add(&item{kind: "function", object: f.Identity(), hash: v.parts["function "+f.Identity()], text: f.Definition, value: f})
			v.owned("function "+f.Identity(), f.Owner, f.Grants, "")
		}
	}
	for i := range s.Schemas {
		if n := &s.Schemas[i]; n.Name != "pg_catalog" && n.Name != "information_schema" {
			v.owned("schema "+n.Identity(), n.Owner, n.Grants, "")
		}
	}
	v.roles()
	v.cluster()
	v.model()
	return v
}

func (v *inventory) add(x *item) { v.items[x.key()] = x }

// owned adds an owner, and the grants to others than it: its own rights are the owner's.
func (v *inventory) owned(object, owner string, grants []catalog.Grant, relation string) {
	v.add(&item{kind: "owner", object: object, hash: owner, text: owner, relation: relation})
	v.grants(object, owner, grants, relation)
}

func (v *inventory) grants(object, owner string, grants []catalog.Grant, relation string) {
	for _, g := range grants {
		if g.Grantee == owner && owner != "" {
			continue
		}
		role, text := g.Grantee, g.Privilege
		if role == "" {
			role = "PUBLIC"
		}
		if g.Grantable {
			text += " with grant option"
		}
		x := &item{kind: "grant", object: object, role: role, command: g.Privilege, hash: text, text: text, relation: relation}
		if old := v.items[x.key()]; old != nil && len(old.text) > len(x.text) {
			continue // granted by two: the wider one counts
		}
		v.add(x)
	}
}

func (v *inventory) relation(r *catalog.Relation) {
	id := r.Identity()
	part := func(kind, object, text string, value any) {
		v.add(&item{kind: kind, object: object, relation: id, hash: v.parts[kind+" "+object], text: text, value: value})
	}
	part("relation", id, string(r.Kind), r)
	v.owned(id, r.Owner, r.Grants, id)
	if r.Kind == catalog.Table || r.Kind == catalog.Partitioned || r.Kind == catalog.Foreign {
		v.add(&item{kind: "row_security", object: id, relation: id, hash: fmt.Sprint(r.RowSecurity, r.ForceRLS), text: security(r), flags: map[string]bool{"enabled": r.RowSecurity, "forced": r.ForceRLS}})
	}
	for i := range r.Columns {
		c := &r.Columns[i]
		name := catalog.QuoteIdent(c.Name) + " of " + id
		part("column", name, c.Type, c)
		v.grants("column "+name, r.Owner, c.Grants, id)
	}
	for i := range r.Constraints {
		part("constraint", r.Constraints[i].Identity(r), r.Constraints[i].Definition, nil)
	}
	for i := range r.Indexes {
		part("index", r.Indexes[i].Identity(r), r.Indexes[i].Definition, nil)
	}
	for i := range r.Policies {
		part("policy", r.Policies[i].Identity(r), policyText(&r.Policies[i]), &r.Policies[i])
	}
	for i := range r.Triggers {
		part("trigger", r.Triggers[i].Identity(r), r.Triggers[i].Definition+" ("+r.Triggers[i].Enabled+")", &r.Triggers[i])
	}
	for i := range r.Rules {
		part("rule", r.Rules[i].Identity(r), r.Rules[i].Action.Text, &r.Rules[i])
	}
}

func security(r *catalog.Relation) string {
	switch {
	case r.RowSecurity && r.ForceRLS:
		return "enabled, forced"
	case r.RowSecurity:
		return "enabled"
	case r.ForceRLS:
		return "disabled, forced"
	}
	return "disabled"
}

func policyText(p *catalog.Policy) string {
	kind := "PERMISSIVE"
	if !p.Permissive {
		kind = "RESTRICTIVE"
	}
	roles := "PUBLIC"
	if len(p.Roles) > 0 {
		roles = strings.Join(p.Roles, ", ")
	}
	out := fmt.Sprintf("%s FOR %s TO %s", kind, p.Command, roles)
	if p.Using != nil {
		out += " USING (" + p.Using.Text + ")"
	}
	if p.Check != nil {
		out += " WITH CHECK (" + p.Check.Text + ")"
	}
	return out
}

// roles adds the roles that this database can meet, by what the fingerprint takes for that, and their memberships.
func (v *inventory) roles() {
	s := v.m.Snapshot
	prints := s.Fingerprints()
	met := func(name string) bool { _, ok := prints["role "+catalog.QuoteIdent(name)]; return ok }
	for i := range s.Roles {
		r := &s.Roles[i]
		if !met(r.Name) {
			continue
		}
		flags := map[string]bool{"SUPERUSER": r.Superuser, "BYPASSRLS": r.BypassRLS, "INHERIT": r.Inherit, "CREATEROLE": r.CreateRole, "CREATEDB": r.CreateDB, "LOGIN": r.Login, "REPLICATION": r.Replication}
		v.add(&item{kind: "role", object: r.Identity(), role: r.Name, hash: flagText(flags), text: flagText(flags), flags: flags})
	}
	for _, g := range s.Memberships {
		if !met(g.Role) && !met(g.Member) {
			continue
		}
		flags := map[string]bool{"ADMIN": g.Admin, "INHERIT": g.Inherit, "SET": g.Set}
		x := &item{kind: "membership", object: catalog.QuoteIdent(g.Role), role: g.Member, flags: flags}
		if old := v.items[x.key()]; old != nil { // given by two grantors: what either gives counts
			for name, on := range old.flags {
				flags[name] = flags[name] || on
			}
		}
		x.hash, x.text = flagText(flags), flagText(flags)
		v.add(x)
	}
	for name, print := range prints {
		kind, rest, _ := strings.Cut(name, " ")
		if slices.Contains(otherKinds, kind) {
			v.add(&item{kind: kind, object: name, hash: print, text: rest})
		}
	}
}

// otherKinds are first words of the fingerprint's keys of what is compared as a whole.
var otherKinds = []string{"type", "operator", "cast", "collation", "language", "extension", "server", "user", "subscription", "event", "parameter", "large"}

func flagText(flags map[string]bool) string {
	var out []string
	for name, on := range flags {
		if on {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
