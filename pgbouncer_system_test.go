//go:build system

package ringfence_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// many is an app with a dozen tenants, each with a row that says whose it is.
func many(t testing.TB, server *pgtest.Instance) (*app, []string) {
	t.Helper()
	a := newAppOn(t, server.DB(t))
	var all []string
	for i := range 12 {
		all = append(all, fmt.Sprintf("%08d-0000-4000-8000-000000000000", i+1))
		a.Exec(t, "INSERT INTO doc VALUES ($1, 1, $2)", all[i], all[i])
	}
	return a, all
}

// reads is how many reads each tenant makes.
func reads() int {
	if os.Getenv("RINGFENCE_LONG") != "" {
		return 2000
	}
	return 250
}

// tally is what readers saw.
type tally struct {
	own, foreign, lost, failed int
}

// interleave has every tenant read its own row many times at once, and tells whose rows came.
func interleave(tenants []string, n int, read func(ctx context.Context, tenant string) (string, error)) tally {
	var mu sync.Mutex
	var sum tally
	var group sync.WaitGroup
	for _, tenant := range tenants {
		group.Go(func() {
			ctx := as(context.Background(), tenant)
			for range n {
				got, err := read(ctx, tenant)
				mu.Lock()
				switch {
				case err != nil && err != pgx.ErrNoRows:
					sum.failed++
				case err != nil:
					sum.lost++
				case got == tenant:
					sum.own++
				default:
					sum.foreign++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return sum
}

const readOwn = "SELECT body FROM doc WHERE id = $1 LIMIT 1"

// TestSystemPgBouncer makes interleaved reads of a dozen tenants through PgBouncer in transaction mode: all of them are
// the tenant's own. The usual recipe (BeforeAcquire and a setting of the session) beside it shows that the test can fail.
func TestSystemPgBouncer(t *testing.T) {
	server := pgtest.Server(t, 0)
	a, tenants := many(t, server)
	bouncer := pgtest.PgBouncer(t, server, pgtest.BouncerOptions{PoolSize: 4})
	a.dsn = bouncer.DSN(a.Name, a.role) + " pool_max_conns=8"
	want := tally{own: len(tenants) * reads()}
	for _, form := range []ringfence.TransactionForm{ringfence.Explicit, ringfence.Implicit} {
		p := a.open(t, func(c *ringfence.Config) { c.Transaction = form })
		path := p.Path()
		if path.Pooler != ringfence.Yes || path.Prepared != ringfence.No || path.Mode != pgx.QueryExecModeCacheDescribe {
			t.Errorf("found %+v", path)
		}
		got := interleave(tenants, reads(), func(ctx context.Context, _ string) (body string, err error) {
			return body, p.QueryRow(ctx, readOwn, 1).Scan(&body)
		})
		if got != want {
			t.Errorf("form %d: %+v, want %+v", form, got, want)
		}
		got = interleave(tenants, reads()/10, func(ctx context.Context, tenant string) (body string, err error) {
			return body, p.RunTx(ctx, ringfence.TxOptions{}, func(tx *ringfence.Tx) error {
				if _, err := tx.Exec(ctx, "UPDATE doc SET body = $1 WHERE id = $2", tenant, 1); err != nil {
					return err
				}
				return tx.QueryRow(ctx, readOwn, 1).Scan(&body)
			})
		})
		if want := (tally{own: len(tenants) * (reads() / 10)}); got != want {
			t.Errorf("form %d: transactions: %+v, want %+v", form, got, want)
		}
		t.Logf("ours, form %d: %d of %d reads are the tenant's own", form, want.own, want.own)
	}
	usual := interleave(tenants, reads(), theRecipe(t, a.dsn))
	t.Logf("the usual recipe: %+v", usual)
	if usual.foreign == 0 {
		t.Error("the usual recipe leaked nothing: this pooler mixes no sessions, and the test above shows nothing")
	}
}

// theRecipe is what is commonly recommended for pgxpool: the setting is made for the session when a connection is taken,
// and taken back when it is given back.
func theRecipe(t testing.TB, dsn string) func(context.Context, string) (string, error) {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.BeforeAcquire = func(ctx context.Context, conn *pgx.Conn) bool {
		tenant, err := ringfence.TenantFrom(ctx)
		if err != nil {
			return false
		}
		_, err = conn.Exec(ctx, "select set_config('"+setting+"', $1, false)", tenant.String())
		return err == nil
	}
	cfg.AfterRelease = func(conn *pgx.Conn) bool {
		_, err := conn.Exec(context.Background(), "select set_config('"+setting+"', '', false)")
		return err == nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return func(ctx context.Context, _ string) (body string, err error) {
		return body, pool.QueryRow(ctx, readOwn, 1).Scan(&body)
	}
}

// TestSystemPgBouncerModes runs every kind of call in the modes that a pooler without prepared statements allows.
func TestSystemPgBouncerModes(t *testing.T) {
	server := pgtest.Server(t, 0)
	a := newAppOn(t, server.DB(t))
	bouncer := pgtest.PgBouncer(t, server, pgtest.BouncerOptions{})
	a.dsn = bouncer.DSN(a.Name, a.role)
	for _, mode := range []pgx.QueryExecMode{0, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		p := a.open(t, func(c *ringfence.Config) { c.Mode = mode })
		for range 2 {
			for _, tenant := range []string{tenantA, tenantB} {
				everyCall(t, a, p, as(t.Context(), tenant), tenant)
			}
		}
	}
	p := a.open(t)
	for range 3 { // a call whose context ends leaves the pooler's only session to the next tenant as it should be
		ctx, cancel := context.WithTimeout(as(t.Context(), tenantA), 50*time.Millisecond)
		if _, err := p.Exec(ctx, "SELECT pg_sleep(20)"); err == nil {
			t.Error("it was not cancelled")
		}
		cancel()
		if got := owners(t, as(t.Context(), tenantB), p); got != rowsOf(tenantB, "1", "2", "3") {
			t.Errorf("B sees %s", got)
		}
	}
	if left := leftBehind(t, bouncer, a); left != "" {
		t.Errorf("the next client of the pooler finds the context %q", left)
	}
}

// leftBehind is what another client of the pooler finds set.
func leftBehind(t *testing.T, bouncer *pgtest.Bouncer, a *app) (left string) {
	t.Helper()
	conn, err := pg.Connect(t.Context(), bouncer.DSN(a.Name, a.role), pg.Options{SimpleProtocol: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), "SELECT coalesce(current_setting('"+setting+"', true), '')").Scan(&left); err != nil {
		t.Fatal(err)
	}
	return left
}
