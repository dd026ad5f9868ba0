package attack

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var activity = Probe{
	Name: "activity",
	Doc: `read another tenant's statements in pg_stat_activity

A role sees the text of every session of its own role. Where tenants share one, values that stand in the text of a statement
are seen by all; as parameters they are not.`,
	Command: "SELECT", Kind: "inference", Informational: true,
	Applies: func(t *Target) bool { return t.s.dial != nil },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		role := t.Role
		if t.Owner.Role != "" {
			role = t.Owner.Role
		}
		other, err := t.s.dial(ctx, role)
		if err != nil {
			return false, fmt.Errorf("opening a session of the owner's: %w", err)
		}
		defer other.Close(context.WithoutCancel(ctx))
		const secret = "ringfence: a secret in the text"
		if _, err := other.Exec(ctx, "SELECT "+pg.Literal(secret), pgx.QueryExecModeSimpleProtocol); err != nil {
			return false, fmt.Errorf("running a statement of the owner's: %w", err)
		}
		if _, err := t.query(ctx, tx, "SELECT pg_catalog.pg_stat_clear_snapshot()"); err != nil {
			return false, err
		}
		rows, err := t.query(ctx, tx, fmt.Sprintf("SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = %d AND query OPERATOR(pg_catalog.=) %s",
			other.PgConn().PID(), pg.Literal("SELECT "+pg.Literal(secret))))
		return len(rows) > 0, err
	},
}
