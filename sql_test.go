package ringfence_test

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver to compare with

	"github.com/ringfencehq/ringfence"
)

// TestDatabaseSQL runs what database/sql offers, in every mode.
func TestDatabaseSQL(t *testing.T) {
	a := newApp(t)
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			p := a.open(t, func(c *ringfence.Config) { c.Mode = mode; c.DSN += "&pool_max_conns=1" })
			db := sql.OpenDB(p.Connector())
			defer db.Close()
			for _, tenant := range []string{tenantA, tenantB} {
				everySQLCall(t, db, as(t.Context(), tenant), tenant)
			}
			if got := p.Stat().AcquiredConns(); got != 0 {
				t.Errorf("%d connections were not given back", got)
			}
		})
	}
}

func everySQLCall(t *testing.T, db *sql.DB, ctx context.Context, tenant string) {
	t.Helper()
	if err := db.PingContext(ctx); err != nil {
		t.Fatal(err)
	}
	result, err := db.ExecContext(ctx, "UPDATE doc SET body = $1", tenant)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := result.RowsAffected(); n != 3 {
		t.Errorf("%d rows were changed", n)
	}
	rows, err := db.QueryContext(ctx, "SELECT DISTINCT body FROM doc WHERE id > $1", 0)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, s)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || strings.Join(seen, " ") != tenant {
		t.Errorf("%v, %v", seen, err)
	}
	stmt, err := db.PrepareContext(ctx, "SELECT count(*) FROM doc WHERE org = $1")
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var own, foreign int
	for i, counted := range []*int{&own, &foreign} {
		if err := tx.StmtContext(ctx, stmt).QueryRowContext(ctx, []string{tenant, other(tenant)}[i]).Scan(counted); err != nil {
			t.Fatal(err)
		}
	}
	if own != 3 || foreign != 0 {
		t.Errorf("sees %d of its own and %d foreign rows", own, foreign)
	}
	var level, access string
	if err := tx.QueryRowContext(ctx, "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')").Scan(&level, &access); err != nil || level != "serializable" || access != "on" {
		t.Errorf("%s, %s, %v", level, access, err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func other(tenant string) string {
	if tenant == tenantA {
		return tenantB
	}
	return tenantA
}

// TestDatabaseSQLTypes compares what is read with what pgx's own driver reads.
func TestDatabaseSQLTypes(t *testing.T) {
	a := newApp(t)
	const query = `SELECT true, 1::int2, 2::int4, 3::int8, 1.5::float4, 2.5::float8, 12.34::numeric, 'text'::text, '\x0102'::bytea,
		DATE '2026-01-02', TIMESTAMP '2026-01-02 03:04:05', TIMESTAMPTZ '2026-01-02 03:04:05+00', '{"a":1}'::jsonb, '{"b":2}'::json,
		'` + tenantA + `'::uuid, ARRAY[1,2], NULL::int, 7::oid, '<a/>'::xml`
	plain, err := sql.Open("pgx", a.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	ours := sql.OpenDB(a.open(t).Connector())
	defer ours.Close()
	want, wantTypes := oneRow(t, t.Context(), plain, query)
	got, gotTypes := oneRow(t, as(t.Context(), tenantA), ours, query)
	if diff := cmp.Diff(want, got, cmp.Comparer(func(x, y time.Time) bool { return x.Equal(y) })); diff != "" {
		t.Errorf("(-pgx +ours):\n%s", diff)
	}
	if diff := cmp.Diff(wantTypes, gotTypes); diff != "" {
		t.Errorf("types (-pgx +ours):\n%s", diff)
	}
}

func oneRow(t *testing.T, ctx context.Context, db *sql.DB, query string) (row []any, names []string) {
	t.Helper()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	dest := make([]any, len(types))
	for i := range types {
		names = append(names, types[i].DatabaseTypeName())
		dest[i] = new(any)
	}
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	if err := rows.Scan(dest...); err != nil {
		t.Fatal(err)
	}
	for _, d := range dest {
		row = append(row, *d.(*any))
	}
	return row, names
}

// TestDatabaseSQLHidesTheConnection walks everything that sql.Conn.Raw hands out.
func TestDatabaseSQLHidesTheConnection(t *testing.T) {
	db := sql.OpenDB(newApp(t).open(t).Connector())
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(raw any) error {
		v := reflect.TypeOf(raw)
		for i := range v.NumMethod() {
			m := v.Method(i).Type
			for o := range m.NumOut() {
				if out := m.Out(o).String(); strings.Contains(out, "pgx") || strings.Contains(out, "pgconn") {
					t.Errorf("%s returns a %s", v.Method(i).Name, out)
				}
			}
		}
		for i := range v.Elem().NumField() {
			if f := v.Elem().Field(i); f.IsExported() {
				t.Errorf("field %s is exported", f.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDatabaseSQLRefuses what a pool refuses.
func TestDatabaseSQLRefuses(t *testing.T) {
	a := newApp(t)
	db := sql.OpenDB(a.open(t).Connector())
	defer db.Close()
	ctx := as(t.Context(), tenantA)
	_, noTenant := db.ExecContext(t.Context(), "SELECT 1")
	_, control := db.ExecContext(ctx, "COMMIT")
	_, prepared := db.PrepareContext(ctx, "/* */ rollback")
	_, begun := db.BeginTx(t.Context(), nil)
	for name, c := range map[string]struct {
		err  error
		want ringfence.EventType
	}{
		"no tenant": {noTenant, ringfence.NoContext}, "a transaction without tenant": {begun, ringfence.NoContext},
		"COMMIT": {control, ringfence.ControlForbidden}, "a prepared ROLLBACK": {prepared, ringfence.ControlForbidden},
	} {
		if r, ok := ringfence.RefusalOf(c.err); !ok || r.Event.Type != c.want {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	if _, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelLinearizable}); err == nil {
		t.Error("an isolation level that PostgreSQL has not was taken")
	}
	if _, err := db.ExecContext(ctx, "SELECT @a", sql.Named("a", 1)); err == nil {
		t.Error("a named argument was taken")
	}
}

// TestDatabaseSQLAbandoned ends the context of an open transaction: the next caller gets neither it nor its tenant.
func TestDatabaseSQLAbandoned(t *testing.T) {
	a := newApp(t)
	p := a.open(t, func(c *ringfence.Config) { c.DSN += "&pool_max_conns=1" })
	db := sql.OpenDB(p.Connector())
	defer db.Close()
	ctx, cancel := context.WithCancel(as(t.Context(), tenantA))
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM doc"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if got := owners(t, as(t.Context(), tenantB), p); got != rowsOf(tenantB, "1", "2", "3") { // waits for the only connection
		t.Errorf("B sees %s", got)
	}
	if err := tx.Commit(); err == nil {
		t.Error("what was cancelled could be committed")
	}
	if got := owners(t, as(t.Context(), tenantA), p); got != rowsOf(tenantA, "1", "2", "3") {
		t.Errorf("A sees %s", got)
	}
}
