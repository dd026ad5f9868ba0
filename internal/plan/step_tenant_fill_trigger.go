package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var tenantFillTrigger = Kind{
	Name: "tenant_fill_trigger",
	Doc: `fill a child's tenant key from its parent on INSERT

Programs that do not know the new column go on working: where they leave it out, it is taken from the parent that the row names.
The function runs as who inserts, under the parent's policies, so that it finds no other tenant's parent.`,
	Wave: 2,
	Lock: ShareRowExclusive, UndoLock: AccessExclusive,

	Do: func(t Target) []string {
		return []string{
			"CREATE SCHEMA IF NOT EXISTS " + pg.Ident(t.Procedure.Schema),
			fmt.Sprintf("CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS %s", t.Procedure.sql(), lit(t.fillBody())),
			fmt.Sprintf("CREATE TRIGGER %s BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION %s()", t.quotedObject(), t.sql(), t.Procedure.sql()),
		}
	},
	Undo: func(t Target) []string {
		return []string{
			fmt.Sprintf("DROP TRIGGER %s ON %s", t.quotedObject(), t.sql()),
			fmt.Sprintf("DROP FUNCTION %s()", t.Procedure.sql()),
		}
	},
	Done: func(t Target) string {
		return triggerDone(t, triggerRow|triggerBefore|triggerInsert) + " AND " + triggerFunctionIs(t.Procedure, t.fillBody())
	},
	Also:   onPartitions(ShareRowExclusive),
	Object: func(t Target) string { return constraintIdentity(t.Object.Name, t.Name) },
}

func (t Target) fillBody() string {
	column := "NEW." + pg.Ident(t.Columns[0])
	return fmt.Sprintf("BEGIN IF %s IS NULL THEN %s := (%s); END IF; RETURN NEW; END", column, column, t.Parent.keySQL("NEW"))
}

// keySQL is a scalar query for the tenant key that the parent, or the parent's parent, gives to the row called outer.
func (t *ParentTest) keySQL(outer string) string {
	from, where, key := t.walk(outer, 1)
	return "SELECT " + key + " FROM " + from + " WHERE " + where
}

// walk writes the way up: what to read, how it hangs together, and the key's expression at the end.
func (t *ParentTest) walk(outer string, level int) (from, where, key string) {
	alias := fmt.Sprintf("parent%d", level)
	from = t.Table.sql() + " " + alias
	for i, on := range t.On {
		if i > 0 {
			where += " AND "
		}
		where += castSQL(alias+"."+pg.Ident(on.Ref), on.RefCast) + " = " + castSQL(outer+"."+pg.Ident(on.Column), on.ColumnCast)
	}
	if t.Rows.Parent == nil {
		return from, where, alias + "." + pg.Ident(t.Rows.Key.Column)
	}
	upFrom, upWhere, key := t.Rows.Parent.walk(alias, level+1)
	return from + ", " + upFrom, where + " AND " + upWhere, key
}
