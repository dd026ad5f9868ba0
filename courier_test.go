package ringfence_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringfencehq/ringfence"
)

// TestSchemaChanges alters a table under statements whose description is kept: at worst one call says so, the next reads
// the new columns.
func TestSchemaChanges(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			a := newApp(t)
			p := a.open(t, func(c *ringfence.Config) { c.Mode = mode; c.DSN += "&pool_max_conns=1" })
			ctx := as(t.Context(), tenantA)
			read := func() (columns []string, err error) {
				rows, err := p.Query(ctx, "SELECT * FROM doc WHERE id = $1", 1)
				if err != nil {
					return nil, err
				}
				for _, f := range rows.FieldDescriptions() {
					columns = append(columns, f.Name)
				}
				rows.Next()
				_, err = rows.Values()
				rows.Close()
				return columns, errors.Join(err, rows.Err())
			}
			for i, alter := range []string{"SELECT 1", "ALTER TABLE doc ADD extra bigint", "ALTER TABLE doc ALTER extra TYPE timestamptz USING now()", "ALTER TABLE doc DROP extra"} {
				a.Exec(t, alter)
				columns, err := read()
				if fault := new(pgconn.PgError); errors.As(err, &fault) && (fault.Code == "0A000" || fault.Code == "08P01") {
					columns, err = read()
				}
				if want := []int{3, 4, 4, 3}[i]; err != nil || len(columns) != want {
					t.Errorf("after %s: %v, %v", alter, columns, err)
				}
			}
		})
	}
}

// TestForgottenStatements has the session's prepared statements taken away: one call fails, no more.
func TestForgottenStatements(t *testing.T) {
	p := newApp(t).open(t, func(c *ringfence.Config) { c.DSN += "&pool_max_conns=1" })
	ctx := as(t.Context(), tenantA)
	for range 2 {
		if got := owners(t, ctx, p); got != rowsOf(tenantA, "1", "2", "3") {
			t.Errorf("sees %s", got)
		}
		if _, err := p.Exec(ctx, "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"); err != nil {
			var fault *pgconn.PgError
			if !errors.As(err, &fault) || fault.Code != "26000" {
				t.Fatal(err)
			}
		}
		_, _ = p.Exec(ctx, "SELECT 1")
	}
}

// TestManyStatements runs more statements than a connection keeps.
func TestManyStatements(t *testing.T) {
	p := newApp(t).open(t, func(c *ringfence.Config) { c.DSN += "&pool_max_conns=1" })
	ctx := as(t.Context(), tenantA)
	for i := range 600 {
		var got int
		if err := p.QueryRow(ctx, "SELECT "+string(rune('a'+i%26))+".id FROM doc "+string(rune('a'+i%26))+" WHERE id = 1 AND "+itoa(i)+" >= 0").Scan(&got); err != nil || got != 1 {
			t.Fatalf("statement %d: %d, %v", i, got, err)
		}
	}
	var prepared int
	if err := p.QueryRow(ctx, "SELECT count(*) FROM pg_prepared_statements").Scan(&prepared); err != nil || prepared > 520 || prepared < 500 {
		t.Errorf("the server keeps %d statements, %v", prepared, err)
	}
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + string(rune('0'+i%10))
}

// TestConcurrent has two tenants use all kinds of calls at once on few connections.
func TestConcurrent(t *testing.T) {
	a := newApp(t)
	p := a.open(t, func(c *ringfence.Config) { c.DSN += "&pool_max_conns=3" })
	var group sync.WaitGroup
	for i := range 8 {
		tenant := []string{tenantA, tenantB}[i%2]
		group.Go(func() {
			ctx := as(context.Background(), tenant)
			for n := range 60 {
				var seen string
				read := func(q querier) error {
					return q.QueryRow(ctx, "SELECT string_agg(DISTINCT org::text, ' ') FROM doc WHERE id > $1", 0).Scan(&seen)
				}
				var err error
				switch n % 3 {
				case 0:
					err = read(p)
				case 1:
					err = p.RunTx(ctx, ringfence.TxOptions{Access: pgx.ReadOnly}, func(tx *ringfence.Tx) error { return read(tx) })
				case 2:
					b := &pgx.Batch{}
					b.Queue("SELECT string_agg(DISTINCT org::text, ' ') FROM doc").QueryRow(func(r pgx.Row) error { return r.Scan(&seen) })
					err = p.SendBatch(ctx, b).Close()
				}
				if err != nil || seen != tenant {
					t.Errorf("%s sees %s: %v", tenant, seen, err)
					return
				}
			}
		})
	}
	group.Wait()
}
