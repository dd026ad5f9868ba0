package attack

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"
)

var advisoryLock = Probe{
	Name: "advisory_lock",
	Doc: `hold an advisory lock that another tenant's request waits for

Advisory locks have no owner and no policy: whoever may call the functions takes any number, and keeps it for as long as the
session lives. Where jobs of all tenants lock by numbers that can be guessed, one stops the others.`,
	Command: "SELECT", Kind: "inference", Informational: true,
	Applies: func(t *Target) bool { return t.s.dial != nil },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		var raw [8]byte
		_, _ = rand.Read(raw[:]) // never fails, by its documentation
		lock := fmt.Sprintf("SELECT pg_catalog.pg_try_advisory_xact_lock(%d)", int64(binary.LittleEndian.Uint64(raw[:])))
		if t.control() { // the lock is to be had at all
			rows, err := t.s.see(ctx, tx, "", lock)
			return err == nil && len(rows) == 1 && *rows[0][0] == "t", err
		}
		if _, err := t.query(ctx, tx, lock); err != nil {
			return false, err
		}
		other, err := t.s.dial(ctx, t.roleOf(t.Owner))
		if err != nil {
			return false, fmt.Errorf("opening a session of the owner's: %w", err)
		}
		defer other.Close(context.WithoutCancel(ctx))
		var got bool
		if err := other.QueryRow(ctx, lock, pgx.QueryExecModeSimpleProtocol).Scan(&got); err != nil {
			return false, fmt.Errorf("asking for the lock as the owner: %w", err)
		}
		return !got, nil
	},
}

// roleOf is the role that a tenant's sessions have.
func (t *Target) roleOf(tenant Tenant) string {
	if tenant.Role != "" {
		return tenant.Role
	}
	return t.Role
}
