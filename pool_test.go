package ringfence_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringfencehq/ringfence"
)

// modes are all of pgx's ways to run statements.
var modes = []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
	pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol}

// querier is what a Pool and a Tx have in common, as generated code asks for it.
type querier interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	Query(context.Context, string, ...any) (pgx.Rows, error)
	QueryRow(context.Context, string, ...any) pgx.Row
	SendBatch(context.Context, *pgx.Batch) pgx.BatchResults
	CopyFrom(context.Context, pgx.Identifier, []string, pgx.CopyFromSource) (int64, error)
}

var (
	_ querier = (*ringfence.Pool)(nil)
	_ querier = (*ringfence.Tx)(nil)
)

// owners returns whose rows a caller sees.
func owners(t testing.TB, ctx context.Context, q querier) string {
	t.Helper()
	var got string
	if err := q.QueryRow(ctx, "SELECT coalesce(string_agg(org::text || ':' || id, ' ' ORDER BY org, id), '') FROM doc WHERE id > $1", 0).Scan(&got); err != nil {
		t.Fatalf("%v: %v", err, cause(err))
	}
	return got
}

func rowsOf(tenant string, ids ...string) string {
	for i := range ids {
		ids[i] = tenant + ":" + ids[i]
	}
	return strings.Join(ids, " ")
}

// TestModes runs every kind of call in every mode, in both forms of transaction.
func TestModes(t *testing.T) {
	a := newApp(t)
	for _, mode := range modes {
		for _, form := range []ringfence.TransactionForm{ringfence.Explicit, ringfence.Implicit} {
			p := a.open(t, func(c *ringfence.Config) { c.Mode, c.Transaction = mode, form; c.DSN += "&pool_max_conns=1" })
			for round := range 2 { // cold and warm
				t.Run(mode.String(), func(t *testing.T) {
					for _, tenant := range []string{tenantA, tenantB} {
						everyCall(t, a, p, as(t.Context(), tenant), tenant)
					}
					if got := p.Stat().AcquiredConns(); got != 0 {
						t.Errorf("round %d: %d connections were not given back", round, got)
					}
					if _, err := p.Check(t.Context()); err != nil { // on the only connection: it holds no context any more
						t.Errorf("%v: %v", err, cause(err))
					}
				})
			}
		}
	}
}

func everyCall(t *testing.T, a *app, p *ringfence.Pool, ctx context.Context, tenant string) {
	t.Helper()
	own := rowsOf(tenant, "1", "2", "3")
	if got := owners(t, ctx, p); got != own {
		t.Errorf("QueryRow sees %s", got)
	}
	if tag, err := p.Exec(ctx, "UPDATE doc SET body = $1", tenant); err != nil || tag.RowsAffected() != 3 {
		t.Errorf("Exec: %v, %v", tag, err)
	}
	if tag, err := p.Exec(ctx, "UPDATE doc SET body = body"); err != nil || tag.RowsAffected() != 3 {
		t.Errorf("Exec without arguments: %v, %v", tag, err)
	}
	rows, err := p.Query(ctx, "SELECT id, body FROM doc WHERE id < @id ORDER BY id", pgx.NamedArgs{"id": 3})
	if err != nil {
		t.Fatal(err)
	}
	type doc struct {
		ID   int
		Body string
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[doc])
	if diff := cmp.Diff([]doc{{1, tenant}, {2, tenant}}, got); diff != "" || err != nil {
		t.Errorf("Query: %v (-want +got):\n%s", err, diff)
	}
	b := &pgx.Batch{}
	var seen string
	b.Queue("SELECT string_agg(DISTINCT org::text, ' ') FROM doc").QueryRow(func(row pgx.Row) error { return row.Scan(&seen) })
	b.Queue("INSERT INTO doc VALUES ($1, $2)", tenant, 4)
	if err := p.SendBatch(ctx, b).Close(); err != nil || seen != tenant {
		t.Errorf("SendBatch: %q, %v", seen, err)
	}
	tx, err := p.BeginTx(ctx, ringfence.TxOptions{Isolation: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first statement begins
		if got := owners(t, ctx, tx); got != rowsOf(tenant, "1", "2", "3", "4") {
			t.Errorf("Tx sees %s", got)
		}
	}
	if _, err := tx.Exec(ctx, "DELETE FROM doc WHERE id = $1", 4); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	// With row security, and without: there it is COPY, and COMMIT finds what is wrong.
	if n, err := p.CopyFrom(ctx, pgx.Identifier{"public", "doc"}, []string{"org", "id"}, pgx.CopyFromRows([][]any{{tenant, 5}, {tenant, 6}})); n != 2 || err != nil {
		t.Errorf("CopyFrom: %d, %v", n, err)
	}
	_, err = p.CopyFrom(ctx, pgx.Identifier{"public", "child"}, []string{"org", "doc"}, pgx.CopyFromRows([][]any{{tenant, 98}}))
	if fault := new(pgconn.PgError); !errors.As(err, &fault) || fault.Code != "23503" {
		t.Errorf("COMMIT's error after COPY: %v", err)
	}
	if tag, err := p.Exec(ctx, "DELETE FROM doc WHERE id > 3"); err != nil || tag.RowsAffected() != 2 {
		t.Errorf("after CopyFrom: %v, %v", tag, err)
	}
}

// TestNoTenant refuses every call before anything is sent, and records it.
func TestNoTenant(t *testing.T) {
	a := newApp(t)
	p := a.open(t)
	a.trail.take()
	wire := p.Stat().AcquireCount()
	ctx := t.Context()
	_, queryErr := p.Query(ctx, "SELECT 1")
	_, execErr := p.Exec(ctx, "SELECT 1")
	_, beginErr := p.Begin(ctx)
	_, copyErr := p.CopyFrom(ctx, pgx.Identifier{"doc"}, []string{"id"}, nil)
	calls := map[string]error{
		"Query": queryErr, "Exec": execErr, "Begin": beginErr, "CopyFrom": copyErr,
		"QueryRow":                           p.QueryRow(ctx, "SELECT 1").Scan(new(int)),
		"SendBatch":                          p.SendBatch(ctx, &pgx.Batch{}).Close(),
		"RunTx":                              p.RunTx(ctx, ringfence.TxOptions{}, func(*ringfence.Tx) error { t.Error("ran"); return nil }),
		"an invalid tenant over a valid one": p.QueryRow(ringfence.WithTenant(as(ctx, tenantA), ringfence.Tenant{}), "SELECT 1").Scan(new(int)),
	}
	for name, err := range calls {
		if r, ok := ringfence.RefusalOf(err); !ok || r.Event.Type != ringfence.NoContext || !errors.Is(err, ringfence.ErrNoTenant) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := p.Stat().AcquireCount() - wire; got != 0 {
		t.Errorf("%d connections were taken", got)
	}
	events := types(a.trail.take())
	if len(events) != len(calls) || slices.ContainsFunc(events, func(e ringfence.EventType) bool { return e != ringfence.NoContext }) {
		t.Errorf("on the trail: %v", events)
	}
}
