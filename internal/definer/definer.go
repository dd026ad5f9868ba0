// Package definer writes the SQL of functions that work with the rights of a role that nobody is: what Ringfence keeps in a
// database beside the application's own tables, its trail and its PINs, is reached through such functions alone. It only
// writes SQL and never connects.
//
// To keep one more thing so: a package of its own beside trailsql, with its tables and a list of Functions.
package definer

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// Schema is where all of it stands.
const Schema = "ringfence"

// Config are the settings that every function carries, as pg_proc.proconfig has them.
var Config = []string{"search_path=pg_catalog, pg_temp", "row_security=on"}

// Enter makes the owner, a role without log-in that nobody is a member of. One that another database of the cluster made serves
// here too; one that somebody prepared is refused. Who is no superuser becomes a member, until Leave.
func Enter(owner string) string {
	return enter(owner, "CREATE ROLE "+pg.Ident(owner)+" NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT")
}

// Return is Enter for what works on an installation: where the owner is missing it raises.
func Return(owner string) string {
	return enter(owner, "RAISE EXCEPTION 'the role % is missing: nothing of it is installed', "+pg.Literal(owner))
}

func enter(owner, missing string) string {
	return strings.NewReplacer("{owner}", pg.Ident(owner), "'owner'", pg.Literal(owner), "{missing}", missing).Replace(`DO $ringfence$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'owner') THEN
    BEGIN
      {missing};
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- another database's plan made it at the same moment
    END;
  ELSIF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'owner' AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls))
     OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
                WHERE r.rolname = 'owner' AND u.rolname <> current_user AND pg_catalog.pg_has_role(u.oid, r.oid, 'MEMBER') AND NOT m.admin_option) THEN
    RAISE EXCEPTION 'the role % is not one that nobody can become', 'owner' USING HINT = 'Take its members and its attributes away: tables that hold evidence or credentials will belong to it.';
  END IF;
  IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    GRANT {owner} TO CURRENT_USER;
  END IF;
END
$ringfence$`)
}

// Leave ends the membership that Enter began.
func Leave(owner string) string {
	return `DO $ringfence$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    REVOKE ` + pg.Ident(owner) + ` FROM CURRENT_USER;
  END IF;
END
$ringfence$`
}

// A Function is one function in Schema, as it must stand in the catalogue.
type Function struct {
	Name      string
	Arguments string // with names, as CREATE FUNCTION takes them
	Types     string // without, as a signature
	Result    string
	Body      string
	Definer   bool
	For       string // the use that has EXECUTE; "": nobody but the owner
}

// Signature names the function in SQL.
func (f Function) Signature() string { return Schema + "." + f.Name + "(" + f.Types + ")" }

// Create returns the statements that make the function, or bring it up to date.
func (f Function) Create(owner string) []string {
	definer := ""
	if f.Definer {
		definer = " SECURITY DEFINER"
	}
	return []string{
		fmt.Sprintf("CREATE OR REPLACE FUNCTION %s.%s(%s) RETURNS %s LANGUAGE plpgsql%s SET search_path = pg_catalog, pg_temp SET row_security = on AS $ringfence$%s$ringfence$",
			Schema, f.Name, f.Arguments, f.Result, definer, f.Body),
		"ALTER FUNCTION " + f.Signature() + " OWNER TO " + pg.Ident(owner),
		"REVOKE ALL ON FUNCTION " + f.Signature() + " FROM PUBLIC",
	}
}

// Stands asks for the function with exactly this body, owner and settings, open to nobody by PUBLIC.
func (f Function) Stands(owner string) string {
	config := make([]string, len(Config))
	for i, c := range Config {
		config[i] = pg.Literal(c)
	}
	return fmt.Sprintf("EXISTS (SELECT FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace JOIN pg_catalog.pg_roles o ON o.oid = f.proowner"+
		" WHERE n.nspname = %s AND o.rolname = %s AND f.proname = %s AND f.prosecdef = %t AND f.proconfig = ARRAY[%s] AND f.prosrc = %s"+
		" AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(f.proacl, pg_catalog.acldefault('f', f.proowner))) x WHERE x.grantee = 0))",
		pg.Literal(Schema), pg.Literal(owner), pg.Literal(f.Name), f.Definer, strings.Join(config, ", "), pg.Literal(f.Body))
}

// Granted asks whether a role has EXECUTE on the function.
func (f Function) Granted(role string) string {
	return fmt.Sprintf("EXISTS (SELECT FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace, pg_catalog.aclexplode(f.proacl) x"+
		" WHERE n.nspname = %s AND f.proname = %s AND x.privilege_type = 'EXECUTE' AND x.grantee = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = %s))",
		pg.Literal(Schema), pg.Literal(f.Name), pg.Literal(role))
}

// OfClass starts a query about a relation c of Schema that belongs to the owner o.
func OfClass(owner string) string {
	return "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_roles o ON o.oid = c.relowner" +
		" WHERE n.nspname = '" + Schema + "' AND o.rolname = " + pg.Literal(owner)
}
