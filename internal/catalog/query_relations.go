package catalog

// A relationRow is a Relation while it is being read.
type relationRow struct {
	Relation
	typeOID  uint32
	policies []*Policy
	triggers []*triggerEntry
}

var relationKinds = map[string]Kind{
	"r": Table, "p": Partitioned, "v": View, "m": MatView, "f": Foreign, "S": Sequence, "c": Composite,
}

var persistences = words{"p": "permanent", "u": "unlogged", "t": "temporary"}

// grantedSystem are the tables and views of pg_catalog that somebody may read since the server was made, whole or in part, which initdb
// kept from him.
const grantedSystem = `(SELECT r.oid FROM pg_class r WHERE r.relnamespace = 11 AND EXISTS (SELECT FROM pg_init_privs i WHERE i.objoid = r.oid AND i.classoid = 1259) AND EXISTS (
	SELECT FROM (SELECT r.relacl AS acl UNION ALL SELECT a.attacl FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attacl IS NOT NULL) x, aclexplode(x.acl) g
	WHERE g.grantee <> r.relowner AND NOT EXISTS (SELECT FROM pg_init_privs i, aclexplode(i.initprivs) h
		WHERE i.objoid = r.oid AND i.classoid = 1259 AND h.grantee IN (g.grantee, 0))))`

// relationQueries read the relations of a filter (readRelations, or OIDs for those of the system) and their columns.
func (b *builder) relationQueries(where string, args ...string) []query {
	return []query{
		{name: "relations", take: b.takeRelation, args: args, sql: `SELECT c.oid, c.relnamespace, c.relname::text, c.relkind::text, c.relowner,
			c.relpersistence::text, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relpages, c.reltuples,
			coalesce(t.relpages, 0), pg_get_expr(c.relpartbound, c.oid), c.reltype
			FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
			WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND c.` + where},
		{name: "columns", take: b.takeColumn, args: args, sql: `SELECT a.attrelid, a.attnum, a.attname::text, CASE WHEN a.atttypmod <> -1 OR a.atttypid IN (1042, 1560) THEN format_type(a.atttypid, a.atttypmod) END,
			a.atttypid, a.atttypmod, a.attcollation, a.attnotnull, a.attidentity::text, a.attgenerated::text, a.attislocal
			FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
			WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND a.attnum > 0 AND NOT a.attisdropped AND c.` + where},
	}
}

func (b *builder) takeRelation(r *row) {
	n := &relationRow{Relation: Relation{
		OID: r.oid(), Schema: b.namespaces[r.oid()], Name: r.text(), Kind: relationKinds[r.text()], Owner: b.role(r.oid()),
		Persistence: persistences.of(r.text()), RowSecurity: r.bool(), ForceRLS: r.bool(), Options: optionMap(r.texts()),
		Pages: int64(r.int32()), Tuples: float64(r.float32()),
	}}
	toast := int64(r.int32())
	n.Bytes = (n.Pages + toast) * blockSize
	if bound := r.text(); bound != "" {
		n.Partition = &Partition{Bound: bound}
	}
	n.typeOID = r.oid()
	n.System = systemSchema(n.Schema)
	if b.relations[n.OID] == nil {
		b.relations[n.OID] = n
		b.order = append(b.order, n)
	}
}

var (
	identities = words{"a": "always", "d": "by default"}
	generateds = words{"s": "stored", "v": "virtual"}
)

func (b *builder) takeColumn(r *row) {
	n := b.relations[r.oid()]
	c := Column{
		Num: r.int16(), Name: r.text(), Type: r.text(), TypeOID: r.oid(), TypeMod: r.int32(), Collation: b.collation(r.oid()),
		NotNull: r.bool(), Identity: identities.of(r.text()), Generated: generateds.of(r.text()), Inherited: !r.bool(),
	}
	if c.Type == "" {
		c.Type = b.typeFormat(c.TypeOID) // the same text, without asking for each column
	}
	if n != nil {
		n.Columns = append(n.Columns, c)
	}
}

// readRelations are the relations that are always read.
const readRelations = `(SELECT u.oid FROM pg_class u WHERE u.relnamespace IN ` + userSchema + ` UNION ALL SELECT s.oid FROM ` + grantedSystem + ` s)`

