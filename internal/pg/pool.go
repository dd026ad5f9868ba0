package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool opens a pool whose connections are made as Connect makes one; nothing is dialled yet. The caller closes it.
func Pool(ctx context.Context, dsn string, opts Options) (*pgxpool.Pool, error) {
	conn, err := parseConfig(dsn, opts)
	if err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("preparing a pool: %w", err)
	}
	cfg.ConnConfig = conn
	return pgxpool.NewWithConfig(ctx, cfg)
}
