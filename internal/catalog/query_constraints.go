package catalog

// constraintQueries read constraints and indexes.
func (b *builder) constraintQueries() []query {
	return []query{
		{name: "operator classes", take: b.takeOpclass, sql: `SELECT o.oid, n.nspname::text, o.opcname::text,
			CASE WHEN o.opcmethod = 403 AND o.opcdefault AND n.nspname = 'pg_catalog' THEN o.opcintype ELSE 0 END
			FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace`},
		{name: "constraints", take: b.takeConstraint, sql: `SELECT k.conrelid, k.oid, k.conname::text, k.contype::text, k.conkey, k.confrelid, k.confkey,
			k.confupdtype::text, k.confdeltype::text, k.confmatchtype::text, k.conexclop, i.relname::text,
			k.conbin::text, ` + b.printed(`pg_get_expr(k.conbin, k.conrelid)`) + `, k.convalidated, k.condeferrable, k.condeferred, k.connoinherit, NOT k.conislocal,
			` + b.since(18, `k.conenforced`, `true`) + `
			FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid LEFT JOIN pg_class i ON i.oid = k.conindid
			WHERE c.relnamespace IN ` + userSchema},
		{name: "indexes", take: b.takeIndex, sql: `SELECT x.indrelid, x.indexrelid, c.relname::text, m.amname::text, x.indnkeyatts, x.indkey::int2[], x.indclass::oid[],
			x.indcollation::oid[], x.indoption::int2[], x.indisunique, ` + b.since(15, `x.indnullsnotdistinct`, `false`) + `, x.indisprimary,
			x.indisexclusion, x.indisvalid, x.indisready, p.relnamespace, p.relname::text, k.conname::text, c.relpages, pg_stat_get_numscans(c.oid),
			x.indpred::text, ` + b.printed(`pg_get_expr(x.indpred, x.indrelid)`) + `, x.indexprs::text, c.reloptions IS NOT NULL
			FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am m ON m.oid = c.relam
			LEFT JOIN pg_inherits h ON h.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = h.inhparent
			LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')
			WHERE c.relnamespace IN ` + userSchema},
	}
}

func (b *builder) takeOpclass(r *row) {
	oid := r.oid()
	b.opclasses[oid] = QuoteIdent(r.text()) + "." + QuoteIdent(r.text())
	if input := r.oid(); input != 0 {
		b.defaultClass[input] = oid
	}
}

var (
	constraintKinds = words{"p": "primary", "u": "unique", "f": "foreign", "c": "check", "x": "exclusion", "t": "trigger", "n": "not_null"}
	actions         = words{"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}
	matches         = words{"s": "simple", "f": "full", "p": "partial"}
)

func (b *builder) takeConstraint(r *row) {
	n := b.relations[r.oid()]
	k := Constraint{OID: r.oid(), Name: r.text(), Kind: constraintKinds.of(r.text())}
	columns, refOID, refColumns := r.int16s(), r.oid(), r.int16s()
	onUpdate, onDelete, match := r.text(), r.text(), r.text()
	k.Operators, k.Index, k.Check = r.oids(), r.text(), r.tree()
	k.Validated, k.Deferrable, k.Deferred, k.NoInherit, k.Inherited = r.bool(), r.bool(), r.bool(), r.bool(), r.bool()
	k.NotEnforced = !r.bool()
	if n == nil {
		return
	}
	k.Columns = n.columnNames(columns)
	if ref := b.relations[refOID]; ref != nil {
		k.RefTable, k.RefColumns = ref.Identity(), ref.columnNames(refColumns)
		k.OnUpdate, k.OnDelete, k.Match = actions.of(onUpdate), actions.of(onDelete), matches.of(match)
	}
	n.Constraints = append(n.Constraints, k)
}

func (b *builder) takeIndex(r *row) {
	n := b.relations[r.oid()]
	x := Index{OID: r.oid(), Name: r.text(), Method: r.text()}
	keys := int(r.int16())
	nums, classes, collations, options := r.int16s(), r.oids(), r.oids(), r.int16s()
	x.Unique, x.NullsEqual, x.Primary, x.Exclusion, x.Valid, x.Ready = r.bool(), r.bool(), r.bool(), r.bool(), r.bool(), r.bool()
	parentSchema, parent := b.namespaces[r.oid()], r.text()
	x.Constraint = r.text()
	x.Bytes, x.Scans = int64(r.int32())*blockSize, r.int64()
	x.Predicate = r.tree()
	nodes := splitList(r.text())
	plain := !r.bool() && x.Predicate == nil && n != nil
	if n == nil || r.err != nil {
		return
	}
	if parent != "" {
		x.Parent = QuoteIdent(parentSchema) + "." + QuoteIdent(parent)
	}
	for i, num := range nums {
		if i >= keys {
			x.Include = append(x.Include, n.columnNames([]int16{num})...)
			continue
		}
		key := IndexKey{OpClass: b.opclasses[at(classes, i)], Collation: b.collation(at(collations, i)), Descending: at(options, i)&1 != 0}
		c := n.Column(num)
		switch {
		case c != nil:
			key.Column = c.Name
			plain = plain && key.Collation == c.Collation && b.isDefaultClass(at(classes, i), c.TypeOID)
		case len(nodes) > 0:
			key.Expression, nodes = &Tree{Node: nodes[0]}, nodes[1:]
			plain = false
		}
		x.Keys = append(x.Keys, key)
	}
	if plain && x.Method == "btree" && n.Kind == Table && !x.NullsEqual {
		x.Definition = plainIndex(&x, n, options)
	}
	n.Indexes = append(n.Indexes, x)
}

// at is s[i], or the zero value where s is shorter.
func at[T any](s []T, i int) (zero T) {
	if i < len(s) {
		return s[i]
	}
	return zero
}

// splitList splits a node list "({A …} {B …})" into its nodes.
func splitList(s string) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			if depth == 0 {
				start = i
			}
			depth++
		case '}':
			if depth--; depth == 0 {
				out = append(out, s[start:i+1])
			}
		}
	}
	return out
}
