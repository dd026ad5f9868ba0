package catalog

import (
	"strings"
)

// mentions are what stored trees and string bodies name.
type mentions struct {
	relations, functions, operators, types, collations map[uint32]bool

	names   map[string]bool // words of string bodies: functions and types of pg_catalog may be among them
	symbols map[string]bool // operators' names in string bodies
}

func newMentions() *mentions {
	set := func() map[uint32]bool { return map[uint32]bool{} }
	return &mentions{relations: set(), functions: set(), operators: set(), types: set(), collations: set(),
		names: map[string]bool{}, symbols: map[string]bool{}}
}

func (m *mentions) add(class treeClass, oid uint32) {
	if oid == 0 {
		return
	}
	switch class {
	case classRelation:
		m.relations[oid] = true
	case classFunction:
		m.functions[oid] = true
	case classOperator:
		m.operators[oid] = true
	case classType:
		m.types[oid] = true
	case classCollation:
		m.collations[oid] = true
	}
}

// collectMentions gathers everything that what was read so far refers to by OID or, in string bodies, by name.
func (b *builder) collectMentions() *mentions {
	m := newMentions()
	b.eachTree(func(t *Tree) { scanTree(t.Node, m.add) })
	for _, n := range b.order {
		for _, c := range n.Columns {
			m.types[c.TypeOID] = true
		}
		for _, k := range n.Constraints {
			for _, o := range k.Operators {
				m.operators[o] = true
			}
		}
		for _, t := range n.triggers {
			m.functions[t.function] = true
		}
	}
	for _, t := range b.eventTriggers {
		m.functions[t.function] = true
	}
	for _, c := range b.casts {
		m.functions[c.function], m.types[c.source], m.types[c.target] = true, true, true
	}
	bodies := false
	for _, f := range b.functions {
		if f.Source != "" && (f.Language == "sql" || f.Language == "plpgsql") {
			m.scanBody(f.Source)
			bodies = true
		}
	}
	if bodies {
		m.addBodyDefaults()
	}
	b.closeOperators(m)
	return m
}

// closeOperators adds operators that string bodies may mean, user-defined ones, the partners and the functions of all.
func (b *builder) closeOperators(m *mentions) {
	for oid, t := range b.types {
		if t.System && (m.names[t.Name] || m.names[strings.TrimPrefix(t.Name, "_")]) && t.Kind != "composite" {
			m.types[oid] = true
		}
	}
	known := func(oid uint32) bool {
		return oid == 0 || m.types[oid] || b.types[oid] != nil && b.types[oid].Kind == "pseudo"
	}
	for oid, o := range b.operators {
		if !o.System || m.symbols[o.Name] && known(o.left) && known(o.right) {
			m.operators[oid] = true
		}
	}
	named := make([]uint32, 0, len(m.operators))
	for oid := range m.operators {
		named = append(named, oid)
	}
	for _, oid := range named {
		if o := b.operators[oid]; o != nil {
			m.operators[o.Commutator], m.operators[o.Negator] = true, true
		}
	}
	delete(m.operators, 0)
	for oid := range m.operators {
		if o := b.operators[oid]; o != nil {
			m.functions[o.function] = true
		}
	}
}

// eachTree visits every stored tree read so far.
func (b *builder) eachTree(visit func(*Tree)) {
	opt := func(t *Tree) {
		if t != nil {
			visit(t)
		}
	}
	for _, n := range b.order {
		n.eachTree(opt)
		for _, p := range n.policies {
			opt(p.Using)
			opt(p.Check)
		}
		for _, t := range n.triggers {
			opt(t.When)
		}
	}
	for _, f := range b.functions {
		opt(f.Body)
		opt(f.Defaults)
	}
	for _, t := range b.types {
		for i := range t.Checks {
			visit(&t.Checks[i])
		}
	}
	for _, p := range b.tables {
		for _, t := range p.Tables {
			opt(t.Filter)
		}
	}
}

// eachTree visits the trees of columns, constraints, indexes, rules, policies and triggers of a relation; nil ones too.
func (r *Relation) eachTree(visit func(*Tree)) {
	for i := range r.Columns {
		visit(r.Columns[i].Default)
	}
	for i := range r.Constraints {
		visit(r.Constraints[i].Check)
	}
	for i := range r.Indexes {
		visit(r.Indexes[i].Predicate)
		for _, k := range r.Indexes[i].Keys {
			visit(k.Expression)
		}
	}
	for i := range r.Rules {
		visit(r.Rules[i].Qual)
		visit(&r.Rules[i].Action)
	}
	for i := range r.Policies {
		visit(r.Policies[i].Using)
		visit(r.Policies[i].Check)
	}
	for i := range r.Triggers {
		visit(r.Triggers[i].When)
	}
}

// mentionQueries read what of PostgreSQL's own is mentioned: functions, and relations with their columns, also by name in string bodies.
func (b *builder) mentionQueries(m *mentions) []query {
	var functions, relations []uint32
	for oid := range m.functions {
		if b.functions[oid] == nil && oid != 0 {
			functions = append(functions, oid)
		}
	}
	for oid := range m.relations {
		if b.relations[oid] == nil {
			relations = append(relations, oid)
		}
	}
	names := make([]string, 0, len(m.names))
	for name := range m.names {
		names = append(names, name)
	}
	schemas := []string{"pg_catalog"}
	if m.names["information_schema"] {
		schemas = append(schemas, "information_schema")
	}
	const named = `oid IN (SELECT x.oid FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace
		WHERE x.oid = ANY ($1::oid[]) OR n.nspname = ANY ($2::text[]) AND x.relname = ANY ($3::text[]))`
	const where = `(p.oid = ANY ($1::oid[]) OR p.proname = ANY ($2::text[]) AND p.pronamespace = 11)`
	args := []string{oidList(functions), textList(names)}
	queries := b.relationQueries(named, oidList(relations), textList(schemas), textList(names))
	queries = append(queries, b.functionQueries(where, args...)...)
	queries = append(queries, b.definitionQueries()...)
	queries = append(queries, b.aclQuery([]aclSource{{"relation", "pg_class c WHERE c.relkind IN ('r', 'v') AND c." + named, "c.oid", "c.relacl", "'r'", "c.relowner"}},
		oidList(relations), textList(schemas), textList(names)))
	return append(queries, b.aclQuery([]aclSource{{"function", "pg_proc p WHERE " + where, "p.oid", "p.proacl", "'f'", "p.proowner"}}, args...))
}
