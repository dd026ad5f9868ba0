package attack

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var triggerTap = Probe{
	Name: "trigger_tap",
	Doc: `hang a trigger on the table that hands on what others write

The TRIGGER privilege lets a role put a function of its own on a table: it sees every tenant's new rows, whatever the policies.`,
	Command: "TRIGGER", Kind: "isolation", Writes: true, DDL: true, Clone: true,
	Applies: func(t *Target) bool { return !t.vacate && t.Spare != nil && len(t.Key) > 0 },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		key := t.Key[len(t.Key)-1]
		for _, sql := range []string{
			`SELECT pg_catalog.set_config('ringfence.told', '', true)`,
			`CREATE FUNCTION pg_temp.ringfence_tap() RETURNS trigger LANGUAGE plpgsql AS
				$$ BEGIN PERFORM pg_catalog.set_config('ringfence.told', pg_catalog.to_jsonb(NEW) ->> ` + pg.Literal(key) + `, true); RETURN NEW; END $$`,
		} {
			if _, err := t.exec(ctx, tx, sql); err != nil {
				return false, err
			}
		}
		hang := func(on string) error {
			_, err := t.exec(ctx, tx, "CREATE TRIGGER ringfence_tap BEFORE INSERT ON "+on+" FOR EACH ROW EXECUTE FUNCTION pg_temp.ringfence_tap()")
			return err
		}
		err := hang(t.base)
		if refused(err) && t.stored != nil && t.stored != t.Table.Relation {
			err = hang(tableName(t.stored))
		}
		if err != nil {
			return false, err
		}
		if err := t.asOutside(ctx, tx, t.Table.Relation.Owner, insertSQL(t.base, t.Spare)); err != nil {
			return false, err
		}
		rows, err := query(ctx, tx, "SELECT pg_catalog.current_setting('ringfence.told', true)")
		return err == nil && t.Spare[key] != nil && len(rows) == 1 && rows[0][0] != nil && *rows[0][0] == *t.Spare[key], err
	},
}
