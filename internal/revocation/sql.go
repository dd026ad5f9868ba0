package revocation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/definer"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// The fixed names of what Install makes, in the schema ringfence. All belongs to Owner, a role that nobody is.
const (
	Owner = "ringfence_revocation"
	Table = "revocation"
)

// The ways in which a role may use revocations.
const (
	Follower = "follower" // reads what was revoked, through one function: a gateway
	Revoker  = "revoker"  // revokes, through one function: a login, an operator
)

// Uses are all ways to use revocations.
var Uses = []string{Follower, Revoker}

// definition is the table. made_by is the transaction that wrote the row: rows are followed by it, since ids are taken before
// transactions commit, and not in the order in which they do.
const definition = `id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text COLLATE "C" NOT NULL, tenant text COLLATE "C" NOT NULL,` +
	` user_id text COLLATE "C" NOT NULL, subject text COLLATE "C" NOT NULL, reason text NOT NULL CHECK (octet_length(reason) <= 1024),` +
	` revoked_by text NOT NULL CHECK (octet_length(revoked_by) <= 256), session_role name NOT NULL DEFAULT session_user,` +
	` revoked_at timestamptz NOT NULL DEFAULT clock_timestamp(), ends_at timestamptz, made_by xid8 NOT NULL DEFAULT pg_current_xact_id(),` +
	` CONSTRAINT revocation_names CHECK (octet_length(tenant) <= 256 AND octet_length(user_id) <= 256 AND octet_length(subject) <= 256 AND CASE kind` +
	` WHEN 'token' THEN subject <> '' AND user_id = '' WHEN 'session' THEN subject <> '' AND user_id = ''` +
	` WHEN 'member' THEN tenant <> '' AND user_id <> '' AND subject = '' WHEN 'tenant' THEN tenant <> '' AND user_id = '' AND subject = '' ELSE false END)`

// Functions are the two functions, as they must stand in the catalogue.
func Functions() []definer.Function {
	return []definer.Function{
		{Name: "revocation_add", Arguments: "of_kind text, of_tenant text, of_user text, of_subject text, why text, by_whom text, ends timestamp with time zone",
			Types:  "text, text, text, text, text, text, timestamp with time zone",
			Result: "TABLE (new_id bigint, at timestamp with time zone)", Body: addBody, Definer: true, For: Revoker},
		{Name: "revocation_since", Arguments: "seen text", Types: "text",
			Result: "TABLE (next text, id bigint, kind text, tenant text, user_id text, subject text, revoked_at timestamp with time zone, ends_at timestamp with time zone)",
			Body:   sinceBody, Definer: true, For: Follower},
	}
}

// addBody writes one revocation. Rows that ended long ago are state, not evidence, and go on the way, a few at a time.
const addBody = `
BEGIN
  DELETE FROM ringfence.revocation r WHERE r.id IN (SELECT o.id FROM ringfence.revocation o WHERE o.ends_at < now() - interval '30 days' ORDER BY o.ends_at LIMIT 20 FOR UPDATE SKIP LOCKED);
  RETURN QUERY INSERT INTO ringfence.revocation AS r (kind, tenant, user_id, subject, reason, revoked_by, ends_at)
    VALUES (of_kind, of_tenant, of_user, of_subject, why, by_whom, ends) RETURNING r.id, r.revoked_at;
END`

// sinceBody gives what was written by transactions that the last call could not have seen the end of, and from where to go on.
// A row may be given twice, and is never left out. There is always one row, with nothing but next where nothing is new.
const sinceBody = `
BEGIN
  RETURN QUERY SELECT n.low::text, r.id, r.kind, r.tenant, r.user_id, r.subject, r.revoked_at, r.ends_at
    FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS low) n
    LEFT JOIN ringfence.revocation r ON r.made_by >= seen::xid8 AND (r.ends_at IS NULL OR r.ends_at > now())
    ORDER BY r.id;
END`

// UsedBy are the functions of a use.
func UsedBy(use string) []definer.Function {
	return slices.DeleteFunc(Functions(), func(f definer.Function) bool { return f.For != use })
}

// IsOwn reports whether a function of the catalogue is one of the two, unchanged: by its schema, name, owner and body.
func IsOwn(schema, name, owner, body string) bool {
	return schema == definer.Schema && owner == Owner && slices.ContainsFunc(Functions(), func(f definer.Function) bool { return f.Name == name && f.Body == body })
}

// table is the table's name with its schema.
const table = definer.Schema + "." + Table

