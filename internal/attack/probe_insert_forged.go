package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var insertForged = Probe{
	Name: "insert_forged",
	Doc: `make a row that belongs to another tenant

A policy that filters what is read says nothing of what is written unless it is also the check. A planted row is later read
by its victim as its own.`,
	Command: "INSERT", Kind: "isolation", Writes: true,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if t.Spare == nil {
			return false, errNoRow
		}
		if _, err := t.exec(ctx, tx, t.insert(t.Spare)); err != nil {
			return false, err
		}
		return t.stands(ctx, tx, t.Spare)
	},
}
