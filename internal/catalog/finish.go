package catalog

import (
	"slices"
)

// finish names what could not be named while reading, keeps what is asked for or mentioned, and sorts all.
func (b *builder) finish(m *mentions, opts Options) {
	b.finishObjects()
	b.finishFunctions(m)
	b.finishRelations(m, opts)
	b.finishOperators(m)
	b.finishTypes(m)
	b.snap.normalize()
	b.snap.Reindex()
}

func (b *builder) functionName(oid uint32) string {
	if f := b.functions[oid]; f != nil {
		return f.Identity()
	}
	return ""
}

func (b *builder) grantsOf(kind string, oid uint32) []Grant { return slices.Clone(b.acls[kind][oid]) }

func (b *builder) finishObjects() {
	s := b.snap
	byName := func(kind string, names map[uint32]string) map[string][]Grant {
		out := make(map[string][]Grant, len(names))
		for oid, name := range names {
			out[name] = b.grantsOf(kind, oid)
		}
		return out
	}
	databases, languages, servers := byName("database", b.databases), byName("language", b.languages), byName("server", b.servers)
	for i := range s.Databases {
		s.Databases[i].Grants = databases[s.Databases[i].Name]
	}
	for i := range s.Languages {
		s.Languages[i].Grants = languages[s.Languages[i].Name]
	}
	for i := range s.ForeignServers {
		s.ForeignServers[i].Grants = servers[s.ForeignServers[i].Name]
	}
	for i := range s.Schemas {
		n := &s.Schemas[i]
		n.Grants, n.Extension = b.grantsOf("schema", n.OID), b.extOf[objectID{"pg_namespace", n.OID}]
	}
	for _, p := range b.tables {
		s.Publications = append(s.Publications, p.Publication)
	}
	for _, t := range b.eventTriggers {
		t.Function = b.functionName(t.function)
		s.EventTriggers = append(s.EventTriggers, t.EventTrigger)
	}
	for _, c := range b.casts {
		c.Function = b.functionName(c.function)
		s.Casts = append(s.Casts, c.Cast)
	}
}

func (b *builder) finishFunctions(m *mentions) {
	for oid, f := range b.functions {
		f.Grants, f.Extension = b.grantsOf("function", oid), b.extOf[objectID{"pg_proc", oid}]
		for _, t := range f.ArgumentOIDs {
			m.types[t] = true
		}
		for _, t := range f.AllArgumentOIDs {
			m.types[t] = true
		}
		m.types[f.ResultOID] = true
		for _, s := range f.support {
			if own := b.functions[s]; own != nil && !own.System && !slices.Contains(f.Support, own.Identity()) {
				f.Support = append(f.Support, own.Identity())
			}
		}
		b.snap.Functions = append(b.snap.Functions, f.Function)
	}
}

func (b *builder) finishRelations(m *mentions, opts Options) {
	keep := b.keptRelations(opts.Schemas)
	for _, n := range b.order {
		if !keep(n) {
			continue
		}
		for _, p := range n.policies {
			n.Policies = append(n.Policies, *p)
		}
		for _, t := range n.triggers {
			t.Function = b.functionName(t.function)
			n.Triggers = append(n.Triggers, t.Trigger)
		}
		n.Grants, n.Extension = b.grantsOf("relation", n.OID), b.extOf[objectID{"pg_class", n.OID}]
		for _, c := range n.Columns {
			m.types[c.TypeOID] = true
		}
		b.snap.Relations = append(b.snap.Relations, n.Relation)
	}
}

// keptRelations says which relations stay: all without a filter, else those of the schemas and what they refer to.
func (b *builder) keptRelations(schemas []string) func(*relationRow) bool {
	if len(schemas) == 0 {
		return func(*relationRow) bool { return true }
	}
	byName := make(map[string]*relationRow, len(b.order))
	for _, n := range b.order {
		byName[n.Identity()] = n
	}
	kept := map[*relationRow]bool{}
	var keep func(*relationRow)
	keep = func(n *relationRow) {
		if n == nil || kept[n] {
			return
		}
		kept[n] = true
		refer := func(t *Tree) {
			if t != nil {
				scanTree(t.Node, func(class treeClass, oid uint32) {
					if class == classRelation {
						keep(b.relations[oid])
					}
				})
			}
		}
		n.eachTree(refer)
		for _, p := range n.policies {
			refer(p.Using)
			refer(p.Check)
		}
		for _, k := range n.Constraints {
			keep(byName[k.RefTable])
		}
		for _, p := range n.Parents {
			keep(byName[p])
		}
	}
	for _, n := range b.order {
		if slices.Contains(schemas, n.Schema) {
			keep(n)
		}
	}
	return func(n *relationRow) bool { return kept[n] }
}

func (b *builder) finishOperators(m *mentions) {
	for oid := range m.operators {
		o := b.operators[oid]
		if o == nil {
			continue
		}
		o.Function, o.Extension = b.functionName(o.function), b.extOf[objectID{"pg_operator", oid}]
		m.types[o.left], m.types[o.right] = true, true
		b.snap.Operators = append(b.snap.Operators, o.Operator)
	}
}

// finishTypes keeps user-defined types and those mentioned, with all that they are made of.
func (b *builder) finishTypes(m *mentions) {
	kept := map[uint32]bool{}
	var keep func(uint32)
	keep = func(oid uint32) {
		t := b.types[oid]
		if t == nil || kept[oid] {
			return
		}
		kept[oid] = true
		m.collations[t.collation] = true
		for _, part := range []uint32{t.Element, t.Base, t.Subtype} {
			keep(part)
		}
	}
	for oid, t := range b.types {
		if !t.System {
			keep(oid)
		}
	}
	for oid := range m.types {
		keep(oid)
	}
	for oid := range kept {
		t := b.types[oid]
		t.Extension = b.extOf[objectID{"pg_type", oid}]
		if n := b.relations[t.relation]; n != nil {
			t.Relation = n.Identity()
		}
		b.snap.Types = append(b.snap.Types, t.Type)
	}
	b.finishCollations(m)
}

// finishCollations keeps user-defined collations and those that columns, index keys, types and trees name.
func (b *builder) finishCollations(m *mentions) {
	names := map[string]bool{}
	for i := range b.snap.Relations {
		for _, c := range b.snap.Relations[i].Columns {
			names[c.Collation] = true
		}
		for _, x := range b.snap.Relations[i].Indexes {
			for _, k := range x.Keys {
				names[k.Collation] = true
			}
		}
	}
	for oid, c := range b.collations {
		if m.collations[oid] || names[c.Name] || oid >= firstUserOID {
			b.snap.Collations = append(b.snap.Collations, *c)
		}
	}
}
