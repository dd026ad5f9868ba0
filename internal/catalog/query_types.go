package catalog

import "strconv"

// A typeRow is a Type while it is being read. All types are read; those that nothing kept names are left out in the end.
type typeRow struct {
	Type
	collation uint32
	relation  uint32
	array     uint32
}

// An operatorRow is an Operator while it is being read.
type operatorRow struct {
	Operator
	left, right, function uint32
}

// typeQueries read types, collations, operators and casts.
func (b *builder) typeQueries() []query {
	return []query{
		{name: "collations", take: b.takeCollation, sql: `SELECT c.oid, c.collnamespace, c.collname::text, c.collprovider::text, c.collisdeterministic FROM pg_collation c`},
		{name: "types", take: b.takeType, sql: `SELECT t.oid, t.typnamespace, t.typname::text, format_type(t.oid, NULL), t.typtype::text, t.typcategory::text, t.typelem,
			t.typbasetype, t.typtypmod, t.typnotnull, t.typrelid, t.typcollation, t.typlen, t.typbyval, t.typalign::text, t.typowner, t.typarray,
			coalesce(r.rngsubtype, m.rngsubtype, 0)
			FROM pg_type t LEFT JOIN pg_range r ON r.rngtypid = t.oid LEFT JOIN pg_range m ON m.rngmultitypid = t.oid`},
		{name: "enum labels", take: b.takeLabel, sql: `SELECT e.enumtypid, e.enumlabel::text, e.oid FROM pg_enum e ORDER BY e.enumtypid, e.enumsortorder`},
		{name: "domain checks", take: b.takeDomainCheck, sql: `SELECT k.contypid, k.conbin::text, pg_get_expr(k.conbin, 0) FROM pg_constraint k
			WHERE k.contypid <> 0 AND k.conbin IS NOT NULL ORDER BY k.contypid, k.conname`},
		{name: "operators", take: b.takeOperator, sql: `SELECT o.oid, o.oprnamespace, o.oprname::text, o.oprleft, o.oprright, o.oprcode, o.oprcom, o.oprnegate, o.oprowner FROM pg_operator o`},
		{name: "operator families", take: b.takeStrategy, sql: `SELECT a.amopopr, a.amopstrategy, n.nspname::text, f.opfname::text
			FROM pg_amop a JOIN pg_opfamily f ON f.oid = a.amopfamily JOIN pg_namespace n ON n.oid = f.opfnamespace
			WHERE a.amopmethod = 403 AND a.amoppurpose = 's' AND (n.nspname = 'pg_catalog' OR EXISTS (SELECT FROM pg_opclass c
				JOIN pg_depend d ON d.classid = 2616 AND d.objid = c.oid AND d.refclassid = ` + extensionOID + ` AND d.deptype = 'e'
				WHERE c.opcfamily = f.oid AND c.opcdefault))
			ORDER BY a.amopopr, n.nspname <> 'pg_catalog', f.opfname LIKE '%pattern%', n.nspname, f.opfname`},
		{name: "casts", take: b.takeCast, sql: `SELECT c.castsource, c.casttarget, c.castfunc, c.castcontext::text, c.castmethod::text
			FROM pg_cast c WHERE c.oid >= ` + firstUserOIDText},
	}
}

var providers = words{"d": "default", "b": "builtin", "c": "libc", "i": "icu"}

func (b *builder) takeCollation(r *row) {
	c := &Collation{OID: r.oid(), Name: QuoteIdent(b.namespaces[r.oid()]) + "." + QuoteIdent(r.text()), Provider: providers.of(r.text()), Deterministic: r.bool()}
	b.collations[c.OID] = c
}

// collation names a collation; 0, a type without collation, is "".
func (b *builder) collation(oid uint32) string {
	if c := b.collations[oid]; c != nil {
		return c.Name
	}
	return ""
}

var typeKinds = words{"b": "base", "c": "composite", "d": "domain", "e": "enum", "p": "pseudo", "r": "range", "m": "multirange"}

func (b *builder) takeType(r *row) {
	t := &typeRow{Type: Type{OID: r.oid(), Schema: b.namespaces[r.oid()], Name: r.text(), Format: r.text(), Kind: typeKinds.of(r.text()),
		Category: r.text(), Element: r.oid(), Base: r.oid(), BaseMod: r.int32(), NotNull: r.bool()}}
	t.relation, t.collation = r.oid(), r.oid()
	t.Length, t.ByValue, t.Align, t.Owner, t.array, t.Subtype = r.int16(), r.bool(), r.text(), b.role(r.oid()), r.oid(), r.oid()
	t.Collation, t.System = b.collation(t.collation), systemSchema(t.Schema)
	if t.Base == 0 {
		t.BaseMod = 0
	}
	b.types[t.OID] = t
}

// typeFormat names a type as format_type does.
func (b *builder) typeFormat(oid uint32) string {
	if t := b.types[oid]; t != nil {
		return t.Format
	}
	if oid == 0 {
		return "-"
	}
	return strconv.FormatUint(uint64(oid), 10)
}

func (b *builder) takeLabel(r *row) {
	t, label, oid := b.types[r.oid()], r.text(), r.oid()
	if t != nil {
		t.Labels, t.LabelOIDs = append(t.Labels, label), append(t.LabelOIDs, oid)
	}
}

func (b *builder) takeDomainCheck(r *row) {
	t, tree := b.types[r.oid()], r.tree()
	if t != nil && tree != nil {
		t.Checks = append(t.Checks, *tree)
	}
}

func (b *builder) takeOperator(r *row) {
	o := &operatorRow{Operator: Operator{OID: r.oid(), Schema: b.namespaces[r.oid()], Name: r.text()}, left: r.oid(), right: r.oid(), function: r.oid()}
	o.Commutator, o.Negator, o.Owner = r.oid(), r.oid(), b.role(r.oid())
	o.System = systemSchema(o.Schema)
	if o.left != 0 {
		o.Left = b.typeFormat(o.left)
	}
	if o.right != 0 {
		o.Right = b.typeFormat(o.right)
	}
	b.operators[o.OID] = o
}

func (b *builder) takeStrategy(r *row) {
	o, strategy, schema, family := b.operators[r.oid()], r.int16(), r.text(), r.text()
	if o != nil && o.BTreeStrategy == 0 {
		o.BTreeStrategy, o.Family = int(strategy), QuoteIdent(schema)+"."+QuoteIdent(family)
	}
}

var (
	castContexts = words{"e": "explicit", "a": "assignment", "i": "implicit"}
	castMethods  = words{"f": "function", "b": "binary", "i": "inout"}
)

func (b *builder) takeCast(r *row) {
	c := castRow{source: r.oid(), target: r.oid(), function: r.oid()}
	c.Source, c.Target = b.typeFormat(c.source), b.typeFormat(c.target)
	c.Context, c.Method = castContexts.of(r.text()), castMethods.of(r.text())
	b.casts = append(b.casts, c)
}

// A castRow is a Cast whose function is not named yet.
type castRow struct {
	Cast
	source, target, function uint32
}
