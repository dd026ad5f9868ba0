package attack

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

var partition = Probe{
	Name: "partition",
	Doc: `reach another tenant's row in its partition

A partition asked by its own name answers by its own policies and grants, not by those of the table it is a part of.`,
	Command: "SELECT", Kind: "isolation", Quiet: true, Writes: true,
	Ways: func(t *Target) []*Target {
		if t.stored == nil || t.stored == t.Table.Relation {
			return nil
		}
		way := t.through("partition", t.stored)
		way.cell, way.Path = t.stored.Identity(), nil
		return []*Target{way}
	},
	Try: tryReadOrWrite,
}

// tryReadOrWrite asks for the row by its key, and failing that writes to it.
func tryReadOrWrite(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
	reached, err := tryRead(ctx, tx, t)
	if reached || (err != nil && !refused(err)) {
		return reached, err
	}
	if reached, err = updateByKey.Try(ctx, tx, t); errors.Is(err, errNoColumn) {
		err = nil
	}
	return reached, err
}
