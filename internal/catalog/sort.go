package catalog

import (
	"cmp"
	"slices"
	"strings"
)

// sortBy sorts by a text key; keys are unique wherever it is used with identities.
func sortBy[T any](items []T, key func(*T) string) {
	slices.SortStableFunc(items, func(a, b T) int { return strings.Compare(key(&a), key(&b)) })
}

// list gives an empty list for a missing one, so that JSON has [] everywhere.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func sortGrants(grants []Grant) {
	slices.SortFunc(grants, func(a, b Grant) int {
		return cmp.Or(strings.Compare(a.Grantee, b.Grantee), strings.Compare(a.Privilege, b.Privilege), strings.Compare(a.Grantor, b.Grantor))
	})
}

// keyed joins the parts of a compound key; no name holds a zero byte.
func keyed(parts ...string) string { return strings.Join(parts, "\x00") }

// normalize brings a Snapshot to its one form: everything sorted, no list missing.
func (s *Snapshot) normalize() {
	s.normalizeLists()
	slices.Sort(s.Server.Unreadable)
	sortBy(s.Roles, func(r *Role) string { return r.Name })
	sortBy(s.Memberships, func(m *Membership) string { return keyed(m.Role, m.Member, m.Grantor) })
	sortBy(s.Databases, func(d *Database) string { return d.Name })
	sortBy(s.Schemas, func(n *Namespace) string { return n.Name })
	sortKeyed(s.Relations, (*Relation).Identity)
	sortKeyed(s.Functions, (*Function).Identity)
	sortKeyed(s.Operators, (*Operator).Identity)
	sortKeyed(s.Types, func(t *Type) string { return keyed(t.Identity(), t.Schema, t.Name) })
	sortBy(s.Casts, func(c *Cast) string { return keyed(c.Source, c.Target) })
	sortBy(s.Collations, func(c *Collation) string { return keyed(c.Name, c.Provider) })
	sortBy(s.Languages, func(l *Language) string { return l.Name })
	sortBy(s.Extensions, func(e *Extension) string { return e.Name })
	sortBy(s.DefaultPrivileges, func(d *DefaultPrivilege) string { return keyed(d.Owner, d.Schema, d.Object) })
	sortBy(s.Settings, func(e *Setting) string { return keyed(e.Database, e.Role, e.Name) })
	sortBy(s.Publications, func(p *Publication) string { return p.Name })
	sortBy(s.Subscriptions, func(p *Subscription) string { return p.Name })
	sortBy(s.ForeignServers, func(f *ForeignServer) string { return f.Name })
	sortBy(s.UserMappings, func(m *UserMapping) string { return keyed(m.Server, m.Role) })
	sortBy(s.EventTriggers, func(t *EventTrigger) string { return t.Name })
	sortBy(s.Parameters, func(p *ParameterGrant) string { return p.Name })
	slices.SortStableFunc(s.LargeObjects, func(a, b LargeObject) int {
		return cmp.Or(strings.Compare(a.Owner, b.Owner), slices.CompareFunc(a.Grants, b.Grants, compareGrant))
	})
	for i := range s.Relations {
		s.Relations[i].normalize()
	}
	for i := range s.Publications {
		slices.Sort(s.Publications[i].Schemas)
		sortBy(s.Publications[i].Tables, func(t *PublicationTable) string { return t.Table })
	}
}

func compareGrant(a, b Grant) int {
	return cmp.Or(strings.Compare(a.Grantee, b.Grantee), strings.Compare(a.Privilege, b.Privilege), strings.Compare(a.Grantor, b.Grantor))
}

