//go:build system

package trail

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/disktest"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// childStore is the store of a child that is given a DSN.
func childStore(dsn string) Store {
	return NewPostgres(func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, dsn, pg.Options{}) })
}

// long returns the full size of a test when all of it is asked for.
func long[T any](bounded, full T) T {
	if os.Getenv("RINGFENCE_LONG") == "1" {
		return full
	}
	return bounded
}

// stored reads the table back and has it verified: chains, contiguity and hashes.
func stored(t *testing.T, tb *table) []Event {
	t.Helper()
	v, err := VerifyTable(t.Context(), tb.Super, VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Findings) > 0 {
		t.Errorf("verifying the table: %+v", v.Findings)
	}
	events := read(t, tb.Super)
	verifyChains(t, events)
	return events
}

// Killed at random instants while it ships to PostgreSQL, a process loses nothing that it acknowledged and doubles nothing.
func TestSystemKillWithPostgres(t *testing.T) {
	tb := newTable(t)
	kills := long(8, 100)
	k := &killer{dir: t.TempDir(), acked: map[string]bool{}, env: []string{childEnv + "_DSN=" + tb.DSN(tb.writer)}}
	for n := range kills {
		k.round(t, n, rand.N(300*time.Millisecond))
	}
	o := testOptions(t, tb.store(t))
	o.Dir = k.dir
	tr := openTrail(t, o)
	if _, err := tr.SelfTest(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeTrail(t, tr)
	k.check(t, stored(t, tb), kills)
}

// The same with the store in memory, so that most kills fall into writing and freeing files.
func TestSystemKill(t *testing.T) { testKills(t, long(20, 100)) }

func TestSystemOpenAfterCutAtEveryByte(t *testing.T) { testCuts(t, long(61, 1)) }

func TestSystemFlood(t *testing.T) { flood(t, 100_000, long(5*time.Second, time.Minute)) }

// The database refuses connections under load, and its server crashes while batches are on their way: the backlog grows,
// drains by itself, and the table then holds each event once.
func TestSystemDatabaseStopped(t *testing.T) {
	server := pgtest.Server(t, 0)
	tb := tableIn(t, server.DB(t))
	admin, err := pg.Connect(t.Context(), server.DSN("postgres", pg.Superuser), pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	o := testOptions(t, tb.store(t))
	o.SegmentSize, o.ShipTimeout = 0, 5*time.Second
	tr := openTrail(t, o)
	var next atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := tr.Record(t.Context(), attempt(int(next.Add(1)-1))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	before := waitShipped(t, tr, 1000)
	database := pgx.Identifier{tb.Name}.Sanitize()
	exec1(t, admin, "ALTER DATABASE "+database+" ALLOW_CONNECTIONS false")
	exec1(t, admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", tb.Name)
	time.Sleep(long(3*time.Second, time.Minute)) // the outage
	during := tr.Stats()
	exec1(t, admin, "ALTER DATABASE "+database+" ALLOW_CONNECTIONS true")
	if during.Backlog < 1000 || !during.Failing || during.BacklogAge < 2*time.Second || during.Lost > 0 {
		t.Errorf("while the database is away: %+v", during)
	}
	waitShipped(t, tr, before+1000)
	crashServer(t, admin, tb)
	waitShipped(t, tr, tr.Stats().Shipped+1000)
	close(stop)
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), long(30*time.Second, 5*time.Minute))
	defer cancel()
	begin, backlog := time.Now(), tr.Stats().Backlog
	if err := tr.Close(ctx); err != nil {
		t.Error(err)
	}
	t.Logf("%d events; backlog of %d after the outage, %d drained at the end in %v", next.Load(), during.Backlog, backlog, time.Since(begin))
	if tb.Super, err = pg.Connect(t.Context(), tb.DSN(""), pg.Options{}); err != nil {
		t.Fatal(err)
	}
	wantUsers(t, stored(t, tb), int(next.Load()))
	if s := tr.Stats(); s.Lost != 0 || s.Backlog != 0 || s.Conflicts != 0 || s.Tampered != 0 {
		t.Errorf("%+v", s)
	}
}

func exec1(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// waitShipped waits until so many records are shipped.
func waitShipped(t *testing.T, tr *Trail, n int64) int64 {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for tr.Stats().Shipped < n {
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %d shipped records: %+v", n, tr.Stats())
		}
		time.Sleep(5 * time.Millisecond) // polling a counter
	}
	return tr.Stats().Shipped
}

// crashServer kills the writer's backend as the kernel does: the server throws all sessions out and recovers.
func crashServer(t *testing.T, admin *pgx.Conn, tb *table) {
	t.Helper()
	var pid int
	err := admin.QueryRow(t.Context(), "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND usename = $2", tb.Name, tb.writer).Scan(&pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// A disk that really is full: what was kept ready takes events for a while, then they are refused, counted and paged, and
// when there is room again the journal goes on. Nothing that was acknowledged is lost.
func TestSystemDiskFull(t *testing.T) {
	mount := t.TempDir()
	disktest.Small(t, mount, "3m")
	store, p := newMemoryStore(), &pages{}
	store.setFault(down)
	o := testOptions(t, store)
	o.Dir, o.SegmentSize, o.Page = filepath.Join(mount, "journal"), 256<<10, p.page
	tr := openTrail(t, o)
	acked, refused := fillDisk(t, tr)
	if acked < 1000 || refused == 0 {
		t.Errorf("%d acknowledged, %d refused", acked, refused)
	}
	if s := tr.Stats(); s.Lost != refused || !s.Broken || s.Reserve {
		t.Errorf("on a full disk: %+v", s)
	}
	store.setFault(nil) // the store is back: draining makes room
	recordUntil(t, tr, attempt(-1))
	closeTrail(t, tr)
	got := users(store.all())
	for i := range acked {
		if got["u"+strconv.FormatInt(i, 10)] != 1 {
			t.Fatalf("acknowledged event %d stands %d times in the store", i, got["u"+strconv.FormatInt(i, 10)])
		}
	}
	if got["u-1"] != 1 || int64(len(got)) > acked+1 {
		t.Errorf("%d users, %d acknowledged", len(got), acked)
	}
	verifyChains(t, store.all())
	if p.count(AlarmSpace) == 0 || p.count(AlarmLost) == 0 {
		t.Errorf("paged %v", p.kind)
	}
	t.Logf("%d acknowledged on 3 MiB, %d refused and counted", acked, refused)
}

// A disk that has no room for a spare segment takes events all the same while one is tried: what is kept for a full disk does not
// fill it.
func TestSystemNoRoomForASpare(t *testing.T) {
	mount := t.TempDir()
	disktest.Small(t, mount, "12m")
	for n := range 5 {
		p := &pages{}
		o := testOptions(t, newMemoryStore())
		o.Dir, o.SegmentSize, o.Page = filepath.Join(mount, "journal"), 0, p.page
		tr := openTrail(t, o)
		for i := range 300 {
			if err := tr.Record(t.Context(), attempt(i)); err != nil {
				t.Fatalf("opened %d times, event %d: %v", n+1, i, err)
			}
		}
		if s := tr.Stats(); s.Reserve || p.count(AlarmSpace) != 1 {
			t.Errorf("a spare of 16 MiB on 12: %+v, paged %v", s, p.kind)
		}
		closeTrail(t, tr)
	}
}

// fillDisk records until events are refused for some time.
func fillDisk(t *testing.T, tr *Trail) (acked, refused int64) {
	t.Helper()
	for refused < 50 {
		e := attempt(int(acked))
		e.UserAgent = strings.Repeat("a", maxUserAgent)
		if refused > 0 {
			e.User = fmt.Sprintf("refused%d", refused)
		}
		err := tr.Record(t.Context(), e)
		switch {
		case err == nil && refused == 0:
			acked++
		case err == nil:
			t.Fatal("an event was taken on a full disk")
		case errors.Is(err, ErrNotDurable) && errors.Is(err, syscall.ENOSPC):
			refused++
		default:
			t.Fatal(err)
		}
		if acked > 100_000 {
			t.Fatal("the disk does not get full")
		}
	}
	return acked, refused
}
