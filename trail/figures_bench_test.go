package trail

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/trailsql"
)

// usualTable is how an application keeps such a record by itself: the reference's ten columns, its CHECK and its five indexes.
const usualTable = `CREATE TABLE security_audit_logs (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), event_type text NOT NULL, user_id text, authenticated_tenant_id text,
  attempted_tenant_id text, session_id text, ip_address text, user_agent text, severity text CHECK (severity IN ('INFO', 'WARNING', 'ERROR', 'CRITICAL')), created_at timestamptz DEFAULT now());
CREATE INDEX ON security_audit_logs (user_id); CREATE INDEX ON security_audit_logs (created_at DESC); CREATE INDEX ON security_audit_logs (severity);
CREATE INDEX ON security_audit_logs (event_type); CREATE INDEX ON security_audit_logs (authenticated_tenant_id, created_at DESC)`

const usualInsert = `INSERT INTO security_audit_logs (event_type, user_id, authenticated_tenant_id, attempted_tenant_id, session_id, ip_address, user_agent, severity)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// BenchmarkTrail makes the table of docs/figures.md: what a refusal waits for its record, and how fast records reach the table, beside
// the usual way, an INSERT a refusal. The server keeps its promises: its fsync is on.
func BenchmarkTrail(b *testing.B) {
	server, err := pg.StartEmbedded(b.Context(), pg.EmbeddedOptions{Dir: diskDir(b)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Stop() })
	dsn := server.DSN("postgres", pg.Superuser)
	connect := func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, dsn, pg.Options{}) }
	conn, err := connect(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	for _, script := range []string{usualTable, strings.Join(trailsql.Install(), ";\n")} {
		if _, err := conn.PgConn().Exec(b.Context(), script).ReadAll(); err != nil {
			b.Fatal(err)
		}
	}
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("until-it-is-on-disk/writers=%d", writers), func(b *testing.B) {
			plain := timed(b, writers, func(int) func(int) error {
				own, err := connect(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = own.Close(context.Background()) })
				return func(n int) error { return insertUsual(b.Context(), own, n) }
			})
			o := testOptions(b, discard{})
			o.Dir, o.SegmentSize = diskDir(b), 0
			tr := openTrail(b, o)
			ours := timed(b, writers, func(int) func(int) error {
				return func(n int) error { return tr.Record(b.Context(), attempt(n)) }
			})
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(plain, "plain-µs")
			b.ReportMetric(ours, "trail-µs")
		})
	}
	b.Run("into-the-table", func(b *testing.B) {
		const batch = DefaultBatch
		batches := max(b.N, 30)
		store := NewPostgres(connect)
		defer store.Close(context.Background())
		events := chain("n1", time.Now().UnixMicro(), time.Now(), slices.Repeat([]ringfence.Event{attempt(1)}, batch*batches)...)
		if _, err := store.Append(b.Context(), chain("n0", time.Now().UnixMicro(), time.Now(), attempt(1))); err != nil { // connected, and the month is there
			b.Fatal(err)
		}
		begin := time.Now()
		for part := range slices.Chunk(events, batch) {
			if _, err := store.Append(b.Context(), part); err != nil {
				b.Fatal(err)
			}
		}
		ours := float64(len(events)) / time.Since(begin).Seconds()
		begin = time.Now()
		const rows = 300
		for n := range rows {
			if err := insertUsual(b.Context(), conn, n); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(rows/time.Since(begin).Seconds(), "plain-rows/s")
		b.ReportMetric(ours, "trail-rows/s")
	})
	b.Run("repeats-of-1000-sources", func(b *testing.B) {
		o := testOptions(b, discard{})
		o.Dir = diskDir(b)
		tr := openTrail(b, o)
		events := make([]ringfence.Event, 1000)
		for i := range events {
			events[i] = attempt(i)
		}
		var next atomic.Int64
		var first sync.WaitGroup
		for i := range events {
			first.Go(func() { _ = tr.Record(b.Context(), events[i]) })
		}
		first.Wait()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := tr.Record(b.Context(), events[next.Add(1)%1000]); err != nil {
					b.Error(err)
				}
			}
		})
		rate := float64(b.N) / b.Elapsed().Seconds()
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(rate, "trail-events/s")
	})
}

// diskDir is a directory on a disk: the system's temporary one may be in memory, where nothing is ever written.
func diskDir(b *testing.B) string {
	dir, err := os.MkdirTemp("/var/tmp", "trail")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // a server of its own user goes through it
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func insertUsual(ctx context.Context, conn *pgx.Conn, n int) error {
	e := attempt(n)
	_, err := conn.Exec(ctx, usualInsert, string(e.Type), e.User, e.Tenant, e.AttemptedTenant, e.Session, e.Address, e.UserAgent, string(e.Type.Severity()))
	return err
}

// timed has writers share b.N calls, at least three hundred each, and returns the median of a call's time in microseconds.
func timed(b *testing.B, writers int, begin func(writer int) func(n int) error) float64 {
	total := int64(max(b.N, 300*writers))
	calls := make([]func(int) error, writers)
	for w := range calls {
		calls[w] = begin(w)
	}
	times := make([][]time.Duration, writers)
	var next atomic.Int64
	var wg sync.WaitGroup
	for w, call := range calls {
		wg.Go(func() {
			for n := next.Add(1); n <= total; n = next.Add(1) {
				begin := time.Now()
				if err := call(int(n)); err != nil {
					b.Error(err)
					return
				}
				times[w] = append(times[w], time.Since(begin))
			}
		})
	}
	wg.Wait()
	all := slices.Concat(times...)
	slices.Sort(all)
	return float64(all[len(all)/2].Nanoseconds()) / 1000
}
