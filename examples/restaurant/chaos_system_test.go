//go:build system

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/examples/restaurant/system"
	"github.com/ringfencehq/ringfence/internal/disktest"
	"github.com/ringfencehq/ringfence/internal/nettest"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// Under a load of violations the database goes away and crashes, the gateway is killed, and the disks of its journal and its
// stream, which are small ones, are filled. Afterwards every refusal that was answered is in the table, once, but for those that
// the gateway counted as not recorded while the disk was full; nothing is there that was not tried; and the chains verify. What the
// table has is in the stream beside it, once, but for what the kill took from the stream's queue. The database is away for five
// seconds; with RINGFENCE_LONG=1 for a minute.
func TestSystemChaos(t *testing.T) {
	away, journal, streams, keep := 5*time.Second, "12m", "32m", "20MiB"
	long := os.Getenv("RINGFENCE_LONG") == "1"
	if long {
		away, journal, streams, keep = time.Minute, "96m", "160m", "100MiB"
	}
	dir, bus := t.TempDir(), nettest.Free(t)
	var disks []disktest.Disk
	for at, size := range map[string]string{(&stack{dir: dir}).journal(): journal, (&stack{dir: dir}).streams(): streams} {
		if err := os.Mkdir(at, 0o700); err != nil {
			t.Fatal(err)
		}
		disks = append(disks, disktest.Small(t, at, size))
	}
	w, err := newWorld(t.Context(), dir, stackOptions{ttl: "10m", bus: bus, keep: keep})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Errorf("ending the system: %v", err)
		}
	})
	w.tellLogs(t)
	l := newLoad(t, w)
	stage := func(what string, d time.Duration) {
		t.Helper()
		before := l.answered()
		timer := time.NewTimer(d) // the load goes on for so long: it is what is measured
		<-timer.C
		t.Logf("%s: %d refusals answered", what, l.answered()-before)
	}
	stage("all well", time.Second)

	up := w.databaseDown(t)
	stage("the database away", away)
	up()
	eventually(t, "the trail ships again", func() bool { return w.metric(t, "ringfence_trail_store_failing") == 0 })

	l.pause()
	killOneBackend(t, w)
	l.goOn()
	stage("behind a crash of the database", 2*time.Second)

	if n := w.unrecorded(t); n != 0 {
		t.Errorf("%d refusals were not recorded while the disk had room", n)
	}
	killed := time.Now()
	if err := w.gateway.kill(); err != nil {
		t.Fatal(err)
	}
	if err := w.startGateway(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.warm(t)
	stage("behind a kill of the gateway", 2*time.Second)

	for _, d := range disks {
		d.Fill(t)
	}
	stage("the disks full", time.Second)
	for _, d := range disks {
		d.Empty(t)
	}
	stage("the disks free", time.Second)
	l.stop()
	lost := w.unrecorded(t)
	if lost == 0 && !long { // a disk that had room for a spare has taken events meanwhile
		t.Error("nothing was lost: the journal's disk was not full")
	}
	l.compareStream(t, bus, killed)
	if err := w.gateway.stop(); err != nil {
		t.Fatal(err)
	}
	l.compare(t, lost)
	for _, args := range [][]string{
		{"trail", "reconcile", w.system.DSN(system.Audit), "--journal", w.journal()},
		{"trail", "verify", w.system.DSN(pg.Superuser), "--journal", w.journal(), "--key", w.trailKey() + ".pub"},
	} {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), self, append([]string{"ringfence"}, args...)...).CombinedOutput(); err != nil {
			t.Errorf("ringfence %s: %v\n%s", strings.Join(args[:2], " "), err, out)
		}
	}
}

// unrecorded is how many tries the gateway that runs refused without keeping them.
func (w *world) unrecorded(t *testing.T) int {
	t.Helper()
	return int(w.metric(t, `ringfence_refusals_unrecorded_total{event="cross_tenant",severity="CRITICAL"}`))
}

