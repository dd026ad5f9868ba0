//go:build system

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// attackers try another tenant's session on a gateway, over and over, each time as another user: what is answered, and what was asked.
type attackers struct {
	mu       sync.Mutex
	asked    map[string]bool
	answered map[string]bool
	n        atomic.Int64
	stop     chan struct{}
	wait     sync.WaitGroup
}

func attack(t *testing.T, f *fleet) *attackers {
	a := &attackers{asked: map[string]bool{}, answered: map[string]bool{}, stop: make(chan struct{})}
	for _, n := range f.nodes {
		for range 2 {
			a.wait.Go(func() {
				for {
					select {
					case <-a.stop:
						return
					default:
						a.once(t, n)
					}
				}
			})
		}
	}
	return a
}

func (a *attackers) once(t *testing.T, n *node) {
	user := fmt.Sprint("u", a.n.Add(1))
	c, status := n.open(signedToken(t, jwt.MapClaims{"sub": user}))
	if status != 0 { // a gateway that is down, or not up yet
		time.Sleep(20 * time.Millisecond)
		return
	}
	defer c.Close()
	a.mu.Lock()
	a.asked[user] = true
	a.mu.Unlock()
	if wsutil.WriteClientText(c, []byte(`{"type":"session.start","session_config":{"restaurant_id":"`+theirs+`"}}`)) != nil {
		return
	}
	if code, _ := c.end(patience); code == ws.StatusPolicyViolation {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.answered[user] = true
	}
}

// more waits until so many more refusals are answered.
func (a *attackers) more(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.answered)
	}
	goal := count() + n
	for deadline := time.Now().Add(2 * time.Minute); count() < goal; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d refusals were answered", count(), goal)
		}
	}
}

// TestSystemFleetChaos attacks three gateways while one is killed and begins again, the network between them is cut, and the database is
// away, for a minute at full size. Each refusal that was answered is in the table, once; nothing is there that was not asked; and chain
// and counts hold for every node.
func TestSystemFleetChaos(t *testing.T) {
	f := newFleet(t)
	a := attack(t, f)
	a.more(t, 100)

	f.nodes[0].kill(t)
	a.more(t, 50)
	f.start(t, f.nodes[0])
	f.nodes[0].waitReady(t)

	for _, n := range f.nodes {
		n.relay.cut()
	}
	a.more(t, 100)

	admin, err := pg.Connect(t.Context(), f.Server.DSN("postgres", pg.Superuser), pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	do := func(sql string, args ...any) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	database := pgx.Identifier{f.Name}.Sanitize()
	do("ALTER DATABASE " + database + " ALLOW_CONNECTIONS false")
	do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", f.Name)
	outage := 5 * time.Second
	if long() {
		outage = time.Minute
	}
	until := time.Now().Add(outage)
	for time.Now().Before(until) { // refusals go on being answered, from the journals
		a.more(t, 20)
	}
	do("ALTER DATABASE " + database + " ALLOW_CONNECTIONS true")
	for _, n := range f.nodes {
		n.relay.mend()
	}
	a.more(t, 100)
	close(a.stop)
	a.wait.Wait()
	for _, n := range f.nodes {
		if err := n.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if code := n.code(); code != 0 {
			t.Errorf("%s: exit %d: %s", n.name, code, tail(n.stderr.String()))
		}
	}
	f.wantKept(t, a)
	verify := []string{"trail", "verify", f.DSN("")}
	for _, key := range f.keys {
		verify = append(verify, "--key", key)
	}
	run(t, 0, t.TempDir(), verify...)
	for _, n := range f.nodes {
		run(t, 0, t.TempDir(), "trail", "reconcile", f.DSN(""), "--journal", filepath.Join(n.dir, "trail"))
	}
}

// wantKept compares the table with what was asked and answered.
func (f *fleet) wantKept(t *testing.T, a *attackers) {
	t.Helper()
	conn, err := pg.Connect(t.Context(), f.DSN(""), pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), "SELECT user_id, sum(count)::bigint FROM ringfence.trail_event WHERE event_type = 'cross_tenant' GROUP BY user_id")
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]int64{}
	var user string
	var count int64
	if _, err := pgx.ForEachRow(rows, []any{&user, &count}, func() error { kept[user] = count; return nil }); err != nil {
		t.Fatal(err)
	}
	var lost, doubled, invented []string
	for user := range a.answered {
		if kept[user] == 0 {
			lost = append(lost, user)
		}
	}
	for user, count := range kept {
		if count > 1 {
			doubled = append(doubled, user+" "+strconv.FormatInt(count, 10))
		}
		if !a.asked[user] {
			invented = append(invented, user)
		}
	}
	t.Logf("%d asked, %d answered, %d kept", len(a.asked), len(a.answered), len(kept))
	if len(lost)+len(doubled)+len(invented) > 0 || len(a.answered) < 300 {
		t.Errorf("lost %v, doubled %v, never asked %v", lost, doubled, invented)
	}
}
