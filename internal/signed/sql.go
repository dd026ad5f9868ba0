package signed

import "fmt"

// The names of what verifies tokens in the database. They are fixed, so that a prover knows them.
const (
	Setting  = "ringfence.token" // holds the token; set it by a parameter, locally to a transaction
	Schema   = "ringfence"
	Function = "verified_tenant" // its result is the tenant as text, or NULL
	KeyTable = "context_key"
	Owner    = "ringfence_context" // owns both, and is nobody's role
)

// Config is the function's own settings, as pg_proc.proconfig has them.
const Config = "search_path=pg_catalog, pg_temp"

// Body is the function's body. A token counts where it is well formed, its key is known and not retired, its signature is the key's,
// it had not expired when the transaction began, and it does not live longer than tokens may: everything else is NULL, and
// nothing raises. Two hashes are compared rather than two signatures, so that the time it takes tells nothing.
const Body = `
DECLARE
  token text := current_setting('ringfence.token', true);
  message text := left(token, -65);
  kid text := split_part(message, '.', 1);
  expiry text := split_part(message, '.', -1);
  tenant text := substr(message, length(kid) + 2, greatest(length(message) - length(kid) - length(expiry) - 2, 0));
  key_inner bytea;
  key_outer bytea;
BEGIN
  IF token IS NULL OR octet_length(token) > 512 OR substr(token, length(message) + 1, 1) <> '.' OR tenant = ''
     OR length(expiry) > 11 OR expiry !~ '^[0-9]+$' THEN
    RETURN NULL;
  END IF;
  IF expiry::bigint <= extract(epoch FROM transaction_timestamp())
     OR expiry::bigint > extract(epoch FROM statement_timestamp()) + 65 THEN
    RETURN NULL;
  END IF;
  SELECT k.inner_pad, k.outer_pad INTO key_inner, key_outer FROM ringfence.context_key k
   WHERE k.kid = split_part(message, '.', 1) AND (k.retired_at IS NULL OR k.retired_at > transaction_timestamp());
  IF key_inner IS NULL THEN
    RETURN NULL;
  END IF;
  IF sha256(convert_to(encode(sha256(key_outer || sha256(key_inner || convert_to('ringfence.context.v1:' || message, 'UTF8'))), 'hex'), 'UTF8'))
     = sha256(convert_to(right(token, 64), 'UTF8')) THEN
    RETURN tenant;
  END IF;
  RETURN NULL;
END`

// InsertKey adds a key: its id and two pads as parameters. RetireKey ends one after a number of seconds, which is MaxLife or more
// where tokens of it are still on their way. Both want the owner's rights.
const (
	InsertKey = "INSERT INTO ringfence.context_key (kid, inner_pad, outer_pad) VALUES ($1, $2, $3)"
	RetireKey = "UPDATE ringfence.context_key SET retired_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $2) WHERE kid = $1 AND retired_at IS NULL"
)

// Use binds a token to the transaction at hand; the token is the parameter.
const Use = "SELECT pg_catalog.set_config('ringfence.token', $1, true)"

// Install returns the statements that make the role, the key table and the function. The application's roles
// have EXECUTE by PUBLIC, as functions do, and policies need no more; nobody but the owner gets at a key. The table's rows belong in no dump: --exclude-table-data=ringfence.context_key.
func Install() []string {
	table, function := Schema+"."+KeyTable, Schema+"."+Function+"()"
	return []string{
		"CREATE ROLE " + Owner + " NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT",
		"CREATE SCHEMA IF NOT EXISTS " + Schema,
		"GRANT USAGE ON SCHEMA " + Schema + " TO " + Owner,
		fmt.Sprintf("CREATE TABLE %s (kid pg_catalog.text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{1,32}$'),"+
			" inner_pad pg_catalog.bytea NOT NULL CHECK (pg_catalog.octet_length(inner_pad) = 64),"+
			" outer_pad pg_catalog.bytea NOT NULL CHECK (pg_catalog.octet_length(outer_pad) = 64),"+
			" created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(), retired_at pg_catalog.timestamptz)", table),
		"REVOKE ALL ON " + table + " FROM PUBLIC",
		"ALTER TABLE " + table + " OWNER TO " + Owner,
		fmt.Sprintf("CREATE FUNCTION %s RETURNS pg_catalog.text LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER"+
			" SET search_path = pg_catalog, pg_temp AS $ringfence$%s$ringfence$", function, Body),
		"ALTER FUNCTION " + function + " OWNER TO " + Owner,
	}
}

// Uninstall returns the statements that take Install back, keys included; the schema stays, for what else is in it.
func Uninstall() []string {
	return []string{
		"DROP FUNCTION " + Schema + "." + Function + "()",
		"DROP TABLE " + Schema + "." + KeyTable,
		"REVOKE USAGE ON SCHEMA " + Schema + " FROM " + Owner,
		"DROP ROLE " + Owner,
	}
}

// IsOwn reports whether a function of the catalogue is the verifier, unchanged: by its schema, name, owner and body.
func IsOwn(schema, name, owner, body string) bool {
	return schema == Schema && name == Function && owner == Owner && body == Body
}
