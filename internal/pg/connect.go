package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Options says what kind of session Connect opens.
type Options struct {
	// ApplicationName is shown in pg_stat_activity; "" is "ringfence".
	ApplicationName string
	// SimpleProtocol sends every query with the simple protocol: nothing is
	// prepared, and no snapshot outlives a statement. For poolers, and for
	// connections that live beside a concurrent index build.
	SimpleProtocol bool
}

// Connect opens one connection.
func Connect(ctx context.Context, dsn string, opts Options) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("reading the connection string")
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return conn, nil
}
