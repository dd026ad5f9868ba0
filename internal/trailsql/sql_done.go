package trailsql

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/definer"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// Done is a query for one boolean: does all of Install stand? It reads the catalogue only, and is false, never an error, where
// nothing does. Events, partitions and grants are no part of it.
func Done() string {
	var facts []string
	for _, f := range Functions() {
		facts = append(facts, f.Stands(Owner))
	}
	for _, t := range Tables() {
		kind := "r"
		if t == Events {
			kind = "p"
		}
		facts = append(facts, fmt.Sprintf("EXISTS (SELECT %s AND c.relname = %s AND c.relkind = %s AND c.relrowsecurity AND c.relforcerowsecurity)", ofClass, pg.Literal(t), pg.Literal(kind)))
		for _, trigger := range []string{"trail_refuse_row", "trail_refuse_statement"} {
			facts = append(facts, triggerStands(t, trigger))
		}
		for _, policy := range []string{"trail_append", "trail_own"} {
			facts = append(facts, fmt.Sprintf("EXISTS (SELECT %s AND c.relname = %s AND EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polname = %s AND p.polroles = ARRAY[o.oid]))",
				ofClass, pg.Literal(t), pg.Literal(policy)))
		}
	}
	facts = append(facts, columnsStand(), checksStand())
	for _, i := range Indexes {
		facts = append(facts, fmt.Sprintf("EXISTS (SELECT %s AND c.relname = %s AND c.relkind = 'I' AND EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indexrelid = c.oid AND x.indisvalid))", ofClass, pg.Literal(i.Name)))
	}
	return "SELECT " + strings.Join(facts, "\n   AND ")
}

// ofClass starts a query about a relation c of the schema, its owner o being the trail's.
var ofClass = definer.OfClass(Owner)

func triggerStands(table, trigger string) string {
	return fmt.Sprintf("EXISTS (SELECT %s AND c.relname = %s AND EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid"+
		" WHERE t.tgrelid = c.oid AND t.tgname = %s AND t.tgenabled = 'A' AND f.proname = 'trail_refuse' AND f.pronamespace = c.relnamespace))",
		ofClass, pg.Literal(table), pg.Literal(trigger))
}

func columnsStand() string {
	want := make([]string, len(Columns))
	for i, c := range Columns {
		want[i] = pg.Literal(fmt.Sprintf("%s %s %t", c.Name, c.Type, !c.Null))
	}
	return fmt.Sprintf("(SELECT pg_catalog.array_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) || ' ' || CASE WHEN a.attnotnull THEN 'true' ELSE 'false' END ORDER BY a.attnum)"+
		" %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped) IS NOT DISTINCT FROM ARRAY[%s]",
		strings.Replace(ofClass, " WHERE ", " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE ", 1), pg.Literal(Events), strings.Join(want, ", "))
}

func checksStand() string {
	names := Checks()
	for i, n := range names {
		names[i] = pg.Literal(n)
	}
	return fmt.Sprintf("(SELECT pg_catalog.count(*) %s AND c.relname = %s AND k.contype = 'c' AND k.conname = ANY (ARRAY[%s])) = %d",
		strings.Replace(ofClass, " WHERE ", " JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid WHERE ", 1), pg.Literal(Events), strings.Join(names, ", "), len(names))
}
