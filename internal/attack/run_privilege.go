package attack

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// privileged reports whether the role holds any privilege for the probe's command on the way's relation. An error counts as
// yes: the outcome then stays what it was.
func (r *runner) privileged(ctx context.Context, tx pgx.Tx, p Probe, role string, t *Target) bool {
	if t.Owner.Role != "" {
		role = t.Owner.Role
	}
	check := "has_any_column_privilege"
	privilege := p.Command
	switch p.Command {
	case "DELETE", "TRUNCATE", "TRIGGER":
		check = "has_table_privilege"
	case "MERGE":
		privilege = "SELECT"
	case "SELECT", "INSERT", "UPDATE", "REFERENCES":
	default:
		return true
	}
	sql := fmt.Sprintf("SELECT %s(%s, %s::regclass, %s)", check, pg.Literal(role), pg.Literal(t.Relation), pg.Literal(privilege))
	rows, err := r.s.see(ctx, tx, "", sql)
	return err != nil || len(rows) != 1 || rows[0][0] == nil || *rows[0][0] == "t"
}
