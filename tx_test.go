package ringfence_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringfencehq/ringfence"
)

// statements runs n statements in a transaction.
func statements(p *ringfence.Pool, ctx context.Context, n int) error {
	return p.RunTx(ctx, ringfence.TxOptions{}, func(tx *ringfence.Tx) error {
		for range n {
			if err := tx.QueryRow(ctx, "SELECT count(*) FROM doc WHERE id > $1", 0).Scan(new(int)); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestTxOptions are the server's own words for what was asked for.
func TestTxOptions(t *testing.T) {
	p := newApp(t).open(t)
	ctx := as(t.Context(), tenantA)
	for _, o := range []ringfence.TxOptions{
		{}, {Isolation: pgx.Serializable, Access: pgx.ReadOnly, Deferrable: pgx.Deferrable}, {Isolation: pgx.RepeatableRead, Access: pgx.ReadWrite}, {Access: pgx.ReadOnly},
	} {
		want := []string{"read committed", "off", "off"}
		if o.Isolation != "" {
			want[0] = string(o.Isolation)
		}
		if o.Access == pgx.ReadOnly {
			want[1] = "on"
		}
		if o.Deferrable == pgx.Deferrable {
			want[2] = "on"
		}
		err := p.RunTx(ctx, o, func(tx *ringfence.Tx) error {
			for range 2 {
				var got [3]string
				if err := tx.QueryRow(ctx, "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'), current_setting('transaction_deferrable')").Scan(&got[0], &got[1], &got[2]); err != nil {
					return err
				}
				if diff := cmp.Diff(want, got[:]); diff != "" {
					t.Errorf("%v (-want +got):\n%s", o, diff)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	for _, o := range []ringfence.TxOptions{{Isolation: "read committed; commit"}, {Access: "x"}, {Deferrable: "x"}} {
		if _, err := p.BeginTx(ctx, o); err == nil {
			t.Errorf("%v was taken", o)
		}
	}
}

// TestSavepoints goes back to one, and on from another.
func TestSavepoints(t *testing.T) {
	a := newApp(t)
	p := a.open(t)
	ctx := as(t.Context(), tenantA)
	err := p.RunTx(ctx, ringfence.TxOptions{}, func(tx *ringfence.Tx) error {
		for _, keep := range []bool{true, false} { // the first one begins the transaction
			inner, err := tx.Begin(ctx)
			if err != nil {
				return err
			}
			deeper, err := inner.Begin(ctx)
			if err != nil {
				return err
			}
			if _, err := deeper.Exec(ctx, "UPDATE doc SET body = $1 WHERE id = 1", map[bool]string{true: "kept", false: "undone"}[keep]); err != nil {
				return err
			}
			if err := deeper.Commit(ctx); err != nil {
				return err
			}
			if _, err := deeper.Exec(ctx, "SELECT 1"); !errors.Is(err, pgx.ErrTxClosed) {
				t.Errorf("a released savepoint works on: %v", err)
			}
			if !keep {
				if _, err := inner.Exec(ctx, "SELECT 1/0"); err == nil {
					t.Error("no error")
				}
				if err := inner.Rollback(ctx); err != nil {
					return err
				}
				continue
			}
			if err := inner.Commit(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Query(t, "SELECT body FROM doc WHERE id = 1 AND org = $1", tenantA); got[0][0] != "kept" {
		t.Errorf("the row says %q", got[0][0])
	}
}

// TestTxKeepsItsTenant refuses a call in another tenant's name.
func TestTxKeepsItsTenant(t *testing.T) {
	a := newApp(t)
	p := a.open(t)
	tx, err := p.Begin(as(t.Context(), tenantA))
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	a.trail.take()
	for range 2 {
		_, err := tx.Exec(as(t.Context(), tenantB), "SELECT 1")
		if r, ok := ringfence.RefusalOf(err); !ok || r.Event.Type != ringfence.CrossTenant || r.Event.Tenant != tenantB || r.Event.AttemptedTenant != tenantA {
			t.Errorf("%v", err)
		}
		if got := owners(t, t.Context(), tx); got != rowsOf(tenantA, "1", "2", "3") { // a context without tenant may go on
			t.Errorf("sees %s", got)
		}
	}
	if got := types(a.trail.take()); !cmp.Equal(got, []ringfence.EventType{ringfence.CrossTenant, ringfence.CrossTenant}) {
		t.Errorf("on the trail: %v", got)
	}
}

// TestControlIsRefused wherever a statement can be handed in; nothing of it reaches the server.
func TestControlIsRefused(t *testing.T) {
	a := newApp(t)
	for _, mode := range modes {
		p := a.open(t, func(c *ringfence.Config) { c.Mode = mode })
		ctx := as(t.Context(), tenantA)
		for _, sql := range []string{"COMMIT", "/**/ rollback", "SELECT 1; COMMIT; SELECT set_config('" + setting + "', '" + tenantB + "', false)", "SET LOCAL " + setting + " = '" + tenantB + "'",
			"SELECT set_config('" + setting + "', '" + tenantB + "', true)", "SET ROLE postgres", "RESET ALL"} {
			tx, err := p.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			_, execErr := p.Exec(ctx, sql)
			_, txErr := tx.Exec(ctx, sql)
			b := &pgx.Batch{}
			b.Queue("SELECT 1")
			b.Queue(sql)
			begun := &pgx.Batch{}
			begun.BeginTx(pgx.TxOptions{})
			for name, err := range map[string]error{
				"Exec": execErr, "QueryRow": p.QueryRow(ctx, sql).Scan(nil), "a batch": p.SendBatch(ctx, b).Close(), "Tx": txErr, "a batch in Tx": tx.SendBatch(ctx, b).Close(),
				"named arguments": p.QueryRow(ctx, sql, pgx.NamedArgs{}).Scan(nil), "rewritten": p.QueryRow(ctx, "SELECT 1", rewriter(sql)).Scan(nil), "pgx's own": p.SendBatch(ctx, begun).Close(),
			} {
				if r, ok := ringfence.RefusalOf(err); !ok || r.Event.Type != ringfence.ControlForbidden {
					t.Errorf("%s: %s: %v", name, sql, err)
				}
			}
			if err := p.Prepare("stmt", sql); err == nil {
				t.Errorf("%s was prepared", sql)
			}
			if err := tx.Rollback(ctx); err != nil {
				t.Error(err)
			}
		}
	}
}

// rewriter exchanges the statement.
type rewriter string

// RewriteQuery implements pgx.QueryRewriter.
func (r rewriter) RewriteQuery(_ context.Context, conn *pgx.Conn, _ string, _ []any) (string, []any, error) {
	if conn != nil {
		return "", nil, errors.New("a connection was handed out")
	}
	return string(r), nil, nil
}

// TestPrepare runs statements by name.
func TestPrepare(t *testing.T) {
	a := newApp(t)
	for _, mode := range modes {
		p := a.open(t, func(c *ringfence.Config) { c.Mode = mode })
		ctx := as(t.Context(), tenantB)
		if err := errors.Join(p.Prepare("own rows", "SELECT count(*) FROM doc WHERE id > $1"), p.Prepare("own rows", "SELECT count(*) FROM doc WHERE id > $1")); err != nil {
			t.Fatal(err)
		}
		if err := p.Prepare("own rows", "SELECT 1"); err == nil {
			t.Error("another statement took the name")
		}
		for range 2 {
			var n int
			if err := p.QueryRow(ctx, "own rows", 0).Scan(&n); err != nil || n != 3 {
				t.Errorf("%s: %d, %v", mode, n, err)
			}
		}
	}
}

// TestRunTx repeats what the server asks to repeat, so often and no more.
func TestRunTx(t *testing.T) {
	a := newApp(t)
	a.Exec(t, "CREATE FUNCTION fail() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")
	p := a.open(t)
	ctx := as(t.Context(), tenantA)
	for _, c := range []struct {
		fails, tries, want int
		ok                 bool
	}{{1, 0, 2, true}, {9, 0, 3, false}, {9, 2, 2, false}, {0, 0, 1, true}} {
		ran := 0
		err := p.RunTx(ctx, ringfence.TxOptions{Isolation: pgx.Serializable, Tries: c.tries}, func(tx *ringfence.Tx) error {
			if ran++; ran > c.fails {
				return nil
			}
			_, err := tx.Exec(ctx, "SELECT fail()")
			return err
		})
		if ran != c.want || (err == nil) != c.ok {
			t.Errorf("%+v: ran %d times: %v", c, ran, err)
		}
	}
	stop := errors.New("stop")
	if err := p.RunTx(ctx, ringfence.TxOptions{}, func(tx *ringfence.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM doc")
		return errors.Join(err, stop)
	}); !errors.Is(err, stop) {
		t.Error(err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = p.RunTx(ctx, ringfence.TxOptions{}, func(tx *ringfence.Tx) error {
			_, _ = tx.Exec(ctx, "DELETE FROM doc")
			panic("stop")
		})
	}()
	if got := owners(t, ctx, p); got != rowsOf(tenantA, "1", "2", "3") {
		t.Errorf("left: %s", got)
	}
	if n := p.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections were not given back", n)
	}
}

// TestErrors surfaces the first error, COMMIT's as well, and leaves a connection that serves the next tenant.
func TestErrors(t *testing.T) {
	a := newApp(t)
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			p := a.open(t, func(c *ringfence.Config) { c.Mode = mode; c.DSN += "&pool_max_conns=1" })
			ctx := as(t.Context(), tenantA)
			deferred := "INSERT INTO child VALUES ('" + tenantA + "', $1)"
			_, execCommit := p.Exec(ctx, deferred, 77)
			_, syntax := p.Exec(ctx, "SELEC 1")
			_, division := p.Exec(ctx, "SELECT 1/$1::int", 0)
			rows, err := p.Query(ctx, deferred+" RETURNING doc", 78)
			var got []int32
			if err == nil {
				got, err = pgx.CollectRows(rows, pgx.RowTo[int32])
			}
			b := &pgx.Batch{}
			b.Queue("SELECT 1")
			b.Queue(deferred, 79)
			late := &pgx.Batch{}
			ran := false
			late.Queue("SELECT 1/$1::int", 0)
			late.Queue("SELECT 1").QueryRow(func(pgx.Row) error { ran = true; return nil })
			for name, c := range map[string]struct {
				err  error
				want string
			}{
				"Exec at COMMIT": {execCommit, "23503"}, "syntax": {syntax, "42601"}, "division": {division, "22012"}, "Query at COMMIT": {err, "23503"},
				"QueryRow at COMMIT": {p.QueryRow(ctx, deferred+" RETURNING doc", 80).Scan(new(int)), "23503"},
				"a batch at COMMIT":  {p.SendBatch(ctx, b).Close(), "23503"}, "a batch": {p.SendBatch(ctx, late).Close(), "22012"},
				"a row in the middle": {p.QueryRow(ctx, "SELECT 1/(x-$1::int) FROM generate_series(1,3) x ORDER BY x", 1).Scan(new(int)), "22012"},
			} {
				var fault *pgconn.PgError
				if !errors.As(c.err, &fault) || fault.Code != c.want {
					t.Errorf("%s: %v, want %s", name, c.err, c.want)
				}
			}
			if ran || len(got) != 1 && len(got) != 0 {
				t.Errorf("after an error: ran %v, got %v", ran, got)
			}
			if err := p.QueryRow(ctx, "SELECT body FROM doc WHERE id = $1", 9).Scan(new(string)); !errors.Is(err, pgx.ErrNoRows) {
				t.Errorf("no rows: %v", err)
			}
			if err := p.QueryRow(ctx, "SELECT body FROM doc").Scan(new(time.Time)); err == nil {
				t.Error("text was scanned as time")
			}
			if got := owners(t, as(t.Context(), tenantB), p); got != rowsOf(tenantB, "1", "2", "3") {
				t.Errorf("the next tenant sees %s", got)
			}
			tx, _ := p.Begin(ctx)
			_, _ = tx.Exec(ctx, "SELECT 1/0")
			if err := tx.Commit(ctx); !errors.Is(err, ringfence.ErrRolledBack) {
				t.Errorf("COMMIT that was answered ROLLBACK: %v", err)
			}
			if n := a.Query(t, "SELECT count(*) FROM child"); n[0][0] != "0" {
				t.Errorf("%s rows were kept", n[0][0])
			}
		})
	}
}

// TestCancel ends the context while a statement runs, in every kind of call: what comes next finds no transaction and no
// other tenant's context.
func TestCancel(t *testing.T) {
	a := newApp(t)
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			p := a.open(t, func(c *ringfence.Config) { c.Mode = mode; c.DSN += "&pool_max_conns=1" })
			const slow = "SELECT pg_sleep(30), count(*) FROM doc WHERE id > $1"
			calls := map[string]func(context.Context) error{
				"QueryRow": func(ctx context.Context) error { return p.QueryRow(ctx, slow, 0).Scan(nil, nil) },
				"Exec":     func(ctx context.Context) error { _, err := p.Exec(ctx, slow, 0); return err },
				"batch": func(ctx context.Context) error {
					b := &pgx.Batch{}
					b.Queue("UPDATE doc SET body = 'cancelled'")
					b.Queue(slow, 0)
					return p.SendBatch(ctx, b).Close()
				},
				"Tx": func(ctx context.Context) error {
					return p.RunTx(ctx, ringfence.TxOptions{}, func(tx *ringfence.Tx) error {
						if _, err := tx.Exec(ctx, "UPDATE doc SET body = 'cancelled'"); err != nil {
							return err
						}
						_, err := tx.Exec(ctx, slow, 0)
						return err
					})
				},
			}
			for name, call := range calls {
				ctx, cancel := context.WithTimeout(as(t.Context(), tenantA), 30*time.Millisecond)
				if err := call(ctx); err == nil || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v", name, err)
				}
				cancel()
				var left string
				err := p.QueryRow(as(t.Context(), tenantB), "SELECT current_setting($1) || ' ' || coalesce((SELECT string_agg(DISTINCT org::text, ' ') FROM doc), '')", setting).Scan(&left)
				if want := tenantB + " " + tenantB; err != nil || left != want {
					t.Errorf("%s: the next call finds %q, %v", name, left, err)
				}
			}
			if n := a.Query(t, "SELECT count(*) FROM doc WHERE body = 'cancelled'"); n[0][0] != "0" {
				t.Errorf("%s rows were kept", n[0][0])
			}
			for deadline := time.Now().Add(10 * time.Second); ; { // the server was told: nothing sleeps on
				n := a.Query(t, "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND state = 'active' AND query LIKE '%pg_sleep%'", a.role)
				if n[0][0] == "0" {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s statements run on", n[0][0])
				}
			}
		})
	}
}

// TestCancelAfterwards ends a call's context when the call has ended: the connection is another's by then.
func TestCancelAfterwards(t *testing.T) {
	a := newApp(t)
	for _, mode := range modes {
		p := a.open(t, func(c *ringfence.Config) { c.Mode = mode; c.DSN += "&pool_max_conns=1" })
		for range 3 {
			ctx, cancel := context.WithCancel(as(t.Context(), tenantA))
			defer cancel()
			owners(t, ctx, p)
			tx, err := p.Begin(as(t.Context(), tenantB))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got := owners(t, t.Context(), tx); got != rowsOf(tenantB, "1", "2", "3") {
					t.Errorf("%s: B sees %s", mode, got)
				}
				cancel()
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
		}
		if n := p.Stat().NewConnsCount(); n != 1 {
			t.Errorf("%s: %d connections were made", mode, n)
		}
	}
}

// TestNoWayToTheConnection looks through all that a Pool and a Tx hand out.
func TestNoWayToTheConnection(t *testing.T) {
	for _, v := range []any{(*ringfence.Pool)(nil), (*ringfence.Tx)(nil)} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumMethod() {
			for o := range typ.Method(i).Type.NumOut() {
				switch out := typ.Method(i).Type.Out(o).String(); out {
				case "*pgx.Conn", "*pgxpool.Pool", "*pgxpool.Conn", "*pgconn.PgConn", "pgx.Tx", "net.Conn":
					t.Errorf("%s.%s returns a %s", typ, typ.Method(i).Name, out)
				}
			}
		}
		for i := range typ.Elem().NumField() {
			if f := typ.Elem().Field(i); f.IsExported() || f.Anonymous {
				t.Errorf("%s.%s can be reached", typ, f.Name)
			}
		}
	}
	p := newApp(t).open(t)
	ctx := as(t.Context(), tenantA)
	var seen peeper
	for name, q := range map[string]interface {
		QueryRow(context.Context, string, ...any) pgx.Row
		Query(context.Context, string, ...any) (pgx.Rows, error)
	}{"Pool": p} {
		rows, err := q.Query(ctx, "SELECT 1")
		if err != nil || rows.Conn() != nil {
			t.Errorf("%s: rows give away a connection, %v", name, err)
		}
		rows.Close()
		if err := q.QueryRow(ctx, "SELECT 1").Scan(&seen); err != nil || seen.conn != nil || !seen.called {
			t.Errorf("%s: a RowScanner is given a connection, %v", name, err)
		}
	}
	if br := p.SendBatch(ctx, &pgx.Batch{}); br.Tx() != nil || br.Close() != nil {
		t.Error("a batch hands out a transaction")
	}
}

// peeper is a RowScanner that looks for a connection.
type peeper struct {
	called bool
	conn   *pgx.Conn
}

// ScanRow implements pgx.RowScanner.
func (p *peeper) ScanRow(rows pgx.Rows) error {
	p.called, p.conn = true, rows.Conn()
	return rows.Scan(nil)
}

// TestOptionsAmongArguments are refused in words.
func TestOptionsAmongArguments(t *testing.T) {
	p := newApp(t).open(t)
	for _, option := range []any{pgx.QueryExecModeSimpleProtocol, pgx.QueryResultFormats{1}, pgx.QueryResultFormatsByOID{}} {
		_, err := p.Exec(as(t.Context(), tenantA), "SELECT 1", option)
		if err == nil || !strings.Contains(err.Error(), "query mode is the pool's") {
			t.Errorf("%T: %v", option, err)
		}
	}
}
