package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/signed"
)

var signedContext = Kind{
	Name: "signed_context",
	Doc: `make the verifier of signed tenant contexts

With a plain setting, SQL injected into the application can choose another tenant. This step makes a role that nobody is a member
of, a table of signing keys that it owns, and a function that gives the tenant of a token which one of the keys signed: nothing
else changes until a key is inserted (as parameters, never as text) and a policy asks the function instead of the setting. The
role belongs to the whole cluster. Leave the keys out of dumps: pg_dump --exclude-table-data=ringfence.context_key.`,
	Wave:       3,
	Danger:     []string{"signed_context"},
	UndoDanger: []string{"drops_values"},

	Do:     func(Target) []string { return signed.Install() },
	Undo:   func(Target) []string { return signed.Uninstall() },
	Object: func(Target) string { return routineIdentity(Name{signed.Schema, signed.Function}, nil) },
	Done: func(Target) string {
		return fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace fn ON fn.oid = f.pronamespace"+
			" JOIN pg_catalog.pg_language l ON l.oid = f.prolang JOIN pg_catalog.pg_roles r ON r.oid = f.proowner"+
			" JOIN pg_catalog.pg_class k ON k.relnamespace = fn.oid AND k.relowner = f.proowner AND k.relname = %s AND k.relkind = 'r'"+
			" WHERE fn.nspname = %s AND f.proname = %s AND f.pronargs = 0 AND f.prorettype = 'pg_catalog.text'::pg_catalog.regtype"+
			" AND l.lanname = 'plpgsql' AND f.prosecdef AND f.provolatile = 's' AND f.proparallel = 's' AND f.proconfig = ARRAY[%s]"+
			" AND f.prosrc = %s AND r.rolname = %s AND NOT r.rolsuper AND NOT r.rolcanlogin)",
			lit(signed.KeyTable), lit(signed.Schema), lit(signed.Function), lit(signed.Config), lit(signed.Body), lit(signed.Owner))
	},
}
