package prove

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// unbound returns the query that has PostgreSQL itself say that no policy stands in a way, or why there is none.
func unbound(w *reach.Way) ([]attack.Evaluation, string) {
	table, as := pg.Literal(tableName(w.Relation))+"::pg_catalog.regclass", pg.Literal(w.As)
	var last reach.Hop
	if len(w.Path) > 0 {
		last = w.Path[len(w.Path)-1]
	}
	ask := func(role, sql string, args ...any) ([]attack.Evaluation, string) {
		return []attack.Evaluation{{Role: role, Relation: w.Relation, Query: fmt.Sprintf(sql, args...)}}, ""
	}
	switch {
	case w.Planted != nil:
		return ask(w.Role, "SELECT pg_catalog.pg_has_role(%s, p.proowner, 'MEMBER') FROM pg_catalog.pg_proc p WHERE p.oid = %d", as, w.Planted.OID)
	case last.Via == "owner" && strings.HasPrefix(last.Name, reach.DatabaseHop):
		return ask(w.Role, "SELECT pg_catalog.pg_has_role(%s, datdba, 'MEMBER') FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()", as)
	case w.Below != nil:
		return ask(w.Role, "SELECT pg_catalog.has_function_privilege(%s, %d::pg_catalog.oid, 'EXECUTE')", as, w.Below.OID)
	case last.Via == "owner": // of the table, or of its schema
		return ask(w.Role, "SELECT pg_catalog.pg_has_role(%s, c.relowner, 'MEMBER') OR pg_catalog.pg_has_role(%s, n.nspowner, 'MEMBER') "+
			"FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %s", as, as, table)
	case last.Via == "publication" && strings.HasPrefix(last.Name, "REPLICATION"):
		return ask(w.Role, "SELECT rolreplication FROM pg_catalog.pg_roles WHERE rolname = %s", as)
	case last.Via == "inherit" && strings.HasPrefix(last.Name, "pg_"), last.Via == "set_role" && strings.HasPrefix(last.Name, "pg_"):
		return ask(w.Role, "SELECT pg_catalog.pg_has_role(%s, %s, 'MEMBER')", as, pg.Literal(last.Name))
	case w.Command == reach.Truncate, w.Command == reach.Trigger, w.Command == reach.Maintain:
		return ask(w.Role, "SELECT pg_catalog.has_table_privilege(%s, %s, %s)", as, table, pg.Literal(string(w.Command)))
	case w.Command == reach.References:
		return ask(w.Role, "SELECT pg_catalog.has_any_column_privilege(%s, %s, 'REFERENCES')", as, table)
	case last.Via == "constraint" && w.Kind == reach.Isolation:
		for i := range w.Relation.Constraints {
			if c := &w.Relation.Constraints[i]; last.Name == c.Name+" on "+w.Relation.Identity() {
				return ask(w.Role, "SELECT pg_catalog.has_table_privilege(%[1]s, %[2]s, 'DELETE') OR pg_catalog.has_any_column_privilege(%[1]s, %[2]s, 'UPDATE')", as, pg.Literal(c.RefTable)+"::pg_catalog.regclass")
			}
		}
		return nil, "the foreign key is not known"
	case last.Via == "publication", last.Via == "constraint", w.Kind == reach.Inference && last.Via == "trigger":
		return nil, "what is reached there no expression shows; prove --attack tries it"
	}
	return ask(w.As, "SELECT NOT pg_catalog.row_security_active(%s)", table)
}
