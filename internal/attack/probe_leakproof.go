package attack

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var leakproof = Probe{
	Name: "leakproof",
	Doc: `have a function that is declared LEAKPROOF see hidden rows

A cheap LEAKPROOF function is worked out before the policy. PostgreSQL takes its author's word that it tells nothing of what it
sees; one that raises, logs or remembers hands hidden rows on. Its calls are counted against the rows in sight.`,
	Command: "SELECT", Kind: "isolation", Quiet: true, Blind: true, Writes: true,
	Ways: func(t *Target) []*Target {
		var out []*Target
		for i := range t.s.snap.Functions {
			f := &t.s.snap.Functions[i]
			if f.System || f.Extension != "" || !f.Leakproof || f.Result != "boolean" || len(f.Arguments) == 0 || len(f.Arguments) > 2 ||
				t.columnFor(f.ArgumentOIDs[0]) == "" || outside(t.s.snap, f) != "" {
				continue
			}
			u := *t
			u.call, u.Path = f, Path{{"function", f.Identity()}}
			out = append(out, &u)
		}
		return out
	},
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if !t.s.superuser {
			return false, errors.New("only a superuser can count the calls of functions")
		}
		if err := t.asOutside(ctx, tx, "", "SET LOCAL track_functions = 'all'"); err != nil {
			return false, err
		}
		seen, err := t.count(ctx, tx, "SELECT count(*) FROM "+t.Relation)
		if err != nil {
			return false, err
		}
		sql := "SELECT count(*) FROM " + t.Relation + " WHERE " + pg.Ident(t.call.Schema, t.call.Name) + "(" + pg.Ident(t.columnFor(t.call.ArgumentOIDs[0]))
		if len(t.call.Arguments) == 2 {
			sql += ", NULL"
		}
		for _, set := range []string{"enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"} {
			sql = "SET LOCAL " + set + " = off; " + sql
		}
		before, err := t.calls(ctx, tx)
		if err != nil {
			return false, err
		}
		if _, err := t.query(ctx, tx, sql+")"); err != nil {
			return false, err
		}
		after, err := t.calls(ctx, tx)
		if t.control() {
			return after > before, err
		}
		return after-before > seen, err
	},
}

// columnFor returns the first column of the table that a function's argument takes without a cast; "" for none.
func (t *Target) columnFor(oid uint32) string {
	for _, c := range t.Table.Relation.Columns {
		if c.TypeOID == oid {
			return c.Name
		}
	}
	return ""
}

// count runs a query for one number as the actor.
func (t *Target) count(ctx context.Context, tx pgx.Tx, sql string) (int64, error) {
	rows, err := t.query(ctx, tx, sql)
	return number(rows, err)
}

// calls returns how often the function was called in this transaction.
func (t *Target) calls(ctx context.Context, tx pgx.Tx) (int64, error) {
	return number(t.s.see(ctx, tx, "", fmt.Sprintf(
		"SELECT coalesce(sum(calls), 0) FROM pg_stat_xact_user_functions WHERE funcid = %d", t.call.OID)))
}

// number reads the one value of a result.
func number(rows [][]*string, err error) (int64, error) {
	if err != nil || len(rows) != 1 || rows[0][0] == nil {
		return 0, err
	}
	return strconv.ParseInt(*rows[0][0], 10, 64)
}
