package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// The bits of pg_trigger.tgtype.
const (
	triggerRow    = 1
	triggerBefore = 2
	triggerInsert = 4
	triggerUpdate = 16
)

func (t Target) quotedObject() string { return pg.Ident(t.Object.Name) }

// triggerDone asks for any enabled trigger of exactly this type that always calls the function, whatever its name.
func triggerDone(t Target, tgtype int) string {
	return exists(ofRelation(t.Name, "JOIN pg_catalog.pg_trigger g ON g.tgrelid = c.oid",
		"JOIN pg_catalog.pg_proc f ON f.oid = g.tgfoid", "JOIN pg_catalog.pg_namespace fn ON fn.oid = f.pronamespace"),
		"fn.nspname = "+lit(t.Procedure.Schema), "f.proname = "+lit(t.Procedure.Name), fmt.Sprintf("g.tgtype = %d", tgtype),
		"g.tgenabled IN ('O', 'A')", "g.tgqual IS NULL", "g.tgattr = ''::pg_catalog.int2vector", "NOT g.tgisinternal")
}