// killOneBackend kills a process of the server, as the system does when memory is out: the server ends all sessions and recovers.
func killOneBackend(t *testing.T, w *world) {
	t.Helper()
	victim, err := pgx.Connect(t.Context(), w.system.DSN(system.Audit))
	if err != nil {
		t.Fatal(err)
	}
	defer victim.Close(context.WithoutCancel(t.Context()))
	if err := syscall.Kill(int(victim.PgConn().PID()), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server's recovery", func() bool { return w.connectAudit(t.Context()) == nil })
}

// load tries other restaurants' ids, each id once, and notes which tries were answered with a refusal.
type load struct {
	w      *world
	tokens []string
	cancel context.CancelFunc
	done   sync.WaitGroup
	halt   sync.RWMutex

	mu       sync.Mutex
	tried    map[string]bool
	refusals map[string]bool
}

const loaders = 4

func newLoad(t *testing.T, w *world) *load {
	l := &load{w: w, tried: map[string]bool{}, refusals: map[string]bool{}}
	for _, p := range w.system.People[:loaders] {
		l.tokens = append(l.tokens, w.token(t, claims(p.Restaurant, p.User, map[string]any{"exp": time.Now().Add(30 * time.Minute).Unix()})))
	}
	l.warm(t)
	ctx, cancel := context.WithCancel(t.Context())
	l.cancel = cancel
	for n := range loaders {
		l.done.Go(func() { l.run(ctx, n) })
	}
	return l
}

// warm has the gateway know that those who try are members.
func (l *load) warm(t *testing.T) {
	t.Helper()
	for _, token := range l.tokens {
		eventually(t, "a request that is let through", func() bool {
			status, _ := call(t, l.w.stack, "GET", "/api/menu", token, "")
			return status == 200
		})
	}
}

func (l *load) run(ctx context.Context, n int) {
	client := &http.Client{Timeout: 5 * time.Second}
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		l.halt.RLock()
		l.one(client, l.tokens[n])
		l.halt.RUnlock()
	}
}

// one tries an id that nobody tried before.
func (l *load) one(client *http.Client, token string) {
	raw := make([]byte, 16)
	rand.Read(raw)
	h := hex.EncodeToString(raw)
	id := fmt.Sprintf("%s-%s-4%s-8%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:])
	l.mu.Lock()
	l.tried[id] = true
	l.mu.Unlock()
	req, err := http.NewRequest("GET", l.w.url+"/api/orders?restaurant_id="+id, nil)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(req)
	if err != nil {
		return // the gateway is away: whether it was recorded nobody was told
	}
	_ = answer.Body.Close()
	if answer.StatusCode == http.StatusForbidden {
		l.mu.Lock()
		l.refusals[id] = true
		l.mu.Unlock()
	}
}

func (l *load) answered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.refusals)
}

func (l *load) pause() { l.halt.Lock() }
func (l *load) goOn()  { l.halt.Unlock() }
func (l *load) stop()  { l.cancel(); l.done.Wait() }

// entry is what the table has of one try: how often, and when it was first.
type entry struct {
	count int64
	at    time.Time
}

// table reads what the trail's table has, by the id that was tried.
func (l *load) table(t *testing.T) map[string]entry {
	t.Helper()
	if err := l.w.connectAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := l.w.audit.Query(t.Context(), "SELECT attempted_tenant_id, sum(count)::int8, min(created_at) FROM ringfence.trail_event WHERE event_type = 'cross_tenant' GROUP BY 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	kept := map[string]entry{}
	for rows.Next() {
		var id string
		var e entry
		if err := rows.Scan(&id, &e.count, &e.at); err != nil {
			t.Fatal(err)
		}
		kept[id] = e
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return kept
}

// compare holds what was answered against the table.
func (l *load) compare(t *testing.T, lost int) {
	t.Helper()
	kept := l.table(t)
	missing, doubled, strange := 0, 0, 0
	for id := range l.refusals {
		switch n := kept[id].count; {
		case n == 0:
			missing++
		case n > 1:
			doubled++
		}
	}
	for id := range kept {
		if !l.tried[id] {
			strange++
		}
	}
	t.Logf("%d tried, %d answered with a refusal, %d in the table, %d counted as not recorded", len(l.tried), len(l.refusals), len(kept), lost)
	if missing != lost || doubled > 0 || strange > 0 {
		t.Errorf("%d refusals are missing (%d were counted so), %d doubled, %d nobody tried", missing, lost, doubled, strange)
	}
	if len(l.refusals) < 500 {
		t.Errorf("only %d refusals: the load was none", len(l.refusals))
	}
}