// Install returns the statements that make the table and its functions, to be run in one transaction. What stands already is
// kept and brought up to date. The session's role needs CREATE on the database and CREATEROLE.
func Install() []string {
	out := []string{
		definer.Enter(Owner),
		"CREATE SCHEMA IF NOT EXISTS " + definer.Schema,
		"GRANT USAGE, CREATE ON SCHEMA " + definer.Schema + " TO " + Owner,
		tableBlock,
		"CREATE INDEX IF NOT EXISTS revocation_made_by ON " + table + " (made_by)",
		"CREATE INDEX IF NOT EXISTS revocation_ends_at ON " + table + " (ends_at) WHERE ends_at IS NOT NULL",
	}
	for _, f := range Functions() {
		out = append(out, f.Create(Owner)...)
	}
	return append(out,
		"ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
		"DROP POLICY IF EXISTS revocation_own ON "+table,
		"CREATE POLICY revocation_own ON "+table+" TO "+Owner+" USING (true) WITH CHECK (true)",
		"COMMENT ON TABLE "+table+" IS 'tokens, sessions, members and tenants that were revoked: written by ringfence.revocation_add alone, followed by ringfence.revocation_since'",
		definer.Leave(Owner))
}

// tableBlock makes the table where it is missing, and takes from it whatever default privileges gave away.
const tableBlock = `DO $ringfence$
DECLARE
  given record;
BEGIN
  IF pg_catalog.to_regclass('` + table + `') IS NULL THEN
    CREATE TABLE ` + table + ` (` + definition + `);
    FOR given IN SELECT DISTINCT x.grantee FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) x WHERE c.oid = '` + table + `'::pg_catalog.regclass AND x.grantee <> c.relowner LOOP
      EXECUTE 'REVOKE ALL ON ` + table + ` FROM ' || CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(given.grantee)) END;
    END LOOP;
    ALTER TABLE ` + table + ` OWNER TO ` + Owner + `;
  END IF;
END
$ringfence$`

// Uninstall takes Install back, with all revocations: tokens that were revoked and have not ended count again.
func Uninstall() []string {
	out := []string{definer.Return(Owner)}
	for _, f := range Functions() {
		out = append(out, "DROP FUNCTION IF EXISTS "+f.Signature())
	}
	return append(out, "DROP TABLE IF EXISTS "+table, fmt.Sprintf("DO $ringfence$\nBEGIN\n  REVOKE ALL ON SCHEMA %[1]s FROM %[2]s;\n"+
		"  BEGIN\n    DROP ROLE %[2]s;\n  EXCEPTION WHEN dependent_objects_still_exist THEN\n    NULL; -- another database's\n  END;\nEND\n$ringfence$", definer.Schema, Owner), stay)
}

// stay is Leave where the role may be gone.
const stay = `DO $ringfence$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '` + Owner + `') AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    REVOKE ` + Owner + ` FROM CURRENT_USER;
  END IF;
END
$ringfence$`

// Done is a query for one boolean: does all of Install stand?
func Done() string {
	facts := []string{"EXISTS (SELECT " + definer.OfClass(Owner) + " AND c.relname = " + pg.Literal(Table) + " AND c.relkind = 'r' AND c.relrowsecurity AND c.relforcerowsecurity" +
		" AND (SELECT pg_catalog.count(*) FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid) = 1" +
		" AND EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polroles = ARRAY[o.oid]))"}
	for _, f := range Functions() {
		facts = append(facts, f.Stands(Owner))
	}
	return "SELECT " + strings.Join(facts, "\n   AND ")
}

// Grant returns the statements that let a role use revocations so. schema says whether it needs USAGE on the schema, too.
func Grant(use, role string, schema bool) []string {
	return access(use, role, schema, "GRANT", "TO")
}

// Revoke takes Grant back.
func Revoke(use, role string, schema bool) []string {
	return access(use, role, schema, "REVOKE", "FROM")
}

func access(use, role string, schema bool, verb, to string) []string {
	out := []string{definer.Return(Owner)}
	for _, f := range UsedBy(use) {
		out = append(out, verb+" EXECUTE ON FUNCTION "+f.Signature()+" "+to+" "+pg.Ident(role))
	}
	if schema {
		out = append(out, verb+" USAGE ON SCHEMA "+definer.Schema+" "+to+" "+pg.Ident(role))
	}
	return append(out, definer.Leave(Owner))
}

// GrantDone is a query for one boolean: may the role use revocations so?
func GrantDone(use, role string) string {
	facts := []string{}
	for _, f := range UsedBy(use) {
		facts = append(facts, f.Granted(role))
	}
	return "SELECT " + strings.Join(facts, "\n   AND ")
}
