package ringfence

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Open connects, looks whether a pooler is in the way, chooses how statements are run, and makes Check. A fault of the role
// is a Refusal (RoleForbidden) whose cause says what to run.
func Open(ctx context.Context, cfg Config) (*Pool, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	p := &Pool{cfg: cfg, log: cfg.logger(), names: cfg.settings(), setContext: cfg.contextSQL(), watching: make(chan struct{})}
	if p.cfg.CheckEvery <= 0 {
		p.cfg.CheckEvery = time.Minute
	}
	pool, err := cfg.parse(cfg.DSN)
	if err != nil {
		return nil, err
	}
	if err := p.meet(ctx, pool.ConnConfig); err != nil {
		return nil, err
	}
	pool.AfterConnect = p.admit
	if p.conns, err = pgxpool.NewWithConfig(ctx, pool); err != nil {
		return nil, fmt.Errorf("opening a pool: %w", err)
	}
	if cfg.ServiceDSN != "" {
		if err := p.openService(ctx); err != nil {
			p.conns.Close()
			return nil, err
		}
	}
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	go p.watch(watch)
	return p, nil
}

func (p *Pool) openService(ctx context.Context) error {
	cfg, err := p.cfg.parse(p.cfg.ServiceDSN)
	if err != nil {
		return err
	}
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // right behind every pooler; nothing here is hot
	cfg.MinConns, cfg.MinIdleConns = 0, 0
	cfg.AfterConnect = p.loadTypes
	if p.service, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return fmt.Errorf("opening the service role's pool: %w", err)
	}
	return nil
}

// Close waits until all connections are given back and closes them.
func (p *Pool) Close() {
	p.stop()
	<-p.watching
	p.conns.Close()
	if p.service != nil {
		p.service.Close()
	}
}

// Stat tells of the connections in use.
func (p *Pool) Stat() *pgxpool.Stat { return p.conns.Stat() }

// Mode is how statements are run: Config.Mode, or what Open chose.
func (p *Pool) Mode() pgx.QueryExecMode { return p.pooler.Mode }

// Ping reports whether the server answers and the role may be served. It needs no tenant.
func (p *Pool) Ping(ctx context.Context) error {
	if err := p.serving(ctx); err != nil {
		return err
	}
	return p.conns.Ping(ctx)
}
