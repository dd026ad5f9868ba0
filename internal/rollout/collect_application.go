package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var (
	applicationPath = Collector{Name: "application_path", How: "two sessions through the application's own DSN and pooler", Holds: 24 * time.Hour, Collect: collectApplicationPath}
)

// turns is how often two sessions of the application take turns.
const turns = 50

// collectApplicationPath sets the tenant for a transaction through the application's own way in, on two sessions that take turns, and
// looks that it is there inside, is nobody else's, and is gone after.
func collectApplicationPath(ctx context.Context, t *Target) Finding {
	dial := t.PoolerDial
	if dial == nil {
		dial = t.AppDial
	}
	if dial == nil {
		return unknown("the application's own DSN was not given (--app-dsn, --pooler-dsn)")
	}
	m, err := t.model(ctx)
	if err != nil {
		return unknown("the target's catalogue could not be read: %v", err)
	}
	setting := ""
	for _, c := range m.Contexts {
		if c.Kind == "setting" && !c.Signed {
			setting = c.Name
			break
		}
	}
	if setting == "" {
		return unknown("no plain setting that holds the tenant is known")
	}
	var sessions [2]*pgx.Conn
	for i := range sessions {
		if sessions[i], err = dial(ctx); err != nil {
			return unknown("the application's way in does not open: %v", err)
		}
		defer sessions[i].Close(context.WithoutCancel(ctx))
	}
	for turn := range turns {
		if why := oneTurn(ctx, sessions[turn%2], setting, fmt.Sprintf("00000000-0000-4000-8000-%012d", turn+1)); why != "" {
			return known(false, fmt.Sprintf("turn %d", turn+1), why)
		}
	}
	f := known(true, fmt.Sprintf("%d turns", turns), "the tenant is set for a transaction, and gone after it")
	if t.PoolerDial == nil {
		f.Why += "; no pooler was in the path"
	}
	return f
}

// oneTurn returns what went wrong, or nothing.
func oneTurn(ctx context.Context, conn *pgx.Conn, setting, tenant string) string {
	var before, inside string
	read := "SELECT coalesce(pg_catalog.current_setting(" + pg.Literal(setting) + ", true), '')"
	if err := conn.QueryRow(ctx, read, pgx.QueryExecModeSimpleProtocol).Scan(&before); err != nil {
		return "the setting cannot be read: " + err.Error()
	}
	if before != "" {
		return "a session begins with a tenant that nobody set"
	}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_catalog.set_config("+pg.Literal(setting)+", "+pg.Literal(tenant)+", true)", pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		return tx.QueryRow(ctx, read, pgx.QueryExecModeSimpleProtocol).Scan(&inside)
	})
	switch {
	case err != nil:
		return "the tenant cannot be set: " + err.Error()
	case inside != tenant:
		return "inside of a transaction the tenant is not the one that was set"
	}
	return ""
}
