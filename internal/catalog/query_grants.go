package catalog

import (
	"slices"
	"strings"
)

// An aclSource says where one kind of object keeps its ACL, and which letter acldefault has for it.
type aclSource struct {
	kind   string // key of builder.acls
	from   string // the catalogue, its alias, and a WHERE
	oid    string
	acl    string
	letter string // an SQL expression
	owner  string
}

func (b *builder) aclSources(functions string) []aclSource {
	sources := []aclSource{
		{"relation", `pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.oid IN ` + readRelations,
			"c.oid", "c.relacl", `CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END`, "c.relowner"},
		{"function", `pg_proc p WHERE ` + functions, "p.oid", "p.proacl", "'f'", "p.proowner"},
		{"schema", `pg_namespace n`, "n.oid", "n.nspacl", "'n'", "n.nspowner"},
		{"database", `pg_database d`, "d.oid", "d.datacl", "'d'", "d.datdba"},
		{"language", `pg_language l`, "l.oid", "l.lanacl", "'l'", "l.lanowner"},
		{"server", `pg_foreign_server s`, "s.oid", "s.srvacl", "'S'", "s.srvowner"},
		{"default", `pg_default_acl a`, "a.oid", "a.defaclacl", "'r'", "a.defaclrole"},
	}
	if b.version >= 150000 {
		sources = append(sources, aclSource{"parameter", `pg_parameter_acl a`, "a.oid", "a.paracl", "'p'", "10"})
	}
	return slices.DeleteFunc(sources, func(s aclSource) bool {
		catalog, _, _ := strings.Cut(s.from, " ")
		return b.denied[catalog]
	})
}

// aclQuery expands every distinct ACL once, however many objects carry it, and gives the objects that do. A missing ACL is
// replaced by PostgreSQL's own default for the kind of object.
func (b *builder) aclQuery(sources []aclSource, args ...string) query {
	sql := `SELECT o.kind, o.oids, ` + expanded("o.acl") + ` FROM (SELECT kind, acl, array_agg(oid) AS oids FROM (`
	for i, s := range sources {
		if i > 0 {
			sql += ` UNION ALL `
		}
		sql += `SELECT '` + s.kind + `'::text AS kind, ` + s.oid + ` AS oid, coalesce(` + s.acl + `, acldefault((` + s.letter + `)::"char", ` + s.owner + `)) AS acl FROM ` + s.from
	}
	return query{name: "grants", take: b.takeGrants, args: args, sql: sql + `) x GROUP BY kind, acl) o`}
}

// expanded gives four arrays for an ACL: grantees, grantors, privileges, and whether each may be granted on.
func expanded(acl string) string {
	return `(SELECT array_agg(grantee) FROM aclexplode(` + acl + `)), (SELECT array_agg(grantor) FROM aclexplode(` + acl + `)),
		(SELECT array_agg(privilege_type) FROM aclexplode(` + acl + `)), (SELECT array_agg(is_grantable) FROM aclexplode(` + acl + `))`
}

func (b *builder) grantQueries() []query {
	return []query{
		b.aclQuery(b.aclSources(readFunctions)),
		{name: "column grants", take: b.takeColumnGrants, sql: `SELECT a.attrelid, a.attnum, ` + expanded("a.attacl") + `
			FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL AND c.oid IN ` + readRelations},
		{name: "default privileges", need: "pg_default_acl", take: b.takeDefaultPrivilege, sql: `SELECT a.oid, a.defaclrole, a.defaclnamespace, a.defaclobjtype::text, ` +
			expanded(`x.acl`) + `
			FROM pg_default_acl a, LATERAL (SELECT CASE WHEN a.defaclnamespace = 0
				THEN acldefault(CASE a.defaclobjtype WHEN 'S' THEN 's' ELSE a.defaclobjtype END, a.defaclrole) END) AS x(acl)`},
		{name: "parameter grants", need: "pg_parameter_acl", take: b.takeParameter, sql: b.since(15, `SELECT oid, parname FROM pg_parameter_acl`, `SELECT 0::oid, ''::text WHERE false`)},
		{name: "large objects", need: "pg_largeobject_metadata", take: b.takeLargeObject, sql: `SELECT lomowner, count, ` + expanded("acl") + `
			FROM (SELECT lomowner, coalesce(lomacl, acldefault('L', lomowner)) AS acl, count(*) AS count FROM pg_largeobject_metadata GROUP BY 1, 2) l`},
	}
}

// grants reads the four columns of expanded.
func (b *builder) grants(r *row) []Grant {
	grantees, grantors, privileges, grantable := r.oids(), r.oids(), r.texts(), r.bools()
	out := make([]Grant, 0, len(grantees))
	for i, g := range grantees {
		out = append(out, Grant{Grantee: b.role(g), Grantor: b.role(at(grantors, i)), Privilege: at(privileges, i), Grantable: at(grantable, i)})
	}
	sortGrants(out)
	return out
}

func (b *builder) takeGrants(r *row) {
	kind, oids, grants := r.text(), r.oids(), b.grants(r)
	if b.acls[kind] == nil {
		b.acls[kind] = map[uint32][]Grant{}
	}
	for _, oid := range oids {
		b.acls[kind][oid] = grants
	}
}

func (b *builder) takeColumnGrants(r *row) {
	n, num, grants := b.relations[r.oid()], r.int16(), b.grants(r)
	if n == nil {
		return
	}
	if c := n.Column(num); c != nil {
		c.Grants = grants
	}
}

var defaultObjects = words{"r": "table", "S": "sequence", "f": "function", "T": "type", "n": "schema", "L": "large_object"}

func (b *builder) takeDefaultPrivilege(r *row) {
	oid := r.oid()
	d := DefaultPrivilege{Owner: b.role(r.oid()), Schema: b.namespaces[r.oid()], Object: defaultObjects.of(r.text())}
	builtIn := b.grants(r)
	d.Grants = b.acls["default"][oid]
	for _, g := range builtIn {
		if !containsGrant(d.Grants, g) {
			d.Revoked = append(d.Revoked, g)
		}
	}
	b.snap.DefaultPrivileges = append(b.snap.DefaultPrivileges, d)
}

func containsGrant(grants []Grant, want Grant) bool {
	for _, g := range grants {
		if g.Grantee == want.Grantee && g.Privilege == want.Privilege {
			return true
		}
	}
	return false
}

func (b *builder) takeParameter(r *row) {
	oid, name := r.oid(), r.text()
	b.snap.Parameters = append(b.snap.Parameters, ParameterGrant{Name: name, Grants: b.acls["parameter"][oid]})
}

func (b *builder) takeLargeObject(r *row) {
	b.snap.LargeObjects = append(b.snap.LargeObjects, LargeObject{Owner: b.role(r.oid()), Count: r.int64(), Grants: b.grants(r)})
}
