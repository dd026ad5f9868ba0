package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var othersContext = Probe{
	Name: "others_context",
	Doc: `read a row through a statement prepared in its owner's context

A pooled connection served the owner before. A plan that folded the owner's context into a constant, because a function that
reads it is declared IMMUTABLE, goes on answering for the owner.`,
	Command: "SELECT", Kind: "isolation",
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if err := t.s.setContext(ctx, tx, t.Owner); err != nil {
			return false, err
		}
		const name = "ringfence_stale"
		defer func() { _, _ = t.exec(context.WithoutCancel(ctx), tx, "DEALLOCATE "+name) }()
		prepare := "SET LOCAL plan_cache_mode = force_generic_plan; PREPARE " + name + " AS SELECT 1 FROM " + t.Relation + " WHERE " + t.where()
		if _, err := t.query(ctx, tx, prepare); err != nil {
			return false, err
		}
		if _, err := t.query(ctx, tx, "EXECUTE "+name); err != nil {
			return false, err
		}
		if err := t.s.setContext(ctx, tx, t.Actor); err != nil {
			return false, err
		}
		rows, err := t.query(ctx, tx, "EXECUTE "+name)
		return len(rows) > 0, err
	},
}