// relationPartQueries read what hangs on the user's relations but for constraints, indexes and policies.
func (b *builder) relationPartQueries() []query {
	return []query{
		{name: "column defaults", take: b.takeDefault, sql: `SELECT d.adrelid, d.adnum, d.adbin::text, ` + b.printed(`pg_get_expr(d.adbin, d.adrelid)`) + `
			FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid WHERE c.relnamespace IN ` + userSchema},
		{name: "inheritance", take: b.takeParent, sql: `SELECT i.inhrelid, i.inhparent FROM pg_inherits i
			JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind IN ('r', 'p', 'f') ORDER BY i.inhrelid, i.inhseqno`},
		{name: "partition keys", take: b.takePartitionKey, sql: `SELECT p.partrelid, p.partstrat::text, p.partattrs::int2[],
			pg_get_partkeydef(p.partrelid) FROM pg_partitioned_table p`},
		{name: "sequence owners", take: b.takeSequenceOwner, sql: `SELECT d.objid, d.refobjid, d.refobjsubid FROM pg_depend d
			JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
			WHERE d.classid = ` + classOID + ` AND d.refclassid = ` + classOID + ` AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')`},
		{name: "foreign tables", need: "pg_foreign_server", take: b.takeForeignTable, sql: `SELECT f.ftrelid, s.srvname::text
			FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver`},
		{name: "comments", need: "pg_description", take: b.takeComment, sql: `SELECT c.relname::text, d.objoid, d.description FROM pg_description d
			JOIN pg_class c ON c.oid = d.classoid WHERE d.objsubid = 0
			AND (d.classoid = ` + policyOID + ` OR d.classoid = ` + classOID + ` AND d.objoid >= ` + firstUserOIDText + `)`},
		{name: "extension members", take: b.takeExtensionMember, sql: `SELECT c.relname::text, d.objid, e.extname::text FROM pg_depend d
			JOIN pg_class c ON c.oid = d.classid JOIN pg_extension e ON e.oid = d.refobjid
			WHERE d.refclassid = ` + extensionOID + ` AND d.deptype = 'e'`},
	}
}

func (b *builder) takeDefault(r *row) {
	n, num, tree := b.relations[r.oid()], r.int16(), r.tree()
	if n == nil {
		return
	}
	if c := n.Column(num); c != nil {
		c.Default = tree
	}
}

func (b *builder) takeParent(r *row) {
	n, parent := b.relations[r.oid()], b.relations[r.oid()]
	if n == nil || parent == nil {
		return
	}
	n.Parents = append(n.Parents, parent.Identity())
	if n.Partition != nil {
		n.Partition.Parent = parent.Identity()
	}
}

var strategies = words{"r": "range", "l": "list", "h": "hash"}

func (b *builder) takePartitionKey(r *row) {
	n, strategy, nums, definition := b.relations[r.oid()], r.text(), r.int16s(), r.text()
	if n == nil {
		return
	}
	n.PartitionBy = &PartitionKey{Strategy: strategies.of(strategy), Columns: n.columnNames(nums), Definition: definition}
}

// columnNames names columns by their numbers; "" where there is none of that number (an expression).
func (n *relationRow) columnNames(nums []int16) []string {
	out := make([]string, len(nums))
	for i, num := range nums {
		if c := n.Column(num); c != nil {
			out[i] = c.Name
		}
	}
	return out
}

func (b *builder) takeSequenceOwner(r *row) {
	n, table, num := b.relations[r.oid()], b.relations[r.oid()], r.int32()
	if n == nil || table == nil {
		return
	}
	if c := table.Column(int16(num)); c != nil {
		n.OwnedBy = table.ColumnIdentity(c.Name)
	}
}

func (b *builder) takeForeignTable(r *row) {
	n, server := b.relations[r.oid()], r.text()
	if n != nil {
		n.Server = server
	}
}

func (b *builder) takeComment(r *row) {
	catalog, oid, text := r.text(), r.oid(), r.text()
	if p := b.policies[oid]; catalog == "pg_policy" && p != nil {
		p.Comment = text
	}
	if n := b.relations[oid]; catalog == "pg_class" && n != nil {
		n.Comment = text
	}
}

func (b *builder) takeExtensionMember(r *row) {
	b.extOf[objectID{r.text(), r.oid()}] = r.text()
}
