package ringfencetest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
)

// The observer sees the pool's statements in their tenant's context, in every way that pgx can send them.
func TestObservePool(t *testing.T) {
	f := newFixture(t)
	ctx := ringfence.WithTenant(t.Context(), parse(t, acme))
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		pool, err := ringfence.Open(t.Context(), ringfence.Config{DSN: f.observer.DSN(), Setting: setting, Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		f.observer.Take()
		for range 2 { // cold and warm
			if _, err := pool.Exec(ctx, "SELECT FROM doc"); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
		}
		tx, err := pool.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := tx.Exec(ctx, "SELECT FROM bare"); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
		}
		if err := tx.Commit(ctx); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
		want := []Statement{{"SELECT FROM doc", acme}, {"SELECT FROM doc", acme}, {"SELECT FROM bare", acme}, {"SELECT FROM bare", acme}}
		if d := cmp.Diff(want, f.observer.Take()); d != "" {
			t.Errorf("%s: %s", mode, d)
		}
		pool.Close()
	}
}

// It sees as well what goes wrong: nothing set, set in another transaction, set for the session, rolled back, or several
// statements in one message.
func TestObserveRaw(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		run  []string
		args []any
		want []Statement
	}{
		"nothing set":        {[]string{"SELECT FROM bare"}, nil, []Statement{{"SELECT FROM bare", ""}}},
		"local, outside":     {[]string{"SELECT set_config('app.tenant', '" + acme + "', true)", "SELECT FROM bare"}, nil, []Statement{{"SELECT FROM bare", ""}}},
		"in a transaction":   {[]string{"BEGIN", "SET LOCAL app.tenant = '" + acme + "'", "SELECT FROM bare", "COMMIT", "SELECT FROM bare"}, nil, []Statement{{"SELECT FROM bare", acme}, {"SELECT FROM bare", ""}}},
		"for the session":    {[]string{"SET app.tenant TO '" + acme + "'", "SELECT FROM bare"}, nil, []Statement{{"SELECT FROM bare", acme}}},
		"rolled back":        {[]string{"begin", "select set_config('app.tenant', '" + acme + "', true)", "rollback", "SELECT FROM bare"}, nil, []Statement{{"SELECT FROM bare", ""}}},
		"to a savepoint":     {[]string{"begin", "savepoint s", "select set_config('app.tenant', '" + acme + "', true)", "SELECT FROM bare", "commit"}, nil, []Statement{{"SELECT FROM bare", acme}}},
		"in one message":     {[]string{"begin; select set_config('app.tenant', '" + acme + "', true); SELECT 'a;b' FROM bare; commit; SELECT FROM bare"}, nil, []Statement{{"SELECT 'a;b' FROM bare", acme}, {"SELECT FROM bare", ""}}},
		"another setting":    {[]string{"begin", "select set_config('app.tenants', '" + acme + "', true)", "SELECT FROM bare", "commit"}, nil, []Statement{{"select set_config('app.tenants', '" + acme + "', true)", ""}, {"SELECT FROM bare", ""}}},
		"the catalogue":      {[]string{"SELECT FROM pg_catalog.pg_roles"}, nil, nil},
		"two of a statement": {[]string{"begin", "select set_config('app.tenant', '" + acme + "', true)", "select set_config('app.tenant', '" + globex + "', true)", "SELECT FROM bare", "commit"}, nil, []Statement{{"SELECT FROM bare", globex}}},
	} {
		conn, err := pgx.Connect(t.Context(), f.observer.DSN())
		if err != nil {
			t.Fatal(err)
		}
		f.observer.Take()
		for _, sql := range c.run {
			if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if d := cmp.Diff(c.want, f.observer.Take()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		_ = conn.Close(context.Background())
	}
}

// A connection that asks for encryption is told that there is none, and one that asks to cancel gets through.
func TestObserveGreeting(t *testing.T) {
	f := newFixture(t)
	config, err := pgx.ParseConfig(f.observer.DSN())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	done := make(chan error)
	go func() {
		_, err := conn.Exec(context.Background(), "SELECT pg_sleep(60)")
		done <- err
	}()
	for err := error(nil); err == nil; { // until the statement has begun, a request to cancel does nothing
		if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case err = <-done:
			if err == nil {
				t.Error("nothing was cancelled")
			}
			return
		default:
		}
	}
}
