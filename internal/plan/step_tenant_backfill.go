package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var tenantBackfill = Kind{
	Name: "tenant_backfill",
	Doc: `fill a child's tenant key from its parent

Old rows get their parent's tenant, in batches of a transaction each, which can be stopped and gone on with at any time. Rows whose
parent is missing or has no tenant stay NULL, and the validation after it then stops the plan and tells. Triggers of the
table fire as for any UPDATE.`,
	Wave:   5,
	Lock:   RowExclusive,
	Batch:  batchSize,
	NoUndo: "the values go with the column",

	Do: func(t Target) []string {
		return oneStatement("UPDATE ONLY %[1]s AS child SET %[2]s = (%[3]s) WHERE child.ctid = ANY (ARRAY(SELECT child.ctid FROM ONLY %[1]s AS child"+
			" WHERE child.%[2]s IS NULL AND (%[3]s) IS NOT NULL LIMIT $1 FOR UPDATE))", t.sql(), pg.Ident(t.Columns[0]), t.Parent.keySQL("child"))
	},
	Done: func(t Target) string {
		return noRowLeft(t.Name, t.Columns[:1], fmt.Sprintf("FROM ONLY %s AS child WHERE child.%s IS NULL AND (%s) IS NOT NULL",
			t.sql(), pg.Ident(t.Columns[0]), t.Parent.keySQL("child")))
	},
	Object: func(t Target) string { return t.columnIdentity() },
}
