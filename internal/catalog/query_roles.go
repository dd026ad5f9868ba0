package catalog

// userSchema is the OIDs of the schemas whose objects a Snapshot holds.
const userSchema = `(SELECT n.oid FROM pg_namespace n WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
	AND n.nspname !~ '^pg_(toast_)?temp_')`

// clusterQueries read what belongs to the cluster: roles, memberships, databases, parameter grants; and the schemas.
func (b *builder) clusterQueries() []query {
	return []query{
		{name: "roles", take: b.takeRole, sql: `SELECT oid, rolname::text, rolsuper, rolbypassrls, rolinherit, rolcreaterole,
			rolcreatedb, rolcanlogin, rolreplication, rolconnlimit FROM pg_roles`},
		{name: "role memberships", take: b.takeMembership, sql: `SELECT m.roleid, m.member, m.grantor, m.admin_option, ` +
			b.since(16, `m.inherit_option, m.set_option`, `r.rolinherit, true`) +
			` FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member`},
		{name: "databases", take: b.takeDatabase, sql: `SELECT oid, datname::text, datdba, datallowconn, datistemplate FROM pg_database`},
		{name: "schemas", take: b.takeNamespace, sql: `SELECT oid, nspname::text, nspowner FROM pg_namespace`},
		{name: "languages", take: b.takeLanguage, sql: `SELECT oid, lanname::text, lanpltrusted, lanowner FROM pg_language`},
	}
}

func (b *builder) takeRole(r *row) {
	role := Role{
		OID: r.oid(), Name: r.text(), Superuser: r.bool(), BypassRLS: r.bool(), Inherit: r.bool(), CreateRole: r.bool(),
		CreateDB: r.bool(), Login: r.bool(), Replication: r.bool(), ConnLimit: int(r.int32()),
	}
	role.Predefined = role.OID < firstUserOID && len(role.Name) > 3 && role.Name[:3] == "pg_"
	b.roles[role.OID] = role.Name
	b.snap.Roles = append(b.snap.Roles, role)
}

func (b *builder) takeMembership(r *row) {
	b.snap.Memberships = append(b.snap.Memberships, Membership{
		Role: b.role(r.oid()), Member: b.role(r.oid()), Grantor: b.role(r.oid()),
		Admin: r.bool(), Inherit: r.bool(), Set: r.bool(),
	})
}

func (b *builder) takeDatabase(r *row) {
	oid, name := r.oid(), r.text()
	b.databases[oid] = name
	b.snap.Databases = append(b.snap.Databases, Database{
		Name: name, Owner: b.role(r.oid()), AllowConn: r.bool(), IsTemplate: r.bool(),
	})
}

func (b *builder) takeNamespace(r *row) {
	n := Namespace{OID: r.oid(), Name: r.text(), Owner: b.role(r.oid())}
	b.namespaces[n.OID] = n.Name
	if !toastOrTemp(n.Name) {
		b.snap.Schemas = append(b.snap.Schemas, n)
	}
}

func (b *builder) takeLanguage(r *row) {
	oid, name := r.oid(), r.text()
	b.languages[oid] = name
	b.snap.Languages = append(b.snap.Languages, Language{Name: name, Trusted: r.bool(), Owner: b.role(r.oid())})
}
