package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// lit quotes a value; nameLit does so for comparison with a column of type name.
func lit(s string) string { return pg.Literal(s) }

// idents quotes a list of names: "a", "b".
func idents(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = pg.Ident(n)
	}
	return strings.Join(out, ", ")
}

// grantee quotes a role, or writes PUBLIC for "".
func grantee(role string) string {
	if role == "" {
		return "PUBLIC"
	}
	return pg.Ident(role)
}

// ofRelation is the start of a catalogue query about one relation: FROM and WHERE, with c as pg_class. It finds nothing where
// the relation does not exist, so that a Done built on it is false then and never an error.
func ofRelation(n Name, joins ...string) string {
	return fmt.Sprintf("FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace%s WHERE n.nspname = %s AND c.relname = %s",
		strings.Join(append([]string{""}, joins...), " "), lit(n.Schema), lit(n.Name))
}

// exists makes a Done of a FROM and WHERE.
func exists(from string, and ...string) string {
	return "SELECT EXISTS (SELECT " + from + strings.Join(append([]string{""}, and...), " AND ") + ")"
}

// oneStatement wraps a single statement.
func oneStatement(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }

// rolesLiteral writes role names as a sorted array literal for comparison.
func textArray(values []string) string {
	sorted := slices.Sorted(slices.Values(values))
	for i, v := range sorted {
		sorted[i] = lit(v)
	}
	return "ARRAY[" + strings.Join(sorted, ", ") + "]::pg_catalog.text[]"
}

// routine writes a function's name with its argument types.
func routine(n Name, arguments []string) string {
	return n.sql() + "(" + strings.Join(arguments, ", ") + ")"
}

// routineIdentity is pg_identify_object's form.
func routineIdentity(n Name, arguments []string) string {
	return n.Identity() + "(" + strings.Join(arguments, ",") + ")"
}

// printedLiteral is a string constant as the server prints it while standard_conforming_strings is on.
func printedLiteral(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// printedIdent is a name as the server prints it.
func printedIdent(s string) string { return catalog.QuoteIdent(s) }
