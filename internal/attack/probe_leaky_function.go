package attack

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var leakyFunction = Probe{
	Name: "leaky_function",
	Doc: `have a function and an operator in WHERE tell what they were shown

A function that is cheap and tells what it sees is worked out on hidden rows wherever the filter is not a security barrier.`,
	Command: "SELECT", Kind: "isolation", Writes: true, DDL: true,
	Applies: func(t *Target) bool { return t.telling() != "" },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		for _, sql := range []string{
			`CREATE FUNCTION pg_temp.ringfence_tell(seen text, sought text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0000001 AS
				'BEGIN IF seen IS NOT DISTINCT FROM sought THEN PERFORM pg_catalog.set_config(''ringfence.told'', ''yes'', true); END IF; RETURN false; END'`,
			`CREATE OPERATOR pg_temp.<<<< (FUNCTION = pg_temp.ringfence_tell, LEFTARG = text, RIGHTARG = text)`,
			`SELECT pg_catalog.set_config('ringfence.told', '', true)`,
		} {
			if _, err := t.exec(ctx, tx, sql); err != nil {
				return false, err
			}
		}
		column, value := pg.Ident(t.telling())+"::text", literal(t.Row[t.telling()])
		for _, condition := range []string{
			"pg_temp.ringfence_tell(" + column + ", " + value + ")",
			column + " OPERATOR(pg_temp.<<<<) " + value,
		} {
			if _, err := t.query(ctx, tx, "SELECT 1 FROM "+t.Relation+" WHERE "+condition); err != nil {
				return false, err
			}
			rows, err := query(ctx, tx, "SELECT pg_catalog.current_setting('ringfence.told', true) = 'yes'")
			if err != nil || *rows[0][0] == "t" {
				return err == nil, err
			}
		}
		return false, nil
	},
}

// telling is a column of the key by whose value alone the row is told from the other tenant's: the tenant's own where the key has it,
// else the first in which the two differ. A key may begin with what both share. Empty: there is none.
func (t *Target) telling() string {
	for _, columns := range [][]string{t.Table.Key, t.Key} {
		for _, c := range columns {
			if v, mine := t.Row[c], t.Mine[c]; slices.Contains(t.Key, c) && v != nil && (mine == nil || *v != *mine) {
				return c
			}
		}
	}
	return ""
}
