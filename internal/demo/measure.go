package demo

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// runs is how often a timed query is run; the first ones warm up and are not counted.
const (
	runs   = 12
	warmUp = 2
)

// latency times one tenant's count over the large table, as role and through what binds it, and keeps the median.
func (s *stage) latency(ctx context.Context, role, when string) error {
	conn, err := s.connect(ctx, database, role)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	query := fmt.Sprintf("SELECT count(*) FROM %s WHERE organization_id = '%s'", bigTable, tenant(1))
	var took []time.Duration
	for range runs {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT set_config($1, $2, true)", setting, tenant(1)); err != nil {
				return err
			}
			began := time.Now()
			var n int64
			err := tx.QueryRow(ctx, query).Scan(&n)
			took = append(took, time.Since(began))
			return err
		})
		if err != nil {
			return fmt.Errorf("timing a query: %w", err)
		}
	}
	took = took[warmUp:]
	slices.Sort(took)
	median := float64(took[len(took)/2].Microseconds()) / 1000
	s.figure("tenant_query_"+when, "one organisation's calls counted "+when, median, "ms", query)
	s.Say("  one organisation's calls, counted: %.2f ms (median of %d)", median, len(took))
	return nil
}

// A pulse is a client of the application that never stops: it writes and reads small things and keeps the longest time it waited.
type pulse struct {
	mu       sync.Mutex
	longest  map[string]time.Duration
	count    int
	failures []string
	stop     context.CancelFunc
	wait     sync.WaitGroup
}

// pulse starts a reader and a writer as role.
func (s *stage) pulse(ctx context.Context, role string) (*pulse, error) {
	ctx, stop := context.WithCancel(ctx)
	p := &pulse{longest: map[string]time.Duration{}, stop: stop}
	statements := map[string]string{
		"read":  fmt.Sprintf("SELECT count(*) FROM callcenter.collection_accounts WHERE organization_id = '%s'", tenant(1)),
		"write": fmt.Sprintf("UPDATE callcenter.collection_accounts SET balance = balance + 1 WHERE organization_id = '%s'", tenant(1)),
	}
	for kind, sql := range statements {
		conn, err := s.connect(ctx, database, role)
		if err != nil {
			stop()
			return nil, err
		}
		p.wait.Add(1)
		go p.beat(ctx, conn, kind, sql)
	}
	return p, nil
}

func (p *pulse) beat(ctx context.Context, conn *pgx.Conn, kind, sql string) {
	defer p.wait.Done()
	defer conn.Close(context.WithoutCancel(ctx))
	for ctx.Err() == nil {
		began := time.Now()
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT set_config($1, $2, true)", setting, tenant(1)); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, sql)
			return err
		})
		p.note(ctx, kind, time.Since(began), err)
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (p *pulse) note(ctx context.Context, kind string, took time.Duration, err error) {
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	p.longest[kind] = max(p.longest[kind], took)
	if err != nil {
		p.failures = append(p.failures, err.Error())
	}
}

// end stops the clients and waits for them.
func (p *pulse) end() {
	p.stop()
	p.wait.Wait()
}
