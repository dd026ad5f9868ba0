package catalog

import "strings"

// The server's pg_get_indexdef and pg_get_constraintdef look each index and each constraint up again, which on a fresh
// connection takes more time than all the rest of reading. Most indexes and keys of a database are plain, and what the server
// would print of these follows from what was read already: it is printed here, and only the others are asked for.

// isDefaultClass reports whether an operator class is the one that btree takes for a type where none is written. Where that is
// not plain to see the answer is false.
func (b *builder) isDefaultClass(class, typeOID uint32) bool {
	const text, varchar, anyEnum = 25, 1043, 3500
	if t := b.types[typeOID]; t != nil && t.Kind == "enum" {
		typeOID = anyEnum
	}
	if typeOID == varchar {
		typeOID = text
	}
	return class != 0 && b.defaultClass[typeOID] == class
}

// keyOrders is how a key's pg_index.indoption is printed: bit 0 is DESC, bit 1 NULLS FIRST, which DESC brings along.
var keyOrders = [4]string{"", " DESC NULLS LAST", " NULLS FIRST", " DESC"}

// plainIndex prints an index as pg_get_indexdef does where nothing but columns is in it.
func plainIndex(x *Index, on *relationRow, options []int16) string {
	var s strings.Builder
	s.WriteString("CREATE ")
	if x.Unique {
		s.WriteString("UNIQUE ")
	}
	s.WriteString("INDEX " + QuoteIdent(x.Name) + " ON " + on.Identity() + " USING btree (")
	for i, k := range x.Keys {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(QuoteIdent(k.Column) + keyOrders[at(options, i)&3])
	}
	s.WriteString(")")
	if len(x.Include) > 0 {
		s.WriteString(" INCLUDE (" + quoteList(x.Include) + ")")
	}
	return s.String()
}

func quoteList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = QuoteIdent(n)
	}
	return strings.Join(quoted, ", ")
}

// plainConstraint prints a key or a check as pg_get_constraintdef does, or gives "" where it may
// have something that was not read.
func (b *builder) plainConstraint(k *Constraint, of *relationRow) string {
	if !k.Validated || k.Deferrable || k.NotEnforced {
		return ""
	}
	switch k.Kind {
	case "check":
		if k.NoInherit || k.Check == nil || k.Check.Text == "" {
			return ""
		}
		return "CHECK (" + k.Check.Text + ")"
	case "primary", "unique":
		x := of.indexNamed(k.Index)
		if x == nil || x.Definition == "" || len(x.Include) > 0 {
			return ""
		}
		word := "PRIMARY KEY ("
		if k.Kind == "unique" {
			word = "UNIQUE ("
		}
		return word + quoteList(k.Columns) + ")"
	case "foreign":
		if k.Match != "simple" || k.OnUpdate != "no action" || k.OnDelete != "no action" && k.OnDelete != "cascade" || b.version >= 180000 {
			return ""
		}
		s := "FOREIGN KEY (" + quoteList(k.Columns) + ") REFERENCES " + k.RefTable + "(" + quoteList(k.RefColumns) + ")"
		if k.OnDelete == "cascade" {
			s += " ON DELETE CASCADE"
		}
		return s
	}
	return ""
}

func (n *relationRow) indexNamed(name string) *Index {
	for i := range n.Indexes {
		if n.Indexes[i].Name == name {
			return &n.Indexes[i]
		}
	}
	return nil
}

// definitionQueries ask for the definitions that were not printed here, and for the keys' expressions.
func (b *builder) definitionQueries() []query {
	var indexes, constraints []uint32
	index, constraint := map[uint32]*Index{}, map[uint32]*Constraint{}
	for _, n := range b.order {
		for i := range n.Indexes {
			if x := &n.Indexes[i]; x.Definition == "" {
				index[x.OID], indexes = x, append(indexes, x.OID)
			}
		}
		for i := range n.Constraints {
			k := &n.Constraints[i]
			if k.Definition = b.plainConstraint(k, n); k.Definition == "" {
				constraint[k.OID], constraints = k, append(constraints, k.OID)
			}
		}
	}
	return []query{
		{name: "index definitions", args: []string{oidList(indexes)}, sql: `SELECT x.indexrelid, pg_get_indexdef(x.indexrelid),
			CASE WHEN x.indexprs IS NOT NULL THEN ARRAY(SELECT pg_get_indexdef(x.indexrelid, n, false) FROM generate_series(1, x.indnkeyatts::int4) n) END
			FROM pg_index x WHERE x.indexrelid = ANY ($1::oid[])` + b.unlessTerse(""),
			take: func(r *row) {
				x := index[r.oid()]
				definition, texts := r.text(), r.texts()
				if x == nil {
					return
				}
				x.Definition = definition
				for i := range x.Keys {
					if e := x.Keys[i].Expression; e != nil {
						e.Text = at(texts, i)
					}
				}
			}},
		{name: "constraint definitions", args: []string{oidList(constraints)}, sql: `SELECT k.oid, pg_get_constraintdef(k.oid)
			FROM pg_constraint k WHERE k.oid = ANY ($1::oid[])` + b.unlessTerse(" OR k.contype = 'f'"),
			take: func(r *row) {
				k, definition := constraint[r.oid()], r.text()
				if k != nil {
					k.Definition = definition
				}
			}},
	}
}

// unlessTerse is a condition that leaves out what would wait for a locked table.
func (b *builder) unlessTerse(but string) string {
	if b.terse {
		return " AND (false" + but + ")"
	}
	return ""
}
