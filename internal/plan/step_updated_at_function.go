package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var updatedAtFunction = Kind{
	Name: "updated_at_function",
	Doc: `make the function that sets updated_at

One function in the schema ringfence serves all tables whose column has that name. It does nothing until a trigger calls it, and
replacing its body later takes no lock on any table. The schema stays when it is taken back: it also holds the record of runs.`,
	Wave: 2,

	Do: func(t Target) []string {
		return []string{
			"CREATE SCHEMA IF NOT EXISTS " + pg.Ident(t.Schema),
			fmt.Sprintf("CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS %s", t.sql(), lit(updatedAtBody(t.Columns[0]))),
		}
	},
	Undo:   func(t Target) []string { return oneStatement("DROP FUNCTION %s()", t.sql()) },
	Done:   func(t Target) string { return triggerFunctionDone(t.Name, updatedAtBody(t.Columns[0])) },
	Object: func(t Target) string { return routineIdentity(t.Name, nil) },
}

func updatedAtBody(column string) string {
	return fmt.Sprintf("BEGIN NEW.%s := pg_catalog.now(); RETURN NEW; END", pg.Ident(column))
}

// triggerFunctionDone asks for a plain PL/pgSQL trigger function of exactly this body.
func triggerFunctionDone(function Name, body string) string {
	return "SELECT " + triggerFunctionIs(function, body)
}

func triggerFunctionIs(function Name, body string) string {
	return fmt.Sprintf("EXISTS (SELECT FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace fn ON fn.oid = f.pronamespace"+
		" JOIN pg_catalog.pg_language l ON l.oid = f.prolang WHERE fn.nspname = %s AND f.proname = %s AND f.pronargs = 0"+
		" AND f.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype AND l.lanname = 'plpgsql' AND NOT f.prosecdef AND f.prosrc = %s)",
		lit(function.Schema), lit(function.Name), lit(body))
}
