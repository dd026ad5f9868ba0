package attack

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var preparedTransaction = Probe{
	Name: "prepared_transaction",
	Doc: `end another tenant's prepared transaction

pg_prepared_xacts is readable by everybody, and ROLLBACK PREPARED asks for the same role only: where tenants share one, a request
of one destroys what another has prepared. The transaction tried here is Ringfence's own and holds nothing.`,
	Command: "DELETE", Kind: "inference", Writes: true, Informational: true,
	Applies: func(t *Target) bool {
		n := t.s.snap.Server.Settings["max_prepared_transactions"]
		return t.s.dial != nil && n != "" && n != "0"
	},
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		raw := make([]byte, 12)
		_, _ = rand.Read(raw) // never fails, by its documentation
		gid := pg.Literal("ringfence_" + hex.EncodeToString(raw))
		owner, err := t.s.dial(ctx, t.roleOf(t.Owner))
		if err != nil {
			return false, fmt.Errorf("opening a session of the owner's: %w", err)
		}
		defer owner.Close(context.WithoutCancel(ctx))
		if _, err := owner.Exec(ctx, "BEGIN; PREPARE TRANSACTION "+gid, pgx.QueryExecModeSimpleProtocol); err != nil {
			return false, fmt.Errorf("preparing a transaction of the owner's: %w", err)
		}
		defer func() { // gone already where the stranger ended it
			_, _ = owner.Exec(context.WithoutCancel(ctx), "ROLLBACK PREPARED "+gid, pgx.QueryExecModeSimpleProtocol)
		}()
		stranger, err := t.s.dial(ctx, t.roleOf(t.Actor))
		if err != nil {
			return false, fmt.Errorf("opening a session of the stranger's: %w", err)
		}
		defer stranger.Close(context.WithoutCancel(ctx))
		t.s.statements = append(t.s.statements, "ROLLBACK PREPARED "+gid)
		_, err = stranger.Exec(ctx, "ROLLBACK PREPARED "+gid, pgx.QueryExecModeSimpleProtocol)
		return err == nil, err
	},
}