// sortKeyed is sortBy for keys that are worth computing once.
func sortKeyed[T any](items []T, key func(*T) string) {
	type entry struct {
		key  string
		item T
	}
	entries := make([]entry, len(items))
	for i := range items {
		entries[i] = entry{key(&items[i]), items[i]}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	for i := range entries {
		items[i] = entries[i].item
	}
}

func (r *Relation) normalize() {
	r.Columns, r.Constraints, r.Indexes = list(r.Columns), list(r.Constraints), list(r.Indexes)
	r.Policies, r.Triggers, r.Rules = list(r.Policies), list(r.Triggers), list(r.Rules)
	r.Grants, r.Parents = list(r.Grants), list(r.Parents)
	slices.SortFunc(r.Columns, func(a, b Column) int { return cmp.Compare(a.Num, b.Num) })
	sortBy(r.Constraints, func(c *Constraint) string { return c.Name })
	sortBy(r.Indexes, func(x *Index) string { return x.Name })
	sortBy(r.Policies, func(p *Policy) string { return p.Name })
	sortBy(r.Triggers, func(t *Trigger) string { return t.Name })
	sortBy(r.Rules, func(t *Rule) string { return t.Name })
	if k := r.PartitionBy; k != nil {
		k.Columns = list(k.Columns)
	}
	for i := range r.Constraints {
		r.Constraints[i].Columns = list(r.Constraints[i].Columns)
	}
	for i := range r.Indexes {
		r.Indexes[i].Keys = list(r.Indexes[i].Keys)
	}
	for i := range r.Policies {
		p := &r.Policies[i]
		p.Roles = list(p.Roles)
		slices.Sort(p.Roles)
		slices.Sort(p.ColumnDeps)
	}
	for i := range r.Triggers {
		r.Triggers[i].Events = list(r.Triggers[i].Events)
	}
}

func (s *Snapshot) normalizeLists() {
	s.Server.Unreadable = list(s.Server.Unreadable)
	s.Roles, s.Memberships, s.Databases, s.Schemas = list(s.Roles), list(s.Memberships), list(s.Databases), list(s.Schemas)
	s.Relations, s.Functions, s.Operators, s.Types = list(s.Relations), list(s.Functions), list(s.Operators), list(s.Types)
	s.Casts, s.Collations, s.Languages, s.Extensions = list(s.Casts), list(s.Collations), list(s.Languages), list(s.Extensions)
	s.DefaultPrivileges, s.Settings, s.Publications = list(s.DefaultPrivileges), list(s.Settings), list(s.Publications)
	s.Subscriptions, s.ForeignServers, s.UserMappings = list(s.Subscriptions), list(s.ForeignServers), list(s.UserMappings)
	s.EventTriggers, s.Parameters, s.LargeObjects = list(s.EventTriggers), list(s.Parameters), list(s.LargeObjects)
	if s.Server.Settings == nil {
		s.Server.Settings = map[string]string{}
	}
	for i := range s.Databases {
		s.Databases[i].Grants = list(s.Databases[i].Grants)
	}
	for i := range s.Schemas {
		s.Schemas[i].Grants = list(s.Schemas[i].Grants)
	}
	for i := range s.Languages {
		s.Languages[i].Grants = list(s.Languages[i].Grants)
	}
	for i := range s.ForeignServers {
		s.ForeignServers[i].Grants = list(s.ForeignServers[i].Grants)
	}
	for i := range s.Functions {
		f := &s.Functions[i]
		f.Arguments, f.ArgumentOIDs, f.Grants = list(f.Arguments), list(f.ArgumentOIDs), list(f.Grants)
	}
	for i := range s.DefaultPrivileges {
		s.DefaultPrivileges[i].Grants = list(s.DefaultPrivileges[i].Grants)
	}
	for i := range s.Publications {
		p := &s.Publications[i]
		p.Publish, p.Tables = list(p.Publish), list(p.Tables)
	}
	for i := range s.Subscriptions {
		s.Subscriptions[i].Publications = list(s.Subscriptions[i].Publications)
	}
	for i := range s.Parameters {
		s.Parameters[i].Grants = list(s.Parameters[i].Grants)
	}
	for i := range s.LargeObjects {
		s.LargeObjects[i].Grants = list(s.LargeObjects[i].Grants)
	}
}
