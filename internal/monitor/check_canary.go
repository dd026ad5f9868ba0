package monitor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var canaryCheck = Check{
	Name: "canary",
	Doc: `tenants that exist to be looked at, through the application's own log-in: bad where one sees a row that is not its own, unknown where it sees
none of its own either, since then nothing was tried`,
	Run: func(ctx context.Context, e *eye) Result {
		setting := settingOf(e.model)
		switch {
		case len(e.o.Canaries) == 0:
			return unknown("no canary tenant is named")
		case e.o.AppConnect == nil:
			return unknown("canaries are looked at through the application's own log-in, and none is given")
		case setting == "":
			return unknown("no setting is known that holds the tenant in the clear")
		}
		conn, err := e.o.AppConnect(ctx)
		if err != nil {
			return unknown("the application's own log-in: %v", err)
		}
		defer conn.Close(context.WithoutCancel(ctx))
		var leaks, silent []string
		for _, tenant := range e.o.Canaries {
			own, foreign, err := see(ctx, conn, e.model, setting, tenant)
			if err != nil {
				return unknown("%v", err)
			}
			leaks = append(leaks, foreign...)
			if own == 0 {
				silent = append(silent, tenant)
			}
		}
		switch {
		case len(leaks) > 0:
			slices.Sort(leaks)
			leaks = slices.Compact(leaks)
			r := bad("a canary tenant sees foreign rows in %d tables", len(leaks))
			r.Details = map[string]string{"tables": strings.Join(leaks, ", ")}
			return r
		case len(silent) > 0:
			return unknown("%d of %d canaries see no row of their own, so that nothing was tried", len(silent), len(e.o.Canaries))
		}
		return fine("%d canaries see their own rows and no others", len(e.o.Canaries))
	},
}

// settingOf is the setting that holds a tenant in the clear, as most policies read it.
func settingOf(m *tenancy.Model) string {
	for _, c := range m.Contexts {
		if c.Kind == "setting" && !c.Signed && !c.Principal {
			return c.Name
		}
	}
	return ""
}

// see asks, as one tenant and in one transaction that is rolled back, each table that the role may read: is there a row of its own,
// and one that is not?
func see(ctx context.Context, conn *pgx.Conn, m *tenancy.Model, setting, tenant string) (own int, foreign []string, err error) {
	for _, t := range m.TenantTables() {
		if len(t.Key) != 1 || t.Relation.Partition != nil {
			continue
		}
		var mine, theirs bool
		err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_catalog.set_config($1, $2, true), pg_catalog.set_config('statement_timeout', '10s', true)", setting, tenant); err != nil {
				return err
			}
			table, key := pg.Ident(t.Relation.Schema, t.Relation.Name), pg.Ident(t.Key[0])
			return tx.QueryRow(ctx, fmt.Sprintf("SELECT EXISTS (SELECT FROM %[1]s WHERE %[2]s::pg_catalog.text = $1), EXISTS (SELECT FROM %[1]s WHERE %[2]s::pg_catalog.text IS DISTINCT FROM $1)",
				table, key), tenant).Scan(&mine, &theirs)
		})
		switch {
		case err != nil && pg.SQLState(err) == "42501":
			continue // the role may not read it at all
		case err != nil:
			return 0, nil, fmt.Errorf("looking at %s as a canary: SQLSTATE %s", t.Relation.Identity(), pg.SQLState(err))
		}
		if mine {
			own++
		}
		if theirs {
			foreign = append(foreign, t.Relation.Identity())
		}
	}
	return own, foreign, nil
}
