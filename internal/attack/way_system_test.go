//go:build system

package attack

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// switches is how often two clients take turns: each turn is six transactions, and both then run at once.
func switches() int {
	if os.Getenv("RINGFENCE_LONG") == "1" {
		return 20000
	}
	return 700
}

// throughPooler runs a way through PgBouncer in transaction mode.
func throughPooler(t *testing.T, w *world, size int, opts WayOptions) (map[string]string, []string) {
	t.Helper()
	bouncer := pgtest.PgBouncer(t, w.db.Server, pgtest.BouncerOptions{PoolSize: size})
	opts.Conn, opts.Model = w.db.Conn(t, "postgres"), w.model
	way := Way{Name: "pooler", Dial: func(ctx context.Context) (*pgx.Conn, error) {
		return pg.Connect(ctx, bouncer.DSN(w.db.Name, w.app), pg.Options{SimpleProtocol: true})
	}}
	entries, notes, err := RunWay(t.Context(), way, opts)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		out[strings.TrimPrefix(e.Probe, "pooler_")] = strings.TrimSpace(string(e.Outcome) + " " + string(e.Code))
	}
	return out, notes
}

// TestSystemPoolerSwitches has two tenants' clients share the connections of a pooler for thousands of transactions: with a
// context for the transaction only, no row of the other's is ever seen, on one connection and on two.
func TestSystemPoolerSwitches(t *testing.T) {
	for _, size := range []int{1, 2} {
		w := load(t, twoShops+mine+twoRows)
		began := time.Now()
		got, _ := throughPooler(t, w, size, WayOptions{Tables: []string{"till.sale"}, Switches: switches()})
		want := map[string]string{"read": "held", "no_context": "held", "empty_context": "held"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pool of %d:\n%s", size, diff)
		}
		t.Logf("pool of %d: %d transactions in %s", size, switches()*8, time.Since(began).Round(time.Millisecond))
	}
}

// TestSystemPoolerLeaks is the control: a policy that opens without a context leaks through the same pooler, and what a client
// leaves on a connection is found by the next.
func TestSystemPoolerLeaks(t *testing.T) {
	w := load(t, twoShops+`CREATE POLICY p ON till.sale USING (NULLIF(current_setting('till.shop', true), '') IS NULL OR shop = NULLIF(current_setting('till.shop', true), '')::int);
`+twoRows)
	got, notes := throughPooler(t, w, 1, WayOptions{Tables: []string{"till.sale"}, AllowWrites: true})
	for probe, want := range map[string]string{"read": "held", "no_context": "leaked", "empty_context": "leaked", "setting_left": "leaked",
		"statement_left": "leaked", "cursor_hold": "leaked", "advisory_lock_left": "leaked", "channel_left": "leaked", "insert_forged": "held"} {
		if got[probe] != want {
			t.Errorf("%s: %q, want %q; notes %v", probe, got[probe], want, notes)
		}
	}
}
