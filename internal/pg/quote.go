package pg

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// Ident quotes a possibly qualified name for use in SQL: Ident("s", "t") is
// "s"."t". Always quoted, so that keywords, case and hostile characters are
// safe. PostgreSQL has no name with a NUL byte; pgx drops them.
func Ident(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// Literal quotes a string for use in SQL where a parameter is not possible
// (DDL, SET). It is safe whatever standard_conforming_strings is: a value with
// a backslash is written as an escape string constant. NUL bytes, which no text value can
// hold, are dropped.
func Literal(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	s = strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		return "E'" + strings.ReplaceAll(s, `\`, `\\`) + "'"
	}
	return "'" + s + "'"
}
